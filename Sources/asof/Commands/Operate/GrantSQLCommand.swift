import ArgumentParser
import Operations

struct GrantSQLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant-sql",
        abstract: "Print the statements that give a role of PostgreSQL what it needs, and no more.",
        discussion: """
            The store's owner runs them; again after `asof migrate`. The role itself is made by CREATE ROLE.

            reader    export, get, verify, predict, replay, log, views, check, doctor
            writer    that, ingest, materialize, score, stream, segments, rebuild-online, serve
            trainer   what a reader may, train, learn and models
            owner     a role that is to make a store here

            Example: asof grant-sql etl writer | psql "$(asof uri)"
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Argument(help: "The role's name.")
    var role: String
    @Argument(help: "reader, writer, trainer or owner.")
    var kind: RoleGrants

    func validate() throws {
        // What PostgreSQL would cut, or could not have.
        guard !role.isEmpty, role.utf8.count <= 63, !role.contains("\0") else {
            throw ValidationError("'\(role.prefix(64))': a role's name has 1 to 63 bytes")
        }
    }

    func run() throws { for statement in kind.statements(for: role) { Console.write(statement) } }
}

extension RoleGrants: ExpressibleByArgument {}
