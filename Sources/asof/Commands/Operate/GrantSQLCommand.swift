import ArgumentParser
import Operations

struct GrantSQLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant-sql",
        abstract: "Print the statements that give a role of PostgreSQL what it needs, and no more.",
        discussion: """
            The store's owner runs them; again after `asof migrate`. The role itself is made by CREATE ROLE. It then has what its
            kinds need, and no more: what another kind gave it before is taken back. A role of several kinds is given all at
            once: a server with --allow-flips is writer,trainer.

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
    @Argument(help: "reader, writer, trainer or owner; several as writer,trainer.")
    var kind: RoleKinds

    func validate() throws {
        // What PostgreSQL would cut, or could not have.
        guard !role.isEmpty, role.utf8.count <= 63, !role.contains("\0") else {
            throw ValidationError("'\(role.prefix(64))': a role's name has 1 to 63 bytes")
        }
    }

    func run() throws { for statement in RoleGrants.statements(of: kind.kinds, for: role) { Console.write(statement) } }
}

/// Kinds of a role, as `writer,trainer`.
struct RoleKinds: ExpressibleByArgument {
    let kinds: Set<RoleGrants>

    /// An owner has everything once it has made the store: beside other kinds it would say nothing, or too much.
    init?(argument: String) {
        let words = argument.split(separator: ",", omittingEmptySubsequences: false).map {
            RoleGrants(rawValue: String($0))
        }
        kinds = Set(words.compactMap(\.self))
        guard !words.contains(nil), !kinds.contains(.owner) || kinds.count == 1 else { return nil }
    }

    static var allValueStrings: [String] { RoleGrants.allCases.map(\.rawValue) }
}
