import Features
import Online
import Reading
import Serving
import Store
import Wire

extension CommandTable {
    /// FS.GET, FS.MGET, FS.SERVE: the latest values.
    static let featureCommands: [Command] = [
        Command(
            "fs.get",
            arity: -3,
            summary: "The latest values of one entity, feature by feature.",
            group: .features,
            complexity: "O(F), F = features asked for",
            flags: [.readonly, .fast],
            arguments: [viewArgument, ArgumentSpec("entity"), featuresArgument, metaArgument, timeArgument],
            run: { context, arguments in FeatureCommands.run(&context, arguments, FeatureCommands.get) }
        ),
        Command(
            "fs.mget",
            arity: -4,
            summary: "The latest values of several entities of a view, a row each.",
            group: .features,
            complexity: "O(N × F), N = entities, F = features asked for",
            flags: [.readonly],
            arguments: [
                viewArgument, ArgumentSpec("count", .integer), ArgumentSpec("entity", isMultiple: true),
                featuresArgument, formatArgument, lossyArgument, metaArgument, timeArgument,
            ],
            argumentsMax: WireLimits.argumentsMax,
            requestBytesMax: WireLimits.requestBytesMax,
            run: { context, arguments in FeatureCommands.run(&context, arguments, FeatureCommands.mget) }
        ),
        Command(
            "fs.serve",
            arity: -6,
            summary: "The columns of a service, in its order, a row for each row of keys and request fields.",
            group: .features,
            complexity: "O(N × F), N = rows, F = features of the service",
            flags: [.readonly],
            arguments: [
                ArgumentSpec("service"),
                ArgumentSpec(
                    "keys",
                    .block,
                    token: "KEYS",
                    parts: [ArgumentSpec("count", .integer), ArgumentSpec("key-or-field", isMultiple: true)]
                ),
                ArgumentSpec(
                    "rows",
                    .block,
                    token: "ROWS",
                    parts: [ArgumentSpec("count", .integer), ArgumentSpec("value", isMultiple: true)]
                ),
                formatArgument, lossyArgument, metaArgument,
                ArgumentSpec("position", .integer, token: "MINPOS", isOptional: true), timeArgument,
                ArgumentSpec("null", token: "NULL", isOptional: true),
            ],
            argumentsMax: WireLimits.argumentsMax,
            requestBytesMax: WireLimits.requestBytesMax,
            run: { context, arguments in FeatureCommands.run(&context, arguments, FeatureCommands.serve) }
        ),
    ]

    static let viewArgument = ArgumentSpec("view")
    static let featuresArgument = ArgumentSpec(
        "features",
        .block,
        token: "FEATURES",
        isOptional: true,
        parts: [ArgumentSpec("count", .integer), ArgumentSpec("feature", isMultiple: true)]
    )
    static let metaArgument = ArgumentSpec("meta", .token, token: "META", isOptional: true)
    static let timeArgument = ArgumentSpec("time", token: "AT", isOptional: true)
    static let lossyArgument = ArgumentSpec("lossy", .token, token: "LOSSY", isOptional: true)
    static let formatArgument = ArgumentSpec(
        "format",
        .oneOf,
        token: "FORMAT",
        isOptional: true,
        parts: [
            ArgumentSpec("rows", .token, token: "ROWS"), ArgumentSpec("columns", .token, token: "COLUMNS"),
            ArgumentSpec("packed32", .token, token: "PACKED32"), ArgumentSpec("packed64", .token, token: "PACKED64"),
        ]
    )
}

/// From arguments to requests.
enum FeatureCommands {
    typealias Parse = @Sendable (borrowing Arguments, FeatureReads, Catalog) throws(CommandFault) -> FeatureRequest

    static func run(
        _ context: inout CommandContext,
        _ arguments: borrowing Arguments,
        _ parse: @escaping Parse
    ) -> CommandOutcome {
        do throws(CommandFault) {
            let reads = try reads(context)
            let isTogether = context.isTogether
            try check(arguments)
            if arguments.count > reads.large.sizes.inlineArgumentsMax, !isTogether {
                let kept = try OwnedArguments(arguments, reads.memory)
                return .deferred(later(kept, reads, context.reply.version, parse))
            }
            // A second time only where the definitions change in between.
            while true {
                // Whatever is read of a catalog taken after the position was seen reflects the position.
                let position = reads.source.position()
                let catalog = reads.source.catalog()
                let request = try parse(arguments, reads, catalog)
                if let minimum = request.options.minimumPosition, minimum > position {
                    let kept = try OwnedArguments(arguments, reads.memory)
                    return .deferred(wait(minimum, kept, reads, context.reply.version, parse))
                }
                let outcome = try request.answer(
                    reads,
                    of: catalog,
                    after: position,
                    isTogether: isTogether,
                    &context.reply
                )
                if let outcome { return outcome }
            }
        } catch {
            context.reply.fault(error)
            return .replied
        }
    }

    /// Before arguments are copied for later.
    private static func check(_ arguments: borrowing Arguments) throws(CommandFault) {
        let bytes = arguments.byteCount
        guard bytes <= WireLimits.readBytesMax else {
            throw CommandFault(
                .limit,
                "the arguments have \(bytes) bytes; \(WireLimits.readBytesMax >> 20) MiB are allowed in a read of "
                    + "features; ask for fewer entities or rows"
            )
        }
    }

    static func reads(_ context: borrowing CommandContext) throws(CommandFault) -> FeatureReads {
        guard let reads = context.engine.reads else {
            throw CommandFault(.unavailable, "this server has no store")
        }
        return reads
    }

    // MARK: FS.GET, FS.MGET

