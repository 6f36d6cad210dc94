package import Metrics
import Store
import Synchronization

/// A write on its way to a group.
package struct WriteJob: Sendable {
    enum Work: Sendable {
        case ready(RowWrite)
        case undecoded(@Sendable () -> Decoded)
    }

    package enum Decoded: Sendable {
        case write(RowWrite)
        /// Nothing is to be stored or looked up. `answer` is called once the write's numbers count as failed.
        case none(answer: @Sendable () -> Void)
    }

    let work: Work
    /// About the memory that it takes until it is answered.
    let byteCount: Int
    /// The numbers that its sources gave it, which are known before it is decoded.
    let numbers: [SourceSequence]
    let finish: GroupWriter.Finish

    package init(_ write: RowWrite, finish: @escaping GroupWriter.Finish) {
        work = .ready(write)
        byteCount = write.byteCount
        numbers = write.items.compactMap(\.source)
        self.finish = finish
    }

    /// A write whose decoding would take an event loop too long.
    ///
    /// - Parameters:
    ///   - numbers: of its items.
    ///   - decode: runs on a thread of the writer's, in the order of submission.
    ///   - finish: not called where `decode` gives ``Decoded/none(answer:)``.
    package init(
        byteCount: Int,
        numbers: [SourceSequence] = [],
        decode: @escaping @Sendable () -> Decoded,
        finish: @escaping GroupWriter.Finish
    ) {
        work = .undecoded(decode)
        self.byteCount = byteCount
        self.numbers = numbers
        self.finish = finish
    }
}

/// Takes the writes of all connections and commits them in groups: one transaction and one position for all that came
/// while the group before was being committed.
///
/// Writes of one client, and those of one source on it, are committed in the order in which they were sent, whatever they
/// wait for; a numbered write that failed keeps back the later ones of its source there until it comes again. A write is told that it is stored only once PostgreSQL has committed it and
/// ``Applied`` has seen its rows.
package final class GroupWriter: Sendable {
    /// Called exactly once for each write, on a thread of the writer's, where it must not block.
    package typealias Finish = @Sendable (Result<WriteReceipt, WriteFailure>) -> Void
    /// Gets the rows of each group, or for one of duplicates the state that has theirs; its writes are told once it calls back.
    /// Several threads call it.
    package typealias Applied = @Sendable (CommittedRows, _ finish: @escaping @Sendable () -> Void) -> Void

    package struct Options: Sendable {
        /// Connections that commit at the same time.
        package var laneCount = 2
        /// How long a write waits for a view or for rows that somebody holds, ms.
        package var heldWaitMs = ServingLimits.lockedViewWaitMs
        /// How long a group's transaction waits for a lock, ms.
        package var lockTimeoutMs = ServingLimits.groupLockTimeoutMs
        /// How long a part of a group waits for a lock, ms.
        package var retryLockTimeoutMs = ServingLimits.retryLockTimeoutMs
        /// Takes what is worth a line in the log, from any thread.
        package var log: @Sendable (ServingEvent) -> Void = { _ in }

        package init() {}
    }

    private let lanes: [WriteLane]
    private let failed = FailedNumbers()
    private let budget = WriteBudget()

    package init(
        conninfo: String,
        options: Options = Options(),
        applied: @escaping Applied
    ) {
        let troubles = WriterTroubles(laneCount: options.laneCount, log: options.log)
        lanes = (0..<options.laneCount).map { [failed, budget] lane in
            WriteLane(
                conninfo: conninfo,
                options: options,
                failed: failed,
                budget: budget,
                report: { troubles.report($0, lane: lane) },
                applied: applied
            )
        }
    }

    package func start() {
        for lane in lanes { lane.start() }
    }

    /// Commits what was submitted, refuses what comes, and ends the threads.
    ///
    /// - Parameter end: when waits for PostgreSQL are given up; ``ServingLimits/stopGraceMs`` later this returns in any case.
    package func stop(until end: ContinuousClock.Instant = .now + .seconds(10)) {
        for lane in lanes { lane.beginStop() }
        for lane in lanes { lane.finishStop(until: end) }
    }

    /// Takes a write; returns at once.
    ///
    /// - Parameter client: whose writes keep their order.
    package func submit(_ job: WriteJob, client: Int64) {
        lanes[Int(truncatingIfNeeded: UInt64(bitPattern: client) % UInt64(lanes.count))].submit(job, client: client)
    }

    /// Notes numbers as failed that their client sent and that are not submitted, such as those of a transaction that was
    /// given up; to be called when all that the client sent before is answered.
    package func fail(_ numbers: [SourceSequence], client: Int64) { failed.add(numbers, client: client) }

    /// Whether every write that was submitted has been answered.
    package var isIdle: Bool { budget.isEmpty }

    /// Why writes are refused at present; `nil` = they are taken.
    package var outage: String? { lanes.lazy.compactMap(\.outage).first }

    /// Why the store has refused this binary's last writes; `nil` = it has not.
    package var refusal: String? { lanes.lazy.compactMap(\.refusal).first }

    /// Why the last writes were not stored, although they are tried; `nil` = they were, or a probe found since that they
    /// would be.
    package var trouble: String? { lanes.lazy.compactMap(\.trouble).first }

    package var statistics: WriterStatistics {
        lanes.map(\.statistics).reduce(WriterStatistics(), +)
    }
}
