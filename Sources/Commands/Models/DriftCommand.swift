import Drift
import Features
import Models
import Predictions
import Reading
package import Serving
import Store
import Wire

/// ML.DRIFT: how traffic of a version differs from what it was trained on.
enum DriftCommand {
    static let drift = Command(
        "ml.drift",
        arity: -2,
        summary: "How traffic of a version differs from its training set, column by column.",
        group: .models,
        complexity: "O(minutes of nine windows × columns), one look-up in PostgreSQL",
        flags: [.readonly],
        arguments: [ArgumentSpec("model"), ArgumentSpec("window", token: "WINDOW", isOptional: true)],
        argumentsMax: 4,
        run: { context, arguments in
            do throws(CommandFault) {
                let writes = try FeatureWrites.of(context)
                let model = try writes.source.catalog().model(arguments.text(1)).model
                let version = model.version
                guard let reference = model.traffic?.counter.reference else {
                    throw CommandFault(
                        .general,
                        "version \(version.version) of \(version.model) has nothing to compare traffic with: it was registered without its training rows, or before they were kept; train it again"
                    )
                }
                let window = try window(arguments)
                let now = writes.source.now()
                let answer = HistoryCommands.deferred(writes, context.reply.version, of: context.client.asker) {
                    session throws(StoreError) in
                    // The minute that has begun counts.
                    try TrafficCounts(session).findings(version, reference, window: window, end: now + 1)
                } reply: { findings, reply in
                    reply.array(findings.count)
                    for finding in findings where !reply.isRefused { write(finding, &reply) }
                }
                guard let recorder = context.engine.recorder else { return .deferred(answer) }
                // What this server has counted is there, too.
                return .deferred(DeferredReply { finish in recorder.flush { answer.start(finish) } })
            } catch {
                context.fail(error)
                return .replied
            }
        }
    )

    /// µs.
    private static func window(_ arguments: borrowing Arguments) throws(CommandFault) -> Int64 {
        guard arguments.count > 2 else { return 86_400_000_000 }
        let expected = "WINDOW duration, as in WINDOW 1d"
        guard arguments.matches(2, "WINDOW") else {
            throw .unknownOption(arguments.text(2), command: "ml.drift", expected: expected)
        }
        guard arguments.count > 3 else { throw .cutOff("WINDOW", expected: expected) }
        guard let interval = Interval(text: arguments.text(3)),
            (60_000_000...400 * 86_400_000_000).contains(interval.microseconds)
        else {
            throw CommandFault(
                .general,
                "WINDOW is \(CommandFault.quoted(arguments.text(3))); expected a duration from 1m to 400d, as in 1d"
            )
        }
        return interval.microseconds
    }

    private static func write(_ finding: DriftRules.Finding, _ reply: inout ReplyWriter) {
        reply.array(6)
        reply.bulk(finding.name)
        if let psi = finding.psi { reply.double(psi) } else { reply.null() }
        reply.double(finding.threshold)
        reply.double(finding.nullShare)
        reply.double(finding.referenceNullShare)
        reply.integer(Int64(finding.rows))
    }
}

extension PredictionRecorder {
    /// Lines of INFO's section `asof`.
    package var infoLines: [InfoLine] {
        let figures = figures
        return [
            InfoLine("predictions_logged", figures.logged), InfoLine("predictions_log_dropped", figures.dropped),
            InfoLine("predictions_log_cut", figures.cut), InfoLine("predictions_queued_bytes", figures.queuedBytes),
            InfoLine("predictions_lost_sums", figures.lostSums),
            InfoLine("predictions_trouble", CommandFault.oneLine(figures.trouble ?? "")),
        ]
    }
}
