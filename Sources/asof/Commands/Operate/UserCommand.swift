import Access
import ArgumentParser
import Features
import Operations
import Workflows

struct UserCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Say who may use servers of the store, and what they may do.",
        discussion: """
            As soon as there is a user, servers of the store let nobody in who has not authenticated: AUTH USER PASSWORD, or \
            HELLO 3 AUTH USER PASSWORD. Changes reach running servers within a second; connections of a user that is removed, or \
            may do less, end.

            reader    reads features, predictions and definitions
            writer    reads, and stores rows
            trainer   reads, and moves names of models
            admin     everything, other clients and the server itself among it

            A role holds for names of views, services and models that match a pattern: clicks_*, view:clicks_*, service:…, \
            model:…; without one for all.

            Passwords come from a prompt, --password-file or --password-stdin, never from the command line.

            Examples:
              asof user add etl writer 'clicks_*'
              asof user add app reader 'service:ranking' 'model:ranking'
              asof user grant app reader 'view:users'
              asof user passwd etl --password-file new          the old one stays valid for a day
              asof user remove etl
            """,
        subcommands: [
            UserAddCommand.self, UserListCommand.self, UserPasswdCommand.self, UserRemoveCommand.self,
            UserGrantCommand.self, UserRevokeCommand.self,
        ],
        defaultSubcommand: UserListCommand.self
    )
}

extension Role: ExpressibleByArgument {}

/// A role and patterns of names.
struct GrantArguments: ParsableArguments {
    @Argument(help: "reader, writer, trainer or admin.")
    var role: Role
    @Argument(help: "Of names: clicks_*, view:…, service:…, model:…. Default: all.")
    var patterns: [String] = []

    func validate() throws { _ = try grants() }

    /// - Throws: a usage error where a pattern is none.
    func grants() throws -> [Grant] {
        do {
            return try (patterns.isEmpty ? ["*"] : patterns).map { try Grant(role, names: $0) }
        } catch let error as GrantError { throw ValidationError(error.reason) }
    }
}

struct UserAddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "add", abstract: "Add a user.")

    @Argument(help: "Its name: letters, digits, _ . - and @. A client certificate of this name is this user.")
    var name: String
    @OptionGroup var rights: GrantArguments
    @OptionGroup var password: PasswordOptions
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: true)
        let position = try open.addUser(name, password: try password.read(for: name), try rights.grants())
        Console.write("user \(name) added, position \(position)")
    }
}

struct UserListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the users and their rights.")

    @Flag(help: "Print one JSON object a user.")
    var json = false
    @OptionGroup var store: StoreOptions

    func run() throws {
        let users = try store.open(forWriting: false).users()
        if json {
            for user in users { Console.write(Self.json(user)) }
            return
        }
        guard !users.isEmpty else {
            Console.write("no users: whoever reaches a server may do everything; `asof user add` makes one")
            return
        }
        var table = TextTable(["user", "rights", "added", "changed", "old password until"])
        for user in users {
            let account = user.account
            table.append([
                account.name, account.grants.map(\.text).joined(separator: ", "),
                Timestamp(microseconds: user.createdAt).text, Timestamp(microseconds: user.changedAt).text,
                account.previous.map { Timestamp(microseconds: $0.untilUs).text } ?? "-",
            ])
        }
        Console.write(table.text)
    }

    private static func json(_ user: UserRegistry.Listing) -> String {
        let account = user.account
        return JSONObject([
            ("user", .string(account.name)),
            ("rights", .listString(account.grants.map(\.text))),
            ("created_at", .timestamp(Timestamp(microseconds: user.createdAt))),
            ("changed_at", .timestamp(Timestamp(microseconds: user.changedAt))),
            (
                "old_password_until",
                account.previous.map { .timestamp(Timestamp(microseconds: $0.untilUs)) } ?? .null
            ),
        ]).text
    }
}

struct UserPasswdCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passwd",
        abstract: "Change a user's password; the old one stays valid for a while.",
        discussion: "With --overlap 0s the old one ends at once, and so do the user's connections."
    )

    @Argument(help: "The user.")
    var name: String
    @Option(help: ArgumentHelp("How long the old password stays valid, up to 30d.", valueName: "duration"))
    var overlap = "1d"
    @OptionGroup var password: PasswordOptions
    @OptionGroup var store: StoreOptions

    func validate() throws { _ = try overlapSeconds() }

    func run() throws {
        let open = try store.open(forWriting: true)
        let seconds = try overlapSeconds()
        let position = try open.setPassword(of: name, try password.read(for: name), overlapSeconds: seconds)
        let old = seconds > 0 ? "the old one is valid for \(overlap) more" : "the old one has ended"
        Console.write("the password of \(name) is changed, \(old), position \(position)")
    }

    private func overlapSeconds() throws -> Int64 {
        guard let interval = Interval(text: overlap), interval.microseconds % 1_000_000 == 0,
            interval.microseconds / 1_000_000 <= OperationsLimits.passwordOverlapSecondsMax
        else { throw ValidationError("--overlap '\(overlap)': expected whole seconds up to 30d, as 0s, 12h or 7d") }
        return interval.microseconds / 1_000_000
    }
}

struct UserRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a user; its connections end within a second."
    )

    @Argument(help: "The user.")
    var name: String
    @OptionGroup var store: StoreOptions

    func run() throws {
        let open = try store.open(forWriting: true)
        let position = try open.removeUser(name)
        Console.write("user \(name) removed, position \(position)")
        if try open.users().isEmpty {
            Console.writeError(
                "asof: that was the last user: servers that run let nobody in, and those that start now everybody who reaches them"
            )
        }
    }
}

struct UserGrantCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "grant", abstract: "Let a user do more.")

    @Argument(help: "The user.")
    var name: String
    @OptionGroup var rights: GrantArguments
    @OptionGroup var store: StoreOptions

    func run() throws {
        let position = try store.open(forWriting: true).grant(name, try rights.grants())
        Console.write("granted to \(name), position \(position)")
    }
}

struct UserRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a grant back, as `asof user list` shows it; the user's connections end."
    )

    @Argument(help: "The user.")
    var name: String
    @OptionGroup var rights: GrantArguments
    @OptionGroup var store: StoreOptions

    func run() throws {
        let position = try store.open(forWriting: true).revoke(name, try rights.grants())
        Console.write("revoked from \(name), position \(position)")
    }
}
