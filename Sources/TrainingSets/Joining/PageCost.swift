import Features
import Glibc
import Postgres
import Store

/// What look-ups in a view's history pay for pages of its tables and indexes, beyond what one costs whose pages are at hand.
///
/// How many pages look-ups touch follows from the sizes. What one costs, a sample of pages tells: PostgreSQL does not know whether the
/// system or only the disk has those that its own buffers lack, and that is a matter of 1 or of 100 µs each.
struct PageCost {
    /// Of all partitions.
    private let tablePages: Double
    private let indexPages: Double
    /// Of the largest partition, whose pages are sampled.
    private let sampledPages: Double
    private let sampledRange: PartitionRange

    /// Smaller histories are in memory soon, whatever they are read from.
    static let pagesMin = 8_192.0
    /// So many pages tell, and cost 20 ms where each is read from a disk.
    private static let samplePages = 128.0
    private static let pageBytes = 8_192.0

    /// - Returns: `nil` where a view has too little history for it to matter.
    init?(_ view: StoredView, _ session: Session, pagesMin: Double = Self.pagesMin) throws(StoreError) {
        let rows = try session.query(
            """
            SELECT (SELECT coalesce(sum(pg_relation_size(inhrelid)), 0)::bigint FROM pg_inherits WHERE inhparent = to_regclass($1)),
                (SELECT coalesce(sum(pg_relation_size(inhrelid)), 0)::bigint FROM pg_inherits WHERE inhparent = to_regclass($2)),
                pg_relation_size(p.relation), p.range_from, p.range_to
            FROM (SELECT to_regclass('history."_p' || number || '"') AS relation, range_from, range_to
                FROM asof.partitions WHERE view = $3) p
            WHERE p.relation IS NOT NULL ORDER BY 3 DESC LIMIT 1
            """,
            [.text(view.historyTable), .text("history.\"_v\(view.id)_key\""), .int32(view.id)]
        )
        guard rows.count > 0 else { return nil }
        func pages(_ column: Int) -> Double { Double(rows.int64(0, column) ?? 0) / Self.pageBytes }
        (tablePages, indexPages, sampledPages) = (pages(0), pages(1), pages(2))
        guard tablePages + indexPages >= pagesMin, sampledPages > 0 else { return nil }
        sampledRange = PartitionRange(from: rows.timestamp(0, 3), to: rows.timestamp(0, 4))
    }

    /// For tests.
    init(tablePages: Double, indexPages: Double) {
        (self.tablePages, self.indexPages) = (tablePages, indexPages)
        sampledPages = tablePages
        sampledRange = PartitionRange(from: nil, to: nil)
    }

    /// How many pages so many look-ups touch at least once: a leaf of the index and a row each, at random.
    func pagesTouched(byLookups lookups: Double) -> Double {
        func touched(_ pages: Double) -> Double { pages > 0 ? pages * (1 - exp(-lookups / pages)) : 0 }
        return touched(tablePages) + touched(indexPages)
    }

    /// Seconds that a page takes, by a sample, on one session.
    func secondsPerPage(_ view: StoredView, _ session: Session) throws(StoreError) -> Double {
        let share = min(1, Self.samplePages / sampledPages)
        let bounds = [
            sampledRange.from.map { "_event_time >= \(KnownPartitions.literal($0))" },
            sampledRange.to.map { "_event_time < \(KnownPartitions.literal($0))" },
        ].compactMap(\.self)
        // Its own clock: how far away the server is costs a block of look-ups once, not each page.
        let rows = try session.query(
            """
            SELECT (extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint FROM (
                SELECT count(*) FROM \(view.historyTable) TABLESAMPLE SYSTEM (\(share * 100))
                \(bounds.isEmpty ? "" : "WHERE \(bounds.joined(separator: " AND "))")) s
            """
        )
        return Double(rows.int64(0, 0) ?? 0) / 1e6 / (share * sampledPages)
    }
}
