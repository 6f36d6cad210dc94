package import Dispatch
import Features
import Foundation
import Kafka
import Store
import Synchronization

/// Streams that are read, each on a thread of its own.
package final class RunningStreams: Sendable {
    /// In the order in which they were named.
    package let names: [String]
    private let control: RunControl
    private let outcomes = Mutex<[String: StreamOutcome]>([:])
    private let ended = DispatchSemaphore(value: 0)

    fileprivate init(
        _ streams: [StreamDefinition],
        conninfo: String,
        options: StreamRunOptions,
        topics: StreamTopic,
        control: RunControl,
        progress: @escaping @Sendable (StreamEvent) -> Void
    ) {
        names = streams.map(\.name)
        self.control = control
        for name in names {
            let thread = Thread { [self] in
                let worker = StreamWorker(
                    stream: name,
                    conninfo: conninfo,
                    options: options,
                    control: control,
                    tell: progress,
                    open: topics.open
                )
                let outcome = worker.run()
                if let failure = outcome.failure { progress(.failed(stream: name, "\(failure)")) }
                outcomes.withLock { $0[name] = outcome }
                ended.signal()
            }
            thread.start()
        }
    }

    /// Has them end; what they have not committed is read again by the next run.
    package func cancel() { control.cancel() }

    /// Waits for all to end, once.
    /// - Parameter deadline: what has not ended then is left alone.
    /// - Returns: how each ended, in the order of ``names``.
    package func wait(until deadline: DispatchTime = .distantFuture) -> [StreamOutcome] {
        for _ in names where ended.wait(timeout: deadline) == .timedOut { break }
        return outcomes.withLock { outcomes in names.compactMap { outcomes[$0] } }
    }
}

extension OpenStore {
    /// Begins to read streams and to store their records, each with a session of its own; the failure of one leaves the
    /// others alone.
    ///
    /// They end with the store's control, at the latest within a second or so of ``RunControl/cancel()``.
    /// - Parameters:
    ///   - names: none = all.
    ///   - environment: with `ASOF_LIBRDKAFKA` and `ASOF_KAFKA_*`.
    ///   - progress: called on the streams' threads.
    /// - Throws: where there are no such streams, or no librdkafka.
    package func startStreams(
        _ names: [String],
        options: StreamRunOptions,
        environment: [String: String],
        progress: @escaping @Sendable (StreamEvent) -> Void
    ) throws -> RunningStreams {
        let streams = try control.run { try Registry.load(session).streams(named: names) }
        guard !streams.isEmpty else {
            throw WorkflowError.refused("the store has no streams; `asof apply` a features.yaml with streams:")
        }
        return RunningStreams(
            streams,
            conninfo: conninfo,
            options: options,
            topics: try StreamTopic(environment),
            control: control,
            progress: progress
        )
    }
}
