package import Features
import Foundation
import Kafka
import Postgres
import Store

/// Keeps one stream running: connects to PostgreSQL, again where it was away, and begins anew where definitions change.
///
/// For a thread of its own.
package struct StreamWorker<Source: RecordSource> {
    private let stream: String
    private let conninfo: String
    private let options: StreamRunOptions
    private let control: RunControl
    private let open: (StreamDefinition) throws -> Source
    private let tell: (StreamEvent) -> Void

    /// - Parameter open: opens the stream's topic.
    package init(
        stream: String,
        conninfo: String,
        options: StreamRunOptions,
        control: RunControl,
        tell: @escaping (StreamEvent) -> Void,
        open: @escaping (StreamDefinition) throws -> Source
    ) {
        self.stream = stream
        self.conninfo = conninfo
        self.options = options
        self.control = control
        self.tell = tell
        self.open = open
    }

    /// Until the run's end, a failure, or until the control says so, which is none.
    package func run() -> StreamOutcome {
        var outcome = StreamOutcome(stream: stream, summary: StreamSummary())
        var (awaySince, hasRun): (ContinuousClock.Instant?, Bool) = (nil, false)
        while !control.isOver {
            do {
                let isDone = try runOnce(&outcome.summary) {
                    awaySince = nil
                    hasRun = true
                }
                if isDone { return outcome }
            } catch {
                if control.isOver, !RunControl.isUncertain(error) { return outcome }
                guard let reason = Self.waitReason(error, hasRun: hasRun) else {
                    outcome.failure = error
                    return outcome
                }
                let since = awaySince ?? .now
                awaySince = since
                if options.end != .never, since.duration(to: .now) > .milliseconds(options.reconnectMsMax) {
                    outcome.failure = error
                    return outcome
                }
                tell(.waiting(stream: stream, reason))
                pause()
            }
        }
        return outcome
    }

    /// - Returns: whether it is done; else it is to be begun anew.
    private func runOnce(_ summary: inout StreamSummary, began: () -> Void) throws -> Bool {
        let session = try Session.open(conninfo, forWriting: true, interruption: control.interruption)
        let ingestion = try StreamIngestion(session: session, stream: stream)
        try ingestion.deleteOldRejects()
        let run = StreamRun(
            try open(ingestion.definition),
            ingestion,
            options: options,
            control: control,
            summary: summary,
            tell: tell
        )
        defer { summary = run.summary }
        return try run.run(began: began) == .done
    }

    /// Why to try again; `nil` = it would be of no use.
    ///
    /// An unanswered COMMIT is no matter here: the store's positions tell the next attempt what became of it.
    /// - Parameter hasRun: whether brokers answered before; where they never did, their address is likely wrong.
    private static func waitReason(_ error: any Error, hasRun: Bool) -> String? {
        if case .unreachable = error as? KafkaError { return hasRun ? "\(error)" : nil }
        switch error as? StoreError {
        case .uncertainCommit(let commit): return commit.cause.message
        // A view has changed, is locked, or is made anew: the next attempt reads the definitions again.
        case .conflict(let text): return text
        case .database(let cause):
            switch cause.kind {
            case .connect, .connectionLost, .noAnswer: return "\(cause)"
            case .server(let state):
                // Connections, resources, and an operator's hand; the store's disk may be full for a while.
                return ["08", "53", "57"].contains { state.hasPrefix($0) } ? "\(cause)" : nil
            default: return nil
            }
        default: return nil
        }
    }

    private func pause() {
        let end = ContinuousClock.now + .milliseconds(WorkflowLimits.streamReconnectPauseMs)
        while ContinuousClock.now < end, !control.isOver { Thread.sleep(forTimeInterval: 0.05) }
    }
}
