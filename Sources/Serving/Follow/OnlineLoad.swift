import Features
import Online
import PointInTime
import Postgres
import Store
import Synchronization

/// Loads a view's online table into an empty memory, in the snapshot of the caller's transaction.
///
/// A large table is read in ranges of its blocks, by two sessions that share the snapshot.
final class OnlineLoad: Sendable {
    enum Outcome: Sendable, Hashable {
        case loaded(rows: Int)
        /// The view takes more memory than it may.
        case tooLarge
    }

    private struct Progress {
        /// Conditions that choose the rows of a range, the next one last.
        var ranges: [String] = []
        var rows = 0
        var isTooLarge = false
        /// One of the sessions failed; what is loaded is of no use.
        var hasFailed = false
    }

    private let view: StoredView
    private let memory: ViewMemory
    /// Of the snapshot; every row gets it.
    private let position: Int64
    private let bytesMax: Int
    private let isStopped: @Sendable () -> Bool
    private let counted: @Sendable (_ rows: Int) -> Void
    private let progress = Mutex(Progress())

    /// - Parameters:
    ///   - bytesMax: memory that the view may take.
    ///   - isStopped: asked now and then; ends the load with an error.
    ///   - counted: told now and then how many rows there are so far, from either session's thread.
    init(
        _ view: StoredView,
        into memory: ViewMemory,
        position: Int64,
        bytesMax: Int,
        isStopped: @escaping @Sendable () -> Bool,
        counted: @escaping @Sendable (_ rows: Int) -> Void
    ) {
        self.counted = counted
        self.view = view
        self.memory = memory
        self.position = position
        self.bytesMax = bytesMax
        self.isStopped = isStopped
    }

    /// Reads everything; the transaction stays usable also where the view turns out too large.
    func run(_ session: Session) throws(StoreError) -> Outcome {
        let ranges = try blockRanges(session)
        progress.withLock { $0.ranges = ranges.reversed() }
        let snapshot = ranges.count > 1 ? try exportSnapshot(session) : nil
        let helper = snapshot.map { snapshot in
            let (conninfo, interruption) = (session.conninfo, session.interruption)
            return BackgroundWork { [self] () throws(StoreError) in try help(conninfo, snapshot, interruption) }
        }
        let own: Result<Void, StoreError>
        do throws(StoreError) {
            try session.execute("SAVEPOINT load")
            try readRanges(session)
            try session.execute(
                progress.withLock { $0.isTooLarge } ? "ROLLBACK TO SAVEPOINT load" : "RELEASE SAVEPOINT load"
            )
            own = .success(())
        } catch {
            progress.withLock { $0.hasFailed = true }
            own = .failure(error)
        }
        try helper?.wait()
        try own.get()
        return progress.withLock { $0.isTooLarge ? .tooLarge : .loaded(rows: $0.rows) }
    }

    /// Reads ranges on a connection of its own. Where there is none to be had, the other session reads them all.
    private func help(
        _ conninfo: String,
        _ snapshot: String,
        _ interruption: Interruption?
    ) throws(StoreError) {
        let session: Session
        do throws(StoreError) {
            session = try Session(conninfo: conninfo, connectTimeoutSeconds: 2, interruption: interruption)
            try session.begin(.load)
            try session.execute("SET TRANSACTION SNAPSHOT '\(snapshot)'")
        } catch {
            return
        }
        do throws(StoreError) {
            try readRanges(session)
            session.connection.rollBack()
        } catch {
            progress.withLock { $0.hasFailed = true }
            throw error
        }
    }

    private func readRanges(_ session: Session) throws(StoreError) {
        let layout = memory.layout
        let keyCount = layout.keys.count
        let types = layout.keys.map(\.type.featureType) + [.timestamp, .bool] + layout.columns.map(\.type)
        let names =
            [view.keyList("o"), "o._event_time", "o._deleted"]
            + layout.columns.map { "o.\(SQLText.identifier($0.feature))" }
        while let range = nextRange() {
            let query = "SELECT \(names.joined(separator: ", ")) FROM \(view.onlineTable) o\(range)"
            let copy = try CopyOut(session, query: query, types: types)
            while let columns = try copy.next(
                rowsMax: ServingLimits.memoryChunkRows,
                bytesMax: ServingLimits.memoryChunkBytes
            ) {
                let rows = ViewRows(
                    keys: Array(columns[..<keyCount]),
                    eventTimes: columns[keyCount],
                    isDeleted: columns[keyCount + 1],
                    features: Array(columns[(keyCount + 2)...])
                )
                memory.apply(rows, position: position)
                if isStopped() {
                    copy.cancel()
                    throw .conflict("the server is stopping")
                }
                guard goesOn(rows.rowCount) else {
                    copy.cancel()
                    return
                }
            }
        }
    }

    private func nextRange() -> String? {
        progress.withLock { $0.isTooLarge || $0.hasFailed ? nil : $0.ranges.popLast() }
    }

    /// Counts rows. Returns false where there is no use in reading more.
    private func goesOn(_ rows: Int) -> Bool {
        let bytes = memory.figures.bytes
        let (soFar, goesOn) = progress.withLock {
            $0.rows += rows
            if bytes > bytesMax { $0.isTooLarge = true }
            return ($0.rows, !$0.isTooLarge && !$0.hasFailed)
        }
        counted(soFar)
        return goesOn
    }

    /// Conditions on rows' places that split the table, each with ` WHERE ` before it; an empty one for a small table.
    private func blockRanges(_ session: Session) throws(StoreError) -> [String] {
        // Before PostgreSQL 14 each range would read the whole table.
        guard session.connection.serverVersion >= 140_000 else { return [""] }
        let blocks =
            try session.query(
                "SELECT pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint",
                [.text(view.onlineTable)]
            ).int64(0, 0) ?? 0
        let step = ServingLimits.loadRangeBlocks
        guard blocks > 2 * step else { return [""] }
        return stride(from: 0, to: blocks, by: Int(step)).map { first in
            let end = first + step < blocks ? " AND o.ctid < '(\(first + step),0)'::tid" : ""
            return " WHERE o.ctid >= '(\(first),0)'::tid" + end
        }
    }

    /// - Returns: `nil` where the server does not give its snapshot away: a standby.
    private func exportSnapshot(_ session: Session) throws(StoreError) -> String? {
        guard try session.query("SELECT pg_is_in_recovery()").bool(0, 0) == false else { return nil }
        return try session.query("SELECT pg_export_snapshot()").text(0, 0)
    }
}
