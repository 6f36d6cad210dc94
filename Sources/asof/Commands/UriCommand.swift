import ArgumentParser

struct UriCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uri",
        abstract: "Print the store's connection string, as in: psql \"$(asof uri)\"",
        discussion: "Starts the embedded PostgreSQL if that is the store; it stops about a minute after its last use."
    )

    @OptionGroup var store: StoreOptions

    func run() throws { Console.write(try store.locate().conninfo) }
}
