import PointInTime
import Postgres

/// Decides which of a group's writes were stored before, by the numbers that their sources gave them.
///
/// The rows of `asof.write_sources` are locked until the group's transaction ends, so that two servers to which one write
/// was sent decide one after the other.
struct WriteSources {
    /// What a source has stored.
    private struct Stored {
        var sequence: Int64?
        var batch: Int64?
        var isMoved = false
    }

    private var known: [String: Stored] = [:]

    /// Locks the rows of the given sources, which it makes if needed.
    mutating func lock(_ sources: Set<String>, _ session: Session) throws(StoreError) {
        // Bytewise, as the table compares them: the order in which everybody locks.
        let names = Parameter.textArray(sources.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        try session.query(
            """
            INSERT INTO asof.write_sources (source)
            SELECT s FROM unnest($1) WITH ORDINALITY AS given (s, place) ORDER BY place ON CONFLICT DO NOTHING
            """,
            [names]
        )
        let rows = try session.query(
            "SELECT source, seq, batch FROM asof.write_sources WHERE source = ANY ($1) ORDER BY source FOR UPDATE",
            [names]
        )
        for row in 0..<rows.count {
            known[rows.text(row, 0) ?? ""] = Stored(sequence: rows.int64(row, 1), batch: rows.int64(row, 2))
        }
    }

    /// Takes an item's number, in the order in which the items were submitted.
    /// - Returns: whether the item is to be stored.
    mutating func take(_ item: SourceSequence) -> Bool {
        guard var stored = known[item.source] else { return false }
        if let sequence = stored.sequence, item.sequence <= sequence { return false }
        stored.sequence = item.sequence
        stored.isMoved = true
        known[item.source] = stored
        return true
    }

    /// Whether a duplicate's source is moved by this very group, whose state has the duplicate's rows then.
    func isMoved(_ source: String) -> Bool { known[source]?.isMoved ?? false }

    /// The batches of the last writes of the given sources.
    func batches(_ sources: Set<String>) -> [String: Int64] {
        known.filter { sources.contains($0.key) }.compactMapValues(\.batch)
    }

    /// Moves the rows of the sources that had something to store.
    func move(to batch: Int64, _ session: Session) throws(StoreError) {
        let moved = known.filter(\.value.isMoved).sorted { $0.key < $1.key }
        guard !moved.isEmpty else { return }
        try session.query(
            """
            UPDATE asof.write_sources w SET seq = m.seq, batch = $3, updated_at = clock_timestamp()
            FROM unnest($1, $2) AS m (source, seq) WHERE w.source = m.source
            """,
            [
                .textArray(moved.map(\.key)), .int64Array(moved.map { $0.value.sequence ?? 0 }), .int64(batch),
            ]
        )
    }

    /// The positions of batches, as far as the ledger has them.
    static func positions(_ batches: some Collection<Int64>, _ session: Session) throws(StoreError) -> [Int64: Int64] {
        guard !batches.isEmpty else { return [:] }
        let rows = try session.query(
            "SELECT DISTINCT batch, position FROM asof.batches WHERE batch = ANY ($1)",
            [.int64Array(Array(batches))]
        )
        var positions: [Int64: Int64] = [:]
        for row in 0..<rows.count {
            if let batch = rows.int64(row, 0), let position = rows.int64(row, 1) { positions[batch] = position }
        }
        return positions
    }
}
