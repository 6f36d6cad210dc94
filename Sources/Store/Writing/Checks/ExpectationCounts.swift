import Features

/// What commits counted, in `asof.expectation_counts`: one row a commit, view and feature, where there is something to
/// tell.
enum ExpectationCounts {
    /// SQL: writes the counts of a batch, as a part of the message that commits it; `nil` where there are none.
    static func statement(batch: Int64, _ tallies: [(view: Int32, tally: ExpectationTally)]) -> String? {
        let values = tallies.flatMap { view, tally in
            tally.features.filter(\.isKept).map { feature in
                // A feature's name has letters, digits and underscores only.
                """
                (\(view), '\(feature.name)', \(feature.rows)::bigint, \(feature.nulls)::bigint, \(feature.warned)::bigint, \
                \(feature.refused)::bigint)
                """
            }
        }
        guard !values.isEmpty else { return nil }
        return """
            INSERT INTO asof.expectation_counts (view, batch, feature, rows, nulls, warned, refused)
            SELECT f.view, \(batch), f.id, c.rows, c.nulls, c.warned, c.refused
            FROM (VALUES \(values.joined(separator: ", "))) AS c (view, name, rows, nulls, warned, refused)
            JOIN asof.features f ON f.view = c.view AND f.name = c.name
            """
    }

    /// Deletes counts that are older than they are kept, some of each view's at a time.
    static func dropOld(_ session: Session) throws(StoreError) {
        try session.query(
            """
            DELETE FROM asof.expectation_counts c USING (
                SELECT o.view, o.batch, o.feature FROM asof.views v CROSS JOIN LATERAL (
                    SELECT view, batch, feature FROM asof.expectation_counts
                    WHERE view = v.id AND batch <= (
                        SELECT batch FROM asof.batches
                        WHERE committed_at <= clock_timestamp() - interval '\(Limits.expectationCountsDays) days'
                        ORDER BY committed_at DESC LIMIT 1)
                    ORDER BY batch LIMIT \(Limits.expectationCountsDropped)) o) old
            WHERE c.view = old.view AND c.batch = old.batch AND c.feature = old.feature
            """
        )
    }
}
