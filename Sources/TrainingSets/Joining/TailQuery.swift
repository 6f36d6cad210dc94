import Features
import PointInTime
import Postgres
import Segments
import Store

/// Which rows of a view's history no file covers, as statements.
///
/// Of a partition without a file all rows; of the others those of batches behind what the file covers. A statement gives
/// ``HistoryColumns`` with the features that are asked for.
struct TailQuery: Sendable {
    let sql: String
    /// Whether the rows are few of many, so that the index of batches is to be used whatever the planner thinks.
    let isSparse: Bool

    /// More batches than this are looked up by the statement itself.
    private static let literalBatchesMax = 10_000

    /// The statements for a view at a state.
    ///
    /// - Parameters:
    ///   - parts: the view's partitions, those whose file cannot be read without one.
    ///   - count: into about how many statements the work may be shared out.
    /// - Returns: none where the files have every row.
    static func make(
        _ view: StoredView,
        features: [FeatureDefinition],
        parts: [ViewSegments.Part],
        pinned: PinnedState,
        sharedOutTo count: Int,
        _ session: Session
    ) throws(StoreError) -> [TailQuery] {
        var ranges: [Int64: [PartitionRange]] = [:]
        for part in parts {
            let covered = part.segment?.state.position ?? -1
            if covered < pinned.state.position { ranges[covered, default: []].append(part.range) }
        }
        let batches = try batches(of: view, parts, pinned, session)
        var queries: [TailQuery] = []
        for (covered, ranges) in ranges.sorted(by: { $0.key < $1.key }) {
            var conditions = [pinned.condition("h")]
            if covered >= 0 {
                let later = batches.filter { $0.position > covered && $0.meets(ranges) }.map(\.number)
                if later.isEmpty { continue }
                let list = later.map(String.init).joined(separator: ",")
                conditions.append(
                    later.count <= literalBatchesMax
                        ? "h._batch = ANY ('{\(list)}'::bigint[])"
                        : """
                        h._batch = ANY (ARRAY(SELECT batch FROM asof.batches WHERE view = \(view.id) \
                        AND position > \(covered) AND position <= \(pinned.state.position)))
                        """
                )
            }
            let isWhole = ranges.count == parts.count
            for share in shares(ranges, count) {
                let filter = isWhole && share.count == ranges.count ? [] : [condition(share)]
                queries.append(
                    TailQuery(
                        sql: statement(view, features, conditions + filter),
                        isSparse: covered >= 0
                    )
                )
            }
        }
        return queries
    }

    /// A batch of a view, and where its rows may lie.
    private struct Batch {
        let number: Int64
        let position: Int64
        /// µs; `nil` = the ledger does not tell.
        let eventTimes: ClosedRange<Int64>?

        /// Whether it may have rows in one of the partitions.
        func meets(_ ranges: [PartitionRange]) -> Bool {
            guard let eventTimes else { return true }
            return ranges.contains { range in
                eventTimes.upperBound >= range.from ?? .min && eventTimes.lowerBound < range.to ?? .max
            }
        }
    }

    /// Batches behind the oldest file, by the ledger's primary key: however long the ledger is before that.
    static let batchesQuery = """
        SELECT batch, position, min_event_time, max_event_time FROM asof.batches
        WHERE position > $3 AND position <= $2 AND view = $1 AND kind IN ('data', 'materialize')
        """

    private static func batches(
        of view: StoredView,
        _ parts: [ViewSegments.Part],
        _ pinned: PinnedState,
        _ session: Session
    ) throws(StoreError) -> [Batch] {
        guard let oldest = parts.compactMap({ $0.segment?.state.position }).min(),
            oldest < pinned.state.position
        else { return [] }
        let rows = try session.query(
            batchesQuery,
            [.int32(view.id), .int64(pinned.state.position), .int64(oldest)]
        )
        return (0..<rows.count).map { row in
            var eventTimes: ClosedRange<Int64>?
            if let low = rows.timestamp(row, 2), let high = rows.timestamp(row, 3), low <= high {
                eventTimes = low...high
            }
            return Batch(number: rows.int64(row, 0) ?? 0, position: rows.int64(row, 1) ?? 0, eventTimes: eventTimes)
        }
    }

    private static func statement(
        _ view: StoredView,
        _ features: [FeatureDefinition],
        _ conditions: [String]
    ) -> String {
        """
        SELECT \(HistoryColumns(view, features: features).list("h")) FROM \(view.historyTable) h
        WHERE \(conditions.joined(separator: " AND "))
        """
    }

    private static func shares(_ ranges: [PartitionRange], _ count: Int) -> [[PartitionRange]] {
        let count = min(max(1, count), ranges.count)
        return (0..<count).map { share in
            ranges.indices.filter { $0 * count / ranges.count == share }.map { ranges[$0] }
        }
    }

    private static func condition(_ ranges: [PartitionRange]) -> String {
        var joined: [PartitionRange] = []
        for range in ranges {
            if let last = joined.last, let end = last.to, end == range.from {
                joined[joined.count - 1] = PartitionRange(from: last.from, to: range.to)
            } else {
                joined.append(range)
            }
        }
        let texts = joined.map { range in
            let bounds =
                [
                    range.from.map { "h._event_time >= \(KnownPartitions.literal($0))" },
                    range.to.map { "h._event_time < \(KnownPartitions.literal($0))" },
                ].compactMap(\.self)
            return bounds.isEmpty ? "true" : "(\(bounds.joined(separator: " AND ")))"
        }
        return "(\(texts.joined(separator: " OR ")))"
    }
}
