import Features
package import PointInTime
package import Store

extension TrainingSetJoin {
    /// Views that `knownAtLabel` leaves nearly empty, each with what to do about it; looks at the batch's first rows.
    ///
    /// Rows loaded long after their event time, without a known-at time, count as known only since their load.
    package func knownAtWarnings(_ batch: ColumnBatch) throws(StoreError) -> [String] {
        let rows = 0..<min(batch.rowCount, TrainingSetLimits.probeRowsMax)
        let labelTimes = try labelTimes(of: batch).slice(rows)
        var warnings: [String] = []
        for role in spec.plan.roles {
            var matched: [Int] = []
            for knownAtLabel in [false, true] {
                var options = spec.options
                options.knownAtLabel = knownAtLabel
                options.witness = false
                let joined = try ProbeJoin(pool: pool, pinned: pinned, options: options).join(
                    role,
                    keys: role.keyColumns.compactMap { batch[$0]?.slice(rows) },
                    labelTimes: labelTimes,
                    rowPositions: spec.positionColumn.flatMap { batch[$0]?.slice(rows) }
                )
                matched.append(joined.counts.matched)
            }
            guard matched[0] > 0, matched[1] * 2 < matched[0] else { continue }
            warnings.append(
                """
                --known-at-label leaves view '\(role.prefix)' with \(matched[1]) matches of \(matched[0]) in the first \
                \(rows.count) rows: its history was mostly committed after the label times. Where rows were loaded late, say \
                when they were known with `asof ingest --known-at COLUMN`\(role.view.definition.isBackfilled == true
                    ? "; `backfilled: true` of the view is for `asof learn` and changes nothing here" : "")
                """
            )
        }
        return warnings
    }
}
