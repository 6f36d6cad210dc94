import Features
import Online
import Reading
import Serving
import Wire

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
            context.fail(error)
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
        if let known = context.client.reads { return known }
        guard let reads = context.engine.reads else {
            throw CommandFault(.unavailable, "this server has no store")
        }
        let asker = context.client.asker
        let own = asker.isEmpty ? reads : reads.asked(by: asker)
        context.client.reads = own
        return own
    }

    // MARK: FS.GET, FS.MGET

    // Made once: outside its module a literal is put together by code that knows nothing of the type, 4 % of a small request.
    private static let getOptions: ReplyOptions.Allowed = [.features, .time]
    private static let mgetOptions: ReplyOptions.Allowed = [.features, .format, .time]

    /// `FS.GET view entity [FEATURES n f …] [META] [AT t]`
    static func get(
        _ arguments: borrowing Arguments,
        _ reads: FeatureReads,
        _ catalog: Catalog
    ) throws(CommandFault) -> FeatureRequest {
        let view = try view(arguments, 1, catalog)
        var options = try ReplyOptions(arguments, from: 3, of: "fs.get", getOptions)
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
        var options = try ReplyOptions(arguments, from: entities.upperBound, of: "fs.mget", mgetOptions)
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
        try catalog.readable(arguments[at])
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
                throw .unknownFeature(arguments.text(index), of: view.stored)
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
}