    /// `FS.GET view entity [FEATURES n f …] [META] [AT t]`
    static func get(
        _ arguments: borrowing Arguments,
        _ reads: FeatureReads,
        _ catalog: Catalog
    ) throws(CommandFault) -> FeatureRequest {
        let view = try view(arguments, 1, catalog)
        var options = try ReplyOptions(arguments, from: 3, of: "fs.get", [.features, .time])
        try options.readTime(arguments, now: reads.source.now)
        return try request(.map, view, entities: 2..<3, options, arguments, reads, catalog)
    }

    /// `FS.MGET view n entity … [FEATURES n f …] [FORMAT f] [LOSSY] [META] [AT t]`
    static func mget(
        _ arguments: borrowing Arguments,
        _ reads: FeatureReads,
        _ catalog: Catalog
    ) throws(CommandFault) -> FeatureRequest {
        let view = try view(arguments, 1, catalog)
        let entities = try ReplyOptions.counted(arguments, 2, "fs.mget", expected: "FS.MGET view n entity …")
        var options = try ReplyOptions(
            arguments,
            from: entities.upperBound,
            of: "fs.mget",
            [.features, .format, .time]
        )
        try options.readTime(arguments, now: reads.source.now)
        return try request(.rows, view, entities: entities, options, arguments, reads, catalog)
    }

    private static func request(
        _ shape: FeatureRequest.Shape,
        _ view: ServedView,
        entities: Range<Int>,
        _ options: ReplyOptions,
        _ arguments: borrowing Arguments,
        _ reads: FeatureReads,
        _ catalog: Catalog
    ) throws(CommandFault) -> FeatureRequest {
        let columns = try options.features.map { names throws(CommandFault) in
            try Self.columns(arguments, names, of: view)
        }
        let plan = reads.plan(view, columns: columns, in: catalog)
        try FeatureRequest.check(plan, options, views: [view], rowCount: entities.count)
        var keys = LookupKeys(view, capacity: entities.count, isTimed: options.time != nil)
        for index in entities { try keys.append(entity: arguments[index]) }
        return FeatureRequest(shape, plan, options, views: [view], keys: [keys], rowCount: entities.count)
    }

    static func view(_ arguments: borrowing Arguments, _ at: Int, _ catalog: Catalog) throws(CommandFault) -> ServedView
    {
        if let view = catalog.readableView(named: arguments[at]) { return view }
        return try catalog.served(arguments[at])
    }

    /// The places of features in their view's layout; each may be named once, since a map has each key once.
    static func columns(
        _ arguments: borrowing Arguments,
        _ names: Range<Int>,
        of view: ServedView
    ) throws(CommandFault) -> [Int] {
        var columns: [Int] = []
        columns.reserveCapacity(names.count)
        var isTaken = [Bool](repeating: false, count: view.layout.columns.count)
        for index in names {
            guard let column = view.column(named: arguments[index]) else {
                throw .unknownFeature(
                    arguments.text(index),
                    view: view.name,
                    known: view.definition.features.map(\.name)
                )
            }
            guard !isTaken[column] else {
                throw CommandFault(
                    .general,
                    "FEATURES names \(CommandFault.quoted(arguments.text(index))) twice; name each feature once"
                )
            }
            isTaken[column] = true
            columns.append(column)
        }
        return columns
    }

    // MARK: Later

    /// Answers once a position has been reached. The request is understood anew then: the definitions may have changed.
    private static func wait(
        _ position: Int64,
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse
    ) -> DeferredReply {
        DeferredReply.read { cancellation, finish in
            wait(position, arguments, reads, version, parse, cancellation, finish)
        }
    }

    private static func wait(
        _ position: Int64,
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse,
        _ cancellation: ReadCancellation,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        reads.source.whenReached(position, CommandLimits.positionWaitMs) { outcome in
            if outcome == .reached {
                return answer(arguments, reads, version, parse, isReached: true, cancellation, finish)
            }
            let fault = notReached(position, outcome, reads)
            finish { $0.fault(fault) }
        }
    }

    /// Understands a request of many arguments beside the event loop.
    private static func later(
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse
    ) -> DeferredReply {
        DeferredReply.read { cancellation, finish in
            answer(arguments, reads, version, parse, isReached: false, cancellation, finish)
        }
    }

    /// Understands a request, and answers it when the position it wants has been reached.
    /// - Parameter isReached: whether that is known.
    private static func answer(
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse,
        isReached: Bool,
        _ cancellation: ReadCancellation,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        let body: @Sendable () -> Void = {
            // Nobody reads it.
            if cancellation.isCancelled { return finish { $0.null() } }
            let position = reads.source.position()
            let catalog = reads.source.catalog()
            do throws(CommandFault) {
                var request = try arguments.with { arguments throws(CommandFault) in
                    try parse(arguments, reads, catalog)
                }
                if !isReached, let minimum = request.options.minimumPosition, minimum > position {
                    return wait(minimum, arguments, reads, version, parse, cancellation, finish)
                }
                try request.keep(in: reads.memory, beside: arguments.hold)
                request.answer(reads, of: catalog, after: position, version, cancellation, finish)
            } catch {
                let fault = error
                finish { $0.fault(fault) }
            }
        }
        if arguments.count > reads.large.sizes.inlineArgumentsMax {
            reads.large.make(LargeArguments(finish: finish, body: body))
        } else {
            reads.large.short(body)
        }
    }

    private static func notReached(_ position: Int64, _ outcome: Serving.Reached, _ reads: FeatureReads) -> CommandFault
    {
        guard outcome == .timedOut else { return CommandFault(.unavailable, "the server is stopping; try another one") }
        return CommandFault(
            .timeout,
            "position \(position) was not reached within \(CommandLimits.positionWaitMs) ms; this server is at \(reads.source.position())"
        )
    }
}
