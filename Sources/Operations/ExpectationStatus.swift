package import Features
import PointInTime
import Postgres
import Store

/// What the commits of the last ``OperationsLimits/expectationStatusDays`` counted of one feature's expectations.
package struct ExpectationStatus: Sendable {
    /// `view.feature`.
    package let name: String
    package let expectations: Expectations
    /// Rows of the commits that had something to count of the feature; refused ones included.
    package private(set) var rows: Int64 = 0
    /// Of those that are stored.
    package private(set) var nulls: Int64 = 0
    /// Values that are stored although they are not as expected.
    package private(set) var warned: Int64 = 0
    /// Rows that are not stored for that, of batches of which something is.
    package private(set) var refused: Int64 = 0
    /// The commit of the oldest count that is in the sums; `nil` = there are none.
    package private(set) var countedSince: Timestamp?
    /// The last commit that warned or refused.
    package private(set) var lastFailedAt: Timestamp?

    /// Whether over all these commits there are more nulls than a batch may have: what single rows add up to, which nobody
    /// judges one by one.
    package var isOverNullsMax: Bool { expectations.areTooMany(nulls: Int(nulls), of: Int(stored)) }

    /// Of ``rows``, those that are stored.
    package var stored: Int64 { rows - refused }

    /// - Returns: the features of `views` that have expectations, in their order.
    /// - Complexity: O(``OperationsLimits/expectationStatusCounts``) a view.
    static func read(_ views: [StoredView], _ session: Session) throws(StoreError) -> [ExpectationStatus] {
        var counts: [String: ExpectationStatus] = [:]
        let checked = views.filter { !$0.expectations.isEmpty }
        guard !checked.isEmpty else { return [] }
        for view in checked {
            for feature in view.expectations.features {
                let name = "\(view.name).\(feature.name)"
                counts[name] = ExpectationStatus(name: name, expectations: feature.expectations)
            }
        }
        let rows = try session.query(
            """
            WITH recent AS MATERIALIZED (
                SELECT batch FROM asof.batches
                WHERE committed_at >= clock_timestamp() - interval '\(OperationsLimits.expectationStatusDays) days'
                ORDER BY committed_at LIMIT 1
            )
            SELECT v.name, f.name, sum(c.rows)::bigint, sum(c.nulls)::bigint, sum(c.warned)::bigint,
                sum(c.refused)::bigint,
                (SELECT committed_at FROM asof.batches b WHERE b.batch = min(c.batch) LIMIT 1),
                (SELECT committed_at FROM asof.batches b
                    WHERE b.batch = max(c.batch) FILTER (WHERE c.warned + c.refused > 0) LIMIT 1)
            FROM asof.views v CROSS JOIN LATERAL (
                SELECT * FROM asof.expectation_counts c
                WHERE c.view = v.id AND c.batch >= (SELECT batch FROM recent)
                ORDER BY c.batch DESC LIMIT \(OperationsLimits.expectationStatusCounts)) c
            JOIN asof.features f ON f.id = c.feature
            GROUP BY 1, 2
            """
        )
        for row in 0..<rows.count {
            let name = "\(rows.text(row, 0) ?? "").\(rows.text(row, 1) ?? "")"
            counts[name]?.rows = rows.int64(row, 2) ?? 0
            counts[name]?.nulls = rows.int64(row, 3) ?? 0
            counts[name]?.warned = rows.int64(row, 4) ?? 0
            counts[name]?.refused = rows.int64(row, 5) ?? 0
            counts[name]?.countedSince = rows.timestamp(row, 6).map { Timestamp(microseconds: $0) }
            counts[name]?.lastFailedAt = rows.timestamp(row, 7).map { Timestamp(microseconds: $0) }
        }
        return checked.flatMap { view in
            view.expectations.features.compactMap { counts["\(view.name).\($0.name)"] }
        }
    }

    private init(name: String, expectations: Expectations) {
        self.name = name
        self.expectations = expectations
    }
}
