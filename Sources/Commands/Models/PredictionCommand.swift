import Features
import Forest
import Metrics
import Models
import PointInTime
import Predictions
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

    private static func run(_ context: inout CommandContext, _ arguments: borrowing Arguments) -> CommandOutcome {
        do throws(CommandFault) {
            guard context.engine.reads != nil else { throw .stillLoading }
            let reads = try FeatureCommands.reads(context)
            let began = Clock.nowUs()
            let position = reads.source.position()
            let catalog = reads.source.catalog()
            let recorder = context.engine.recorder
            let request = try parse(arguments, reads, catalog, recorder)
            if let minimum = request.options.minimumPosition, minimum > position {
                let kept = try OwnedArguments(arguments, reads.memory)
                return .deferred(wait(minimum, kept, reads, recorder))
            }
            let isSmall = request.work <= CommandLimits.inlinePredictionWorkMax || context.isTogether
            if isSmall, let rows = request.read.rows(reads, of: catalog, after: position) {
                if let fault = rows.fault { throw refused(request, fault) }
                let answers = answers(request, rows)
                write(request, rows, answers, &context.reply)
                let note = { @Sendable in Self.note(request, rows, answers, reads, began: began) }
                // The reads of a transaction may run again; only those that are sent count.
                if context.isTogether { context.effects.append(note) } else { note() }
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
            context.fail(error)
            return .replied
        }
    }

    private static func wait(
        _ position: Int64,
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ recorder: PredictionRecorder?
    ) -> DeferredReply {
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
                            try parse(arguments, reads, catalog, recorder)
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
                if let fault = rows.fault {
                    let refused = refused(request, fault)
                    return finish { $0.fault(refused) }
                }
                let answers = answers(request, rows)
                note(request, rows, answers, reads, began: began)
                finish { write(request, rows, answers, &$0) }
            case .failure(let error):
                request.model.counters.fail()
                let fault = CommandFault(error)
                finish { $0.fault(fault) }
            }
        }
    }

    /// A value that the version's service cannot show any more, under the code that predictions have for values.
    private static func refused(_ request: Request, _ fault: CommandFault) -> CommandFault {
        request.model.counters.fail()
        return CommandFault(.modelValue, fault.message)
    }

    private static func answers(_ request: Request, _ rows: ServiceRows) -> Answers {
        Answers(
            request.model.model,
            fallback: request.model.version.fallback(under: request.entry.definition),
            columns: rows.columns,
            presence: presence(request, rows),
            rowCount: request.rowCount,
            // A walk through trees costs more than a hash of the row; a sum of weights does not, and a learner's change.
            cache: request.read.service.roles.isEmpty && request.model.isOfTrees ? request.model.cache : nil
        )
    }

    /// What views have of each row's entities; columns that the request gave come from none.
    private static func presence(_ request: Request, _ rows: ServiceRows) -> EntityPresence {
        let service = request.read.service
        var presence = EntityPresence()
        for (index, column) in service.columns.enumerated() {
            guard let origin = column.origin, let times = rows.eventTimes[index] else { continue }
            if service.roles[origin].view.windows == nil {
                presence.stored.append(rows.statuses[index])
            } else {
                presence.windows.append(times.map { $0 != nil })
            }
        }
        return presence
    }

    /// Counts what was answered, and hands it to the log.
    private static func note(
        _ request: Request,
        _ rows: ServiceRows,
        _ answers: Answers,
        _ reads: FeatureReads,
        began: Int64
    ) {
        let model = request.model
        model.traffic?.add(answers.matrix, answers.values)
        if let logged = request.logged {
            logged.recorder.log(
                AnsweredRows(
                    version: model.version,
                    publish: model.publish?.number,
                    route: request.route,
                    given: logged.given,
                    requestID: logged.id,
                    servedUs: reads.source.now(),
                    position: rows.position,
                    isExact: rows.isExact,
                    timeUs: rows.time,
                    isTimed: request.options.time != nil,
                    answers: answers,
                    fallback: request.model.version.fallback(under: request.entry.definition).text,
                    rowCount: request.rowCount
                ),
                model.counters
            )
        }
        model.counters.add(
            rows: request.rowCount,
            fallback: answers.statuses.count { $0 == .fallback },
            unseen: answers.unseen,
            cache: answers.cache,
            us: Int(Clock.nowUs() - began)
        )
    }
}
