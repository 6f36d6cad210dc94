import Features
import Online
import Reading
import Serving
import Wire

extension CommandTable {
    /// The latest values as read-only hashes, keys `view:entity`, so that any Redis client can look.
    static let hashCommands: [Command] = [
        Command(
            "exists",
            arity: -2,
            summary: "How many of the keys view:entity have values.",
            group: .generic,
            complexity: "O(keys)",
            flags: [.readonly, .fast],
            arguments: [ArgumentSpec("key", .key, isMultiple: true)],
            run: { context, arguments in HashCommands.exists(&context, arguments) }
        ),
        hash("type", "hash where the key has values, else none.", .generic) { _, _ in .type },
        hash("ttl", "Seconds until the values expire; -1 = never, -2 = no such key.", .generic) { _, _ in
            .timeToLive(unit: 1_000_000)
        },
        hash("pttl", "Milliseconds until the values expire; -1 = never, -2 = no such key.", .generic) { _, _ in
            .timeToLive(unit: 1_000)
        },
        hash("hlen", "How many features of the key have values.", .hash) { _, _ in .length },
        hash("hgetall", "All features of the key that have values.", .hash, complexity: "O(F), F = features") { _, _ in
            .all
        },
        hash(
            "hget",
            "The value of one feature.",
            .hash,
            arity: 3,
            more: [ArgumentSpec("field")]
        ) { arguments, view in .field(view?.column(named: arguments[2])) },
        hash(
            "hmget",
            "The values of several features.",
            .hash,
            arity: -3,
            complexity: "O(F), F = fields asked for",
            more: [ArgumentSpec("field", isMultiple: true)]
        ) { arguments, view throws(CommandFault) in .fields(try HashCommands.fields(arguments, view)) },
        hash(
            "hscan",
            "The features of the key, at once: the cursor is always 0.",
            .hash,
            arity: -3,
            complexity: "O(F), F = features",
            more: [
                ArgumentSpec("cursor", .integer), ArgumentSpec("pattern", token: "MATCH", isOptional: true),
                ArgumentSpec("count", .integer, token: "COUNT", isOptional: true),
                ArgumentSpec("novalues", .token, token: "NOVALUES", isOptional: true),
            ]
        ) { arguments, _ throws(CommandFault) in
            let options = try ScanOptions(arguments, from: 3, of: "hscan")
            return .scan(HashScan(pattern: options.pattern, hasValues: options.hasValues))
        },
        Command(
            "scan",
            arity: -2,
            summary: "Keys view:entity of resident views, some at a time.",
            group: .generic,
            complexity: "O(COUNT) a call",
            flags: [.readonly],
            arguments: [
                ArgumentSpec("cursor", .integer), ArgumentSpec("pattern", token: "MATCH", isOptional: true),
                ArgumentSpec("count", .integer, token: "COUNT", isOptional: true),
                ArgumentSpec("type", token: "TYPE", isOptional: true),
            ],
            run: { context, arguments in KeyScan.run(&context, arguments) }
        ),
    ]

    private static func hash(
        _ name: String,
        _ summary: String,
        _ group: Command.Group,
        arity: Int = 2,
        complexity: String = "O(1)",
        more: [ArgumentSpec] = [],
        _ question: @escaping HashCommands.Ask
    ) -> Command {
        Command(
            name,
            arity: arity,
            summary: summary,
            group: group,
            complexity: complexity,
            flags: [.readonly, .fast],
            arguments: [ArgumentSpec("key", .key)] + more,
            run: { context, arguments in HashCommands.run(&context, arguments, question) }
        )
    }
}

/// Commands on one key, the first argument.
enum HashCommands {
    /// What is asked; the view is `nil` where the key names none.
    typealias Ask = @Sendable (borrowing Arguments, ServedView?) throws(CommandFault) -> HashReply.Question

