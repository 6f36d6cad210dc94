import ArgumentParser
import Postgres

struct UriCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uri",
        abstract: "Print the store's connection string, as in: psql \"$(asof uri)\"",
        discussion: """
            Starts the embedded PostgreSQL if that is the store; it stops about a minute after its last use.

            With --redact passwords are left out, for logs and questions to others.
            """,
        // See CommandGroups.
        shouldDisplay: false
    )

    @Flag(help: "Without passwords.")
    var redact = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let conninfo = try store.locate().conninfo
        Console.write(redact ? try ConnectionString.redacted(conninfo) : conninfo)
    }
}
