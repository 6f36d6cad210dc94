import Synchronization

/// A write on its way to a group.
package struct WriteJob: Sendable {
    enum Work: Sendable {
        case ready(RowWrite)
        case undecoded(@Sendable () -> RowWrite?)
    }

    let work: Work
    /// About the memory that it takes until it is stored.
    let byteCount: Int
    let finish: GroupWriter.Finish

    package init(_ write: RowWrite, finish: @escaping GroupWriter.Finish) {
        work = .ready(write)
        byteCount = write.byteCount
        self.finish = finish
    }

    /// A write whose decoding would take an event loop too long.
    ///
    /// - Parameters:
    ///   - decode: runs on a thread of the writer's; gives `nil` where nothing is to be stored, and has answered then.
    ///   - finish: not called where `decode` gave `nil`.
    package init(
        byteCount: Int,
        decode: @escaping @Sendable () -> RowWrite?,
        finish: @escaping GroupWriter.Finish
    ) {
        work = .undecoded(decode)
        self.byteCount = byteCount
        self.finish = finish
    }
}

/// Takes the writes of all connections and commits them in groups: one transaction and one position for all that came
/// while the group before was being committed.
///
/// Writes of one client keep their order. A write is told that it is stored only once PostgreSQL has committed it and
/// ``Applied`` has seen its rows.
package final class GroupWriter: Sendable {
    /// Called exactly once for each write, on a thread of the writer's, where it must not block.
    package typealias Finish = @Sendable (Result<WriteReceipt, WriteFailure>) -> Void
    /// Gets the rows of each group; its writes are told once it calls back. Several threads call it.
    package typealias Applied = @Sendable (CommittedRows, _ finish: @escaping @Sendable () -> Void) -> Void

    package struct Options: Sendable {
        /// Connections that commit at the same time.
        package var laneCount = 2

        package init() {}
    }

    private let lanes: [WriteLane]

    package init(
        conninfo: String,
        options: Options = Options(),
        applied: @escaping Applied
    ) {
        lanes = (0..<options.laneCount).map { _ in WriteLane(conninfo: conninfo, applied: applied) }
    }

    package func start() {
        for lane in lanes { lane.start() }
    }

    /// Commits what was submitted, refuses what comes, and ends the threads.
    package func stop() {
        for lane in lanes { lane.beginStop() }
        for lane in lanes { lane.finishStop() }
    }

    /// Takes a write; returns at once.
    ///
    /// - Parameter client: whose writes keep their order.
    package func submit(_ job: WriteJob, client: Int64) {
        lanes[Int(truncatingIfNeeded: UInt64(bitPattern: client) % UInt64(lanes.count))].submit(job)
    }

    /// Why writes are refused at present; `nil` = they are taken.
    package var outage: String? { lanes.lazy.compactMap(\.outage).first }

    package var statistics: WriterStatistics {
        lanes.map(\.statistics).reduce(WriterStatistics(), +)
    }
}
