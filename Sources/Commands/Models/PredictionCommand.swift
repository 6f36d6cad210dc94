import Features
import Forest
import Metrics
import Models
import PointInTime
import Reading
import Serving
import Store
import Training
import Wire

/// ML.PREDICT: rows of a model's service, read as FS.SERVE reads them, and what the model says of them; of one version and one
/// position.
enum PredictionCommand {
    static let predict = Command(
        "ml.predict",
        arity: -6,
        summary: "What a model says of each row of keys and request fields.",
        group: .models,
        complexity: "O(N × (F + T)), N = rows, F = features of the service, T = trees",
        flags: [.readonly],
        arguments: [
            ArgumentSpec("model"),
            ArgumentSpec(
                "keys",
                .block,
                token: "KEYS",
                parts: [ArgumentSpec("count", .integer), ArgumentSpec("key-field-or-column", isMultiple: true)]
            ),
            ArgumentSpec(
                "rows",
                .block,
                token: "ROWS",
                parts: [ArgumentSpec("count", .integer), ArgumentSpec("value", isMultiple: true)]
            ),
            CommandTable.formatArgument, CommandTable.metaArgument,
            ArgumentSpec("features", .token, token: "FEATURES", isOptional: true),
            ArgumentSpec("position", .integer, token: "MINPOS", isOptional: true), CommandTable.timeArgument,
            ArgumentSpec("null", token: "NULL", isOptional: true), ArgumentSpec("id", token: "ID", isOptional: true),
            ArgumentSpec("nolog", .token, token: "NOLOG", isOptional: true),
        ],
        argumentsMax: WireLimits.argumentsMax,
        requestBytesMax: WireLimits.requestBytesMax
    ) { context, arguments in
        run(&context, arguments)
    }

    /// A request that has been understood.
    private struct Request: Sendable {
        let entry: ModelShelf.Entry
        let model: ServedModel
        let route: String
        let read: ServiceRead
        let rowCount: Int
        let options: ReplyOptions

        /// About how many nodes of trees are looked at, times rows.
        var work: Int { rowCount * (model.forest.treeCount * 6 + model.forest.width) }
    }