    static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments, _ ask: Ask) -> CommandOutcome {
        do throws(CommandFault) {
            let reads = try FeatureCommands.reads(context)
            let catalog = reads.source.catalog()
            let key = HashKey(arguments[1], in: catalog)
            let question = try ask(arguments, key?.view)
            guard let key else {
                // Any view will do for a hash that is not there.
                NoHash(question).write(to: &context.reply)
                return .replied
            }
            let now = if case .timeToLive = question { reads.source.now() } else { 0 as Int64 }
            let lookup = RowLookup(views: [key.view], keys: [key.keys], rowCount: 1, isCounted: false)
            let form = HashReply(question: question, view: key.view, now: now)
            let limits = context.reply.limits
            if !context.isTogether { context.reply.begin(reads.large.sizes.inlineLimits) }
            // Replies without a position do not depend on the catalog's being the newest.
            guard
                case .outcome(let outcome) = lookup.answer(form, reads, of: catalog, after: 0, &context.reply)
            else { return .replied }
            guard context.reply.isRefused, !context.isTogether else { return outcome }
            // Long texts, of which nobody knew before.
            context.reply.restart(limits)
            return .deferred(lookup.later(form, reads, of: catalog, after: 0, context.reply.version))
        } catch {
            context.fail(error)
            return .replied
        }
    }

    /// The columns that HMGET names; `nil` = an unknown field.
    ///
    /// A field may be named twice, as in Redis, where its value has a few bytes: the reply is then of the request's size.
    static func fields(_ arguments: borrowing Arguments, _ view: ServedView?) throws(CommandFault) -> [Int?] {
        guard let view else { return Array(repeating: nil, count: arguments.count - 2) }
        var columns: [Int?] = []
        columns.reserveCapacity(arguments.count - 2)
        var isTaken = [Bool](repeating: false, count: view.layout.columns.count)
        for index in 2..<arguments.count {
            let column = view.column(named: arguments[index])
            if let column {
                let type = view.layout.columns[column].type
                if isTaken[column], type.isVariableWidth || type.packedWidth ?? 1 > 1 {
                    throw CommandFault(
                        .limit,
                        "HMGET names \(CommandFault.quoted(arguments.text(index))) twice, which is a \(type.text); name it once"
                    )
                }
                isTaken[column] = true
            }
            columns.append(column)
        }
        return columns
    }

    static func exists(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        do throws(CommandFault) {
            let reads = try FeatureCommands.reads(context)
            let catalog = reads.source.catalog()
            var views: [ServedView] = []
            var keys: [LookupKeys] = []
            var roles: [ObjectIdentifier: Int] = [:]
            for index in 1..<arguments.count {
                guard let key = HashKey(arguments[index], in: catalog) else { continue }
                if let role = roles[ObjectIdentifier(key.view)] {
                    keys[role].append(key.keys)
                } else {
                    roles[ObjectIdentifier(key.view)] = views.count
                    views.append(key.view)
                    keys.append(key.keys)
                }
            }
            let lookup = RowLookup(views: views, keys: keys, rowCount: keys.map(\.count).max() ?? 0, isCounted: false)
            if lookup.isResident {
                context.reply.integer(lookup.hashCount(views.compactMap(\.memory), reads))
                return .replied
            }
            let hold = try reads.memory.hold(lookup.keyBytes)
            return .deferred(
                DeferredReply { finish in
                    lookup.memories(reads, after: 0) { result in
                        defer { withExtendedLifetime(hold) {} }
                        switch result {
                        case .failure(let error): finish { $0.fault(CommandFault(error)) }
                        case .success(let memories):
                            reads.large.short {
                                let count = lookup.hashCount(memories, reads)
                                finish { $0.integer(count) }
                            }
                        }
                    }
                }
            )
        } catch {
            context.fail(error)
            return .replied
        }
    }
}

/// The answers where there is no hash and no view.
struct NoHash {
    let question: HashReply.Question

    init(_ question: HashReply.Question) { self.question = question }

    func write(to reply: inout ReplyWriter) {
        switch question {
        case .type: reply.simple("none")
        case .timeToLive: reply.integer(-2)
        case .length: reply.integer(0)
        case .field: reply.null()
        case .fields(let columns):
            reply.array(columns.count)
            for _ in columns { reply.null() }
        case .all: reply.map(0)
        case .scan:
            reply.array(2)
            reply.bulk("0")
            reply.array(0)
        }
    }
}
