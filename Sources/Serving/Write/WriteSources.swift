import PointInTime
import Postgres
import Store

/// Decides what becomes of a group's numbered writes, by the numbers that their sources have stored.
///
/// The rows of `asof.write_sources` are locked until the group's transaction ends, so that two servers to which one write
/// was sent decide one after the other. A value: decisions can be tried on a copy.
struct WriteSources: SourcePlace {
    enum Decision: Equatable {
        /// The number is above all that are stored.
        case store
        /// Its rows are in history.
        case duplicate
        /// Nothing is to be stored under it now.
        case nothing
        /// A greater number is stored, and this one is not: why, for the client.
        case outOfOrder(String)
    }

    /// What a source has stored.
    private struct Stored {
        var numbers: NumberRanges
        /// Of its last write; its ledger row has the position.
        var batch: Int64?
        var isMoved = false
    }

    private let sources: Set<SourceName>
    private var known: [SourceName: Stored] = [:]

    /// - Parameter sources: those of the group's writes; no number of another one may be taken.
    init(_ sources: Set<SourceName>) { self.sources = sources }

    mutating func lock(_ session: Session) throws(StoreError) {
        // Bytewise, as the table compares them: the order in which everybody locks.
        let names = Parameter.textArray(
            sources.map(\.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        )
        try session.query(
            """
            INSERT INTO asof.write_sources (source)
            SELECT s FROM unnest($1) WITH ORDINALITY AS given (s, place) ORDER BY place ON CONFLICT DO NOTHING
            """,
            [names]
        )
        let rows = try session.query(
            "SELECT source, ranges, batch FROM asof.write_sources WHERE source = ANY ($1) ORDER BY source FOR UPDATE",
            [names]
        )
        for row in 0..<rows.count {
            let numbers = NumberRanges(bounds: rows.int64Array(row, 1) ?? [])
            known[SourceName(rows.text(row, 0) ?? "")] = Stored(numbers: numbers, batch: rows.int64(row, 2))
        }
    }

    /// Takes an item's number, in the order in which the items were submitted.
    ///
    /// - Parameter isEmpty: whether the item has no rows; then its number is looked up and not stored.
    mutating func take(_ item: SourceSequence, isEmpty: Bool) -> Decision {
        guard var stored = known[item.source] else {
            preconditionFailure("every source of a group is locked before its numbers are taken")
        }
        if stored.numbers.contains(item.sequence) { return .duplicate }
        if isEmpty { return .nothing }
        if let above = stored.numbers.next(after: item.sequence) {
            return .outOfOrder(Self.reason(item, stored.numbers, above: above))
        }
        stored.numbers.insert(item.sequence)
        stored.numbers.dropLowest(keeping: ServingLimits.sourceRangesMax)
        stored.isMoved = true
        known[item.source] = stored
        return .store
    }

    private static func reason(_ item: SourceSequence, _ numbers: NumberRanges, above: Int64) -> String {
        let source = "source '\(item.source)'"
        guard let oldest = numbers.min, item.sequence < oldest else {
            return "\(source): SEQ \(item.sequence) was not stored and \(above) was; send its rows under a new number"
        }
        // With fewer ranges nothing was ever dropped.
        guard numbers.ranges.count < ServingLimits.sourceRangesMax else {
            return """
                \(source): SEQ \(item.sequence) is older than what is kept, from \(oldest) on; whether it was stored is not \
                known: read it back, or send its rows under a new number
                """
        }
        return """
            \(source): SEQ \(item.sequence) was not stored and \(above) was: it is older than what is kept; send its rows \
            under a new number
            """
    }

    /// What is known of the given sources alone: small enough to be tried on.
    func only(_ sources: some Sequence<SourceName>) -> WriteSources {
        var part = WriteSources(Set(sources))
        for source in part.sources { part.known[source] = known[source] }
        return part
    }

    /// Takes over what was decided on a part.
    mutating func merge(_ part: WriteSources) {
        for (source, stored) in part.known { known[source] = stored }
    }

    /// Whether a duplicate's source is moved by this very group, whose state has the duplicate's rows then.
    func isMoved(_ source: SourceName) -> Bool { known[source]?.isMoved ?? false }

    /// The batches of the last writes of the given sources.
    func batches(_ sources: Set<SourceName>) -> [SourceName: Int64] {
        known.filter { sources.contains($0.key) }.compactMapValues(\.batch)
    }

    /// Moves the rows of the sources that had something to store.
    func move(to batch: Int64, _ session: Session) throws(StoreError) {
        let moved = known.filter(\.value.isMoved)
        guard !moved.isEmpty else { return }
        // PostgreSQL has no arrays of arrays of different lengths: each source's bounds go as text.
        let bounds = moved.map { "{" + $0.value.numbers.bounds.map(String.init).joined(separator: ",") + "}" }
        try session.query(
            """
            UPDATE asof.write_sources w SET ranges = m.bounds::bigint[], batch = $3, updated_at = clock_timestamp()
            FROM unnest($1, $2) AS m (source, bounds) WHERE w.source = m.source
            """,
            [.textArray(moved.map(\.key.text)), .textArray(bounds), .int64(batch)]
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
