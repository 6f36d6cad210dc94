package import Access
package import Wire

/// One command: what clients are told about it, and what it does.
///
/// A command's metadata is this value and nothing else: COMMAND DOCS and INFO, arity errors, permissions and
/// docs/reference/commands.md are made from it.
package struct Command: Sendable {
    /// In lower case, as Redis lists them: `fs.get`.
    package let name: String
    /// Number of arguments with the name; negative = at least that many.
    package let arity: Int
    /// The most arguments, with the name; more are refused before the command looks at them.
    package let argumentsMax: Int
    /// The most bytes of a request; more are refused likewise.
    package let requestBytesMax: Int
    package let summary: String
    /// The version of Asof that has it first.
    package let since: String
    package let group: Group
    package let complexity: String
    package let flags: Flags
    /// What it asks of its caller, for every protocol that runs it.
    package let access: CommandAccess
    /// How many arguments logs may keep, the name among them: the values that a write brings are not for them.
    package let loggedMax: Int
    package let arguments: [ArgumentSpec]
    /// Of a container such as CLIENT; their names are whole: `client|setname`.
    package let subcommands: [Command]
    package let run: Handler
    /// Of a write that may stand in a transaction.
    package let prepare: Prepare?
    /// Of a write that may be numbered.
    package let unread: Unread?

    /// Writes exactly one reply, or says how it comes to be written.
    package typealias Handler = @Sendable (inout CommandContext, borrowing Arguments) -> CommandOutcome
    /// Checks a write and takes what it needs of its arguments, for EXEC to submit; where it cannot be written, writes an
    /// error as the reply and returns `nil`.
    package typealias Prepare = @Sendable (inout CommandContext, borrowing Arguments) -> (any QueuedWrite)?
    /// What a write leaves that is refused before it is looked at: its number, for ``EngineHooks/abandon``; `nil` = it has none.
    package typealias Unread = @Sendable (borrowing Arguments) -> (any QueuedWrite)?

    package enum Group: String, Sendable, CaseIterable {
        case connection, server, transactions, features, models, hash, generic
    }

    package struct Flags: OptionSet, Sendable {
        package let rawValue: Int
        package init(rawValue: Int) { self.rawValue = rawValue }

        package static let readonly = Flags(rawValue: 1 << 0)
        package static let write = Flags(rawValue: 1 << 1)
        package static let fast = Flags(rawValue: 1 << 2)
        /// May run while latest values are being loaded.
        package static let loading = Flags(rawValue: 1 << 3)
        /// May run before the client has authenticated.
        package static let noAuth = Flags(rawValue: 1 << 4)
        /// Cannot stand between MULTI and EXEC.
        package static let noMulti = Flags(rawValue: 1 << 5)
        package static let blocking = Flags(rawValue: 1 << 6)
        package static let admin = Flags(rawValue: 1 << 7)
        /// Runs at once between MULTI and EXEC too.
        package static let unqueued = Flags(rawValue: 1 << 8)
    }

    /// - Parameter commandClass: `nil` = as the flags say: see ``CommandAccess``.
    package init(
        _ name: String,
        arity: Int,
        summary: String,
        since: String = "0.1.0",
        group: Group,
        complexity: String = "O(1)",
        flags: Flags,
        arguments: [ArgumentSpec] = [],
        argumentsMax: Int = CommandLimits.argumentsMax,
        requestBytesMax: Int = CommandLimits.requestBytesMax,
        loggedMax: Int = .max,
        commandClass: CommandClass? = nil,
        prepare: Prepare? = nil,
        unread: Unread? = nil,
        run: @escaping Handler
    ) {
        self.name = name
        self.arity = arity
        self.summary = summary
        self.since = since
        self.group = group
        self.complexity = complexity
        self.flags = flags
        self.arguments = arguments
        self.argumentsMax = argumentsMax
        self.requestBytesMax = requestBytesMax
        self.loggedMax = loggedMax
        self.prepare = prepare
        self.unread = unread
        self.run = run
        access = CommandAccess(
            commandClass ?? CommandAccess.commandClass(flags),
            CommandAccess.names(arguments, from: name.contains("|") ? 2 : 1)
        )
        subcommands = []
    }

    /// A container: what it does, its subcommands do. It gets a subcommand HELP.
    /// - Parameter bare: what it does without a subcommand; none = an error.
    package init(
        _ name: String,
        summary: String,
        since: String = "0.1.0",
        group: Group,
        subcommands: [Command],
        bare: Handler? = nil
    ) {
        self.name = name
        arity = bare == nil ? -2 : -1
        self.summary = summary
        self.since = since
        self.group = group
        complexity = "O(1)"
        flags = subcommands.reduce(Flags([.loading, .fast])) { $0.intersection($1.flags) }
        // Without a subcommand it does nothing but say what there is.
        access = CommandAccess(.connected, .none)
        arguments = []
        argumentsMax = CommandLimits.argumentsMax
        requestBytesMax = CommandLimits.requestBytesMax
        loggedMax = .max
        prepare = nil
        unread = nil
        run =
            bare ?? { context, arguments in
                context.reply.error(CommandTable.unknownSubcommand(of: name, arguments.text(1)))
                return .replied
            }
        self.subcommands = subcommands + [Command.help(of: name, subcommands, since: since, group: group)]
    }
}

/// An argument as COMMAND DOCS describes it, in Redis's words.
package struct ArgumentSpec: Sendable {
    package enum Kind: String, Sendable {
        case string, integer, double, key
        case token = "pure-token"
        case oneOf = "oneof"
        case block
    }

    package let name: String
    package let kind: Kind
    /// The word that stands before it.
    package let token: String?
    package let isOptional: Bool
    package let isMultiple: Bool
    /// Of a block or a choice.
    package let parts: [ArgumentSpec]

    package init(
        _ name: String,
        _ kind: Kind = .string,
        token: String? = nil,
        isOptional: Bool = false,
        isMultiple: Bool = false,
        parts: [ArgumentSpec] = []
    ) {
        self.name = name
        self.kind = kind
        self.token = token
        self.isOptional = isOptional
        self.isMultiple = isMultiple
        self.parts = parts
    }
}