    private static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        do throws(CommandFault) {
            guard let reads = context.engine.reads else { throw .stillLoading }
            let began = Clock.nowUs()
            let position = reads.source.position()
            let catalog = reads.source.catalog()
            let request = try parse(arguments, reads, catalog)
            if let minimum = request.options.minimumPosition, minimum > position {
                let kept = try OwnedArguments(arguments, reads.memory)
                return .deferred(wait(minimum, kept, reads))
            }
            let isSmall = request.work <= CommandLimits.inlinePredictionWorkMax || context.isTogether
            if isSmall, let rows = request.read.rows(reads, of: catalog, after: position) {
                write(request, rows, began: began, &context.reply)
                return .replied
            }
            if context.isTogether {
                throw CommandFault(
                    .general,
                    "a view of the model's service is not in memory, or as of that time: such a prediction cannot stand in a transaction"
                )
            }
            return .deferred(
                DeferredReply.read { _, finish in answer(request, reads, catalog, position, began, finish) }
            )
        } catch {
            context.reply.fault(error)
            return .replied
        }
    }

    private static func wait(_ position: Int64, _ arguments: OwnedArguments, _ reads: FeatureReads) -> DeferredReply {
        DeferredReply.read { _, finish in
            reads.source.whenReached(position, CommandLimits.positionWaitMs) { outcome in
                guard outcome == .reached else {
                    let fault = CommandFault(
                        .modelTimeout,
                        "position \(position) was not reached in \(CommandLimits.positionWaitMs) ms; this server is at \(reads.source.position())"
                    )
                    return finish { $0.fault(fault) }
                }
                reads.large.short {
                    do throws(CommandFault) {
                        let began = Clock.nowUs()
                        let position = reads.source.position()
                        let catalog = reads.source.catalog()
                        let request = try arguments.with { arguments throws(CommandFault) in
                            try parse(arguments, reads, catalog)
                        }
                        answer(request, reads, catalog, position, began, finish)
                    } catch {
                        let fault = error
                        finish { $0.fault(fault) }
                    }
                }
            }
        }
    }

    private static func answer(
        _ request: Request,
        _ reads: FeatureReads,
        _ catalog: Catalog,
        _ position: Int64,
        _ began: Int64,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        request.read.rows(reads, of: catalog, after: position) { result in
            switch result {
            case .success(let rows):
                let answers = answers(request, rows)
                count(request, answers, began: began)
                finish { write(request, rows, answers, &$0) }
            case .failure(let error):
                request.model.counters.fail()
                let fault = CommandFault(error)
                finish { $0.fault(fault) }
            }
        }
    }

    private static func parse(
        _ arguments: borrowing Arguments,
        _ reads: FeatureReads,
        _ catalog: Catalog
    ) throws(CommandFault) -> Request {
        let (entry, model, route): (ModelShelf.Entry, ServedModel, String)
        do { (entry, model, route) = try catalog.models.resolve(arguments.text(1)) } catch { throw CommandFault(error) }
        let version = model.version
        let service: ServicePlan
        do throws(StoreError) {
            service = try catalog.service(named: Array("\(version.service)@\(version.serviceVersion)".utf8).span)
        } catch {
            throw CommandFault(error)
        }
        guard service.fingerprint == version.fingerprint else {
            throw CommandFault(
                .modelSchema,
                "\(entry.name)@\(version.version) was trained on \(version.fingerprint), and \(version.service)@\(version.serviceVersion) is \(service.fingerprint) now"
            )
        }
        let given = try asValue { () throws(CommandFault) in
            try ServiceArguments(
                arguments,
                from: 2,
                of: service,
                command: "ML.PREDICT model",
                allowsOverrides: true
            )
        }
        var options = try ReplyOptions(
            arguments,
            from: given.end,
            of: "ml.predict",
            [.format, .minimumPosition, .time, .nulls, .prediction]
        )
        try options.readTime(arguments, now: reads.source.now)
        let computation = try asValue { () throws(CommandFault) in
            try given.computation(arguments, null: options.nullArgument)
        }
        let read = ServiceRead(
            service,
            of: catalog,
            reads,
            keys: try given.keys(arguments, isTimed: options.time != nil),
            rowCount: given.rowCount,
            computation: computation,
            time: options.time
        )
        return Request(
            entry: entry,
            model: model,
            route: route,
            read: read,
            rowCount: given.rowCount,
            options: options
        )
    }

    /// What is wrong with a value, under the code that predictions have for it.
    private static func asValue<Made>(_ body: () throws(CommandFault) -> Made) throws(CommandFault) -> Made {
        do throws(CommandFault) { return try body() } catch {
            guard error.code == .value else { throw error }
            throw CommandFault(.modelValue, error.message)
        }
    }

    private static func write(_ request: Request, _ rows: ServiceRows, began: Int64, _ reply: inout ReplyWriter) {
        let answers = answers(request, rows)
        write(request, rows, answers, &reply)
        count(request, answers, began: began)
    }

    private static func answers(_ request: Request, _ rows: ServiceRows) -> Answers {
        Answers(
            request.model.version,
            request.model.forest,
            fallback: request.entry.definition?.fallback ?? .base,
            columns: rows.columns,
            stored: rows.eventTimes.indices.filter { rows.eventTimes[$0] != nil }.map { rows.statuses[$0] },
            rowCount: request.rowCount
        )
    }

    private static func count(_ request: Request, _ answers: Answers, began: Int64) {
        request.model.counters.add(
            rows: request.rowCount,
            fallback: answers.statuses.count { $0 == .fallback },
            unseen: answers.unseen,
            us: Int(Clock.nowUs() - began)
        )
    }

    // MARK: The reply

    private static func write(_ request: Request, _ rows: ServiceRows, _ answers: Answers, _ reply: inout ReplyWriter) {
        let options = request.options
        let names = request.model.version.signature.outputNames
        let isPacked = options.format == .packed32 || options.format == .packed64
        reply.map((isPacked ? 5 : 4) + (options.hasMeta ? 6 : 0) + (options.hasVector ? 1 : 0))
        reply.bulk("model")
        reply.bulk(request.entry.name)
        reply.bulk("version")
        reply.integer(Int64(request.model.version.version))
        switch options.format {
        case .packed32, .packed64:
            reply.bulk("schema")
            reply.bulk(request.model.version.fingerprint)
            reply.bulk("rows")
            reply.integer(Int64(request.rowCount))
            reply.bulk("data")
            reply.bulk(answers.packed(isDouble: options.format == .packed64).span)
        case .rows:
            writeNames(names, &reply)
            reply.bulk("rows")
            reply.array(request.rowCount)
            for row in 0..<request.rowCount where !reply.isRefused {
                reply.array(names.count)
                for output in names.indices { writeValue(answers.values[row * names.count + output], &reply) }
            }
        case .columns:
            writeNames(names, &reply)
            reply.bulk("values")
            reply.array(names.count)
            for output in names.indices where !reply.isRefused {
                reply.array(request.rowCount)
                for row in 0..<request.rowCount { writeValue(answers.values[row * names.count + output], &reply) }
            }
        }
        if options.hasVector {
            reply.bulk("features")
            reply.array(request.rowCount)
            for row in 0..<request.rowCount where !reply.isRefused {
                reply.array(answers.matrix.width)
                for column in 0..<answers.matrix.width {
                    let value = answers.matrix.values[row * answers.matrix.width + column]
                    if value.isNaN { reply.null() } else { reply.float(value) }
                }
            }
        }
        if options.hasMeta { writeMeta(request, rows, answers, &reply) }
    }

    private static func writeNames(_ names: [String], _ reply: inout ReplyWriter) {
        reply.bulk("columns")
        reply.array(names.count)
        for name in names { reply.bulk(name) }
    }

    private static func writeValue(_ value: Float?, _ reply: inout ReplyWriter) {
        if let value { reply.float(value) } else { reply.null() }
    }

    private static func writeMeta(
        _ request: Request,
        _ rows: ServiceRows,
        _ answers: Answers,
        _ reply: inout ReplyWriter
    ) {
        reply.bulk("route")
        reply.bulk(request.route)
        reply.bulk("position")
        reply.integer(rows.position)
        reply.bulk("model_position")
        reply.integer(request.entry.position)
        reply.bulk("at")
        reply.integer(rows.time)
        reply.bulk("status")
        reply.array(request.rowCount)
        for status in answers.statuses where !reply.isRefused { reply.bulk(status.rawValue) }
        reply.bulk("age")
        reply.array(request.rowCount)
        for row in 0..<request.rowCount where !reply.isRefused {
            let oldest = rows.eventTimes.compactMap { $0?[row] }.min()
            if let oldest { reply.integer(max(rows.time - oldest, 0)) } else { reply.null() }
        }
    }
}
