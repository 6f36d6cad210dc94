import Postgres
import Store

/// One row of the ledger, as a follower reads it.
struct FollowedEntry: Sendable {
    let state: LedgerState
    let batch: Int64
    let view: Int32
    /// `nil` = a kind that this binary does not know.
    let kind: BatchKind?
    let rows: Int64
    /// µs; `nil` = no rows.
    let minEventTime: Int64?
    let maxEventTime: Int64?

    /// Whether the entry is rows in history and nothing else.
    var isData: Bool { kind == .data || kind == .materialize }

    /// Whether rows of entities went, and nothing else changed.
    var isRemoval: Bool { kind == .forget || kind == .drop }
}

/// Reads the ledger from a known state on. Within the caller's transaction.
struct LedgerReader {
    let session: Session

    init(_ session: Session) { self.session = session }

    struct News {
        /// Of whole positions, ascending.
        var entries: [FollowedEntry] = []
        /// The known state is not in the ledger: its history is another one.
        var isOtherTimeline = false
        /// The store is not the one that was loaded, or was written anew since.
        var isOtherStore = false
        /// There are more entries than were asked for.
        var hasMore = false

        /// Leaves all but the first entries for later; they are of whole positions.
        mutating func cut(to count: Int) {
            guard count < entries.count else { return }
            entries.removeLast(entries.count - count)
            hasMore = true
        }
    }

    private static let columns = "position, uid, committed_at, batch, view, kind, min_event_time, max_event_time, rows"

    /// What has been committed since.
    ///
    /// - Parameters:
    ///   - mark: of the state that was loaded.
    ///   - limit: of entries; at least as many as a transaction may have.
    func news(
        since known: LedgerState,
        mark: LedgerMark? = nil,
        limit: Int = ServingLimits.followedEntriesMax
    ) throws(StoreError) -> News {
        // In the same statement, so that it costs no round trip.
        let found = mark.map { LedgerMark.sql(position: $0.position) } ?? "NULL"
        let rows = try session.query(
            "SELECT \(Self.columns), \(found) FROM asof.batches WHERE position >= $1 ORDER BY position, view LIMIT $2",
            [.int64(known.position), .int64(Int64(limit))]
        )
        var news = News()
        let entries = try (0..<rows.count).map { row throws(StoreError) in try Self.entry(rows, row) }
        if known.position > 0, entries.first?.state != known { news.isOtherTimeline = true }
        if let mark, rows.count > 0, rows.text(0, 9) != mark.text { news.isOtherStore = true }
        news.entries = entries.filter { $0.state.position > known.position }
        if rows.count == limit {
            news.hasMore = true
            let last = news.entries.last?.state.position
            // The last position may have been cut.
            let whole = news.entries.filter { $0.state.position != last }
            if !whole.isEmpty { news.entries = whole }
        }
        return news
    }

    /// What changed rows of views by position, of whole positions up to `last`.
    func entries(after first: Int64, upTo last: Int64) throws(StoreError) -> [FollowedEntry] {
        let rows = try session.query(
            "SELECT \(Self.columns) FROM asof.batches WHERE position > $1 AND position <= $2 ORDER BY position, view",
            [.int64(first), .int64(last)]
        )
        return try (0..<rows.count).map { row throws(StoreError) in try Self.entry(rows, row) }
    }

    /// Whether something is committed behind a position that is no row that came: what was removed, and tables that were written
    /// anew, are not there for a snapshot that was taken before. Asked behind that snapshot.
    ///
    /// - Parameter view: ``StoredView/id``, whose definition is looked at beside; `nil` = any view, and definitions.
    func hasChanges(after position: Int64, of view: Int32? = nil) throws(StoreError) -> Bool {
        let definitions = BatchKind.definitions.rawValue
        let isConcerned = view.map { "(view = \($0) OR view = 0 AND kind <> '\(definitions)')" } ?? "view >= 0"
        let rows = try session.query(
            """
            SELECT EXISTS (SELECT FROM asof.batches WHERE position > $1 AND \(isConcerned)
                AND kind NOT IN ('\(BatchKind.data.rawValue)', '\(BatchKind.materialize.rawValue)'))
            """,
            [.int64(position)]
        )
        return rows.bool(0, 0) ?? true
    }

    private static func entry(_ rows: Rows, _ row: Int) throws(StoreError) -> FollowedEntry {
        guard let position = rows.int64(row, 0), let batch = rows.int64(row, 3), let view = rows.int32(row, 4) else {
            throw .conflict("the ledger has an entry without position, batch or view")
        }
        return FollowedEntry(
            state: LedgerState(position: position, uid: rows.uuid(row, 1), committedAt: rows.timestamp(row, 2)),
            batch: batch,
            view: view,
            kind: rows.text(row, 5).flatMap(BatchKind.init(rawValue:)),
            rows: rows.int64(row, 8) ?? 0,
            minEventTime: rows.timestamp(row, 6),
            maxEventTime: rows.timestamp(row, 7)
        )
    }
}

extension Connection.TransactionOptions {
    /// One snapshot of ledger and tables.
    static let follow = Connection.TransactionOptions(
        isReadOnly: true,
        isolation: .repeatableRead,
        silenceMs: ServingLimits.followSilenceMs
    )

    /// The same, to read whole tables.
    static let load = Connection.TransactionOptions(
        isReadOnly: true,
        isolation: .repeatableRead,
        silenceMs: ServingLimits.loadSilenceMs
    )

    /// The same of a store that is being filled: whoever fills it goes first, and its history is counted, which may take long.
    static let loadSuspect = Connection.TransactionOptions(
        isReadOnly: true,
        isolation: .repeatableRead,
        lockTimeoutMs: ServingLimits.fillingLockTimeoutMs,
        silenceMs: ServingLimits.fillingSilenceMs
    )
}
