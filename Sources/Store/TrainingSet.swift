import Dispatch
package import Features
package import PointInTime
import Postgres
import Synchronization

/// What a training set is made of, apart from the spine's rows.
package struct TrainingSetSpec: Sendable {
    package var plan: FeaturePlan
    /// The spine's column of label times.
    package var labelTime: String
    /// The spine's column of ledger positions, each row's own; `nil` = every row reads ``state``.
    package var positionColumn: String?
    /// Names and types of the spine's columns, in order.
    package var spine: [ColumnSchema]
    package var state: LedgerState
    package var options: JoinOptions

    package init(
        plan: FeaturePlan,
        labelTime: String,
        positionColumn: String? = nil,
        spine: [ColumnSchema],
        state: LedgerState,
        options: JoinOptions
    ) throws(StoreError) {
        self.plan = plan
        self.labelTime = labelTime
        self.positionColumn = positionColumn
        self.spine = spine
        self.state = state
        self.options = options
        try check()
    }

    /// The training set's columns: the spine's, the features in the order asked for, then witnesses.
    package var columns: [ColumnSchema] {
        spine + plan.columns.map { ColumnSchema(name: $0.outputName, type: $0.type) }
            + (options.witness
                ? plan.roles.flatMap { role in
                    [
                        ColumnSchema(name: "\(role.prefix)__event_time", type: .timestamp),
                        ColumnSchema(name: "\(role.prefix)__position", type: .int64),
                    ]
                } : [])
    }

    private func check() throws(StoreError) {
        func type(_ name: String, _ purpose: String) throws(StoreError) -> FeatureType {
            guard let column = spine.first(where: { $0.name == name }) else {
                throw .request(
                    "the spine has no column '\(name)', \(purpose)\(Name.hint(for: name, among: spine.map(\.name)))"
                )
            }
            return column.type
        }
        let labelType = try type(labelTime, "which --label-time names")
        guard labelType == .timestamp else {
            throw .request("the spine's label time '\(labelTime)' is \(labelType.text); it must be timestamp")
        }
        if let positionColumn {
            let positionType = try type(positionColumn, "which --position-column names")
            guard positionType == .int64 else {
                throw .request("the spine's positions '\(positionColumn)' are \(positionType.text); they must be int64")
            }
        }
        for role in plan.roles {
            for (key, column) in zip(role.view.definition.keys, role.keyColumns) {
                let type = try type(column, "the key '\(key.name)' of view '\(role.view.name)'")
                guard type == key.type.featureType else {
                    throw .request(
                        "the spine's column '\(column)' is \(type.text); the key '\(key.name)' of view '\(role.view.name)' is \(key.type.rawValue)"
                    )
                }
            }
        }
        var seen: Set<String> = []
        for column in columns where !seen.insert(column.name).inserted {
            throw .request("the training set would have two columns '\(column.name)'; rename the spine's")
        }
    }
}

/// A column's name and type.
package struct ColumnSchema: Sendable, Hashable {
    package var name: String
    package var type: FeatureType

    package init(name: String, type: FeatureType) {
        self.name = name
        self.type = type
    }
}

/// Enriches a spine batch by batch; its rows keep their order.
package final class TrainingSetJoin {
    package let spec: TrainingSetSpec
    private let pool: SessionPool
    private let pinned: PinnedState
    /// Ledger position when the join started: a forget or drop after it makes the result a mixture.
    private let startedAt: Int64
    /// The smallest position that a row read so far.
    private var oldestPosition: Int64
    /// Over the spine's columns, and over all columns.
    package private(set) var spineDigest: ContentDigest
    package private(set) var contentDigest: ContentDigest
    /// For each role of the plan.
    package private(set) var counts: [JoinCounts]
    /// For each feature column, and for each role the ages of its matched rows; empty where they were not asked for.
    private var statistics: [ColumnStatistics]
    private var ages: [ColumnStatistics]

    /// - Parameters:
    ///   - sessions: at least one; blocks of rows are looked up on all of them side by side.
    ///   - measures: whether ``quality`` is wanted.
    package init(_ spec: TrainingSetSpec, sessions: [Session], measures: Bool = true) throws(StoreError) {
        self.spec = spec
        let ledger = Ledger(sessions[0])
        pinned = try ledger.pin(spec.state)
        startedAt = try ledger.head().position
        oldestPosition = spec.state.position
        pool = SessionPool(sessions)
        spineDigest = ContentDigest(names: spec.spine.map(\.name), types: spec.spine.map(\.type))
        contentDigest = ContentDigest(names: spec.columns.map(\.name), types: spec.columns.map(\.type))
        counts = spec.plan.roles.map { _ in JoinCounts() }
        statistics = measures ? spec.plan.columns.map { ColumnStatistics(type: $0.type) } : []
        ages = measures ? spec.plan.roles.map { _ in ColumnStatistics(type: .int64) } : []
    }

    /// What the rows joined so far are like; `nil` where it was not asked for.
    package var quality: TrainingSetQuality? {
        guard !ages.isEmpty else { return nil }
        return TrainingSetQuality(
            features: zip(spec.plan.columns, statistics).map { .init(name: $0.outputName, $1) },
            ages: zip(spec.plan.roles, ages).map { .init(prefix: $0.prefix, $1) }
        )
    }

    package var rowCount: Int { contentDigest.rowCount }

    /// - Parameter batch: rows of the spine, with the spec's spine columns in order.
    /// - Returns: the same rows with every column of the training set.
    /// - Throws: ``StoreError/input(_:)`` where a row's own position is not one of the store's.
    package func join(_ batch: ColumnBatch) throws(StoreError) -> ColumnBatch {
        try checkPositions(batch)
        var columns = batch.columns
        var joined: [JoinedView] = []
        for role in spec.plan.roles { joined.append(try join(batch, role)) }
        for source in spec.plan.sources { columns.append(joined[source.role].features[source.feature]) }
        if spec.options.witness {
            for view in joined { columns += [view.eventTimes, view.positions].compactMap(\.self) }
        }
        for (index, view) in joined.enumerated() { counts[index] += view.counts }
        for index in ages.indices { ages[index].update(joined[index].ages) }
        measure(columns[batch.columns.count...])
        spineDigest.update(batch.columns, rowCount: batch.rowCount)
        contentDigest.update(columns, rowCount: batch.rowCount)
        return ColumnBatch(names: spec.columns.map(\.name), columns: columns, rowCount: batch.rowCount)
    }

    private func checkPositions(_ batch: ColumnBatch) throws(StoreError) {
        guard let name = spec.positionColumn, let positions = batch[name] else { return }
        let newest = spec.state.position
        for (row, position) in positions.int64Values.enumerated()
        where !positions.isNull(row) && (position < 0 || position > newest) {
            throw .input(
                "row \(rowCount + row + 1) of the spine, column '\(name)': no position \(position) in this store; "
                    + "expected 0 to \(newest), the newest"
            )
        }
        for (row, position) in positions.int64Values.enumerated() where !positions.isNull(row) {
            oldestPosition = min(oldestPosition, position)
        }
    }

    /// - Parameter columns: begins with the feature columns.
    private func measure(_ columns: ArraySlice<Column>) {
        statistics.withUnsafeMutableBufferPointer { statistics in
            // Safe: each iteration touches an element of its own, and all have ended when this returns.
            nonisolated(unsafe) let statistics = statistics
            DispatchQueue.concurrentPerform(iterations: statistics.count) { index in
                statistics[index].update(columns[columns.startIndex + index])
            }
        }
    }

    private func join(_ batch: ColumnBatch, _ role: ViewRole) throws(StoreError) -> JoinedView {
        func column(_ name: String) throws(StoreError) -> Column {
            guard let column = batch[name] else { throw .request("the spine has no column '\(name)'") }
            return column
        }
        var keys: [Column] = []
        for name in role.keyColumns { keys.append(try column(name)) }
        var labels = try column(spec.labelTime)
        // In key order neighbouring look-ups touch the same pages of index and table, and blocks touch different ones.
        let order = KeyComparator(keys: keys).sorted(times: labels.int64Values).map(\.row)
        keys = keys.map { $0.gather(order) }
        labels = labels.gather(order)
        var positions: Column?
        if let name = spec.positionColumn { positions = try column(name).gather(order) }
        var joined = try joinInBlocks(role, keys, labels, positions)
        var inverse = order
        for (place, row) in order.enumerated() { inverse[Int(row)] = Int32(place) }
        joined.features = joined.features.map { $0.gather(inverse) }
        joined.eventTimes = joined.eventTimes.gather(inverse)
        joined.positions = joined.positions?.gather(inverse)
        joined.ages = joined.ages.gather(inverse)
        return joined
    }

    /// Looks blocks of rows up side by side.
    private func joinInBlocks(
        _ role: ViewRole,
        _ keys: [Column],
        _ labels: Column,
        _ positions: Column?
    ) throws(StoreError) -> JoinedView {
        let rowCount = labels.rowCount
        let starts = Array(stride(from: 0, to: rowCount, by: Limits.probeRowsMax))
        let results = Mutex<[Int: Result<JoinedView, StoreError>]>([:])
        let (pool, pinned, options) = (pool, pinned, spec.options)
        DispatchQueue.concurrentPerform(iterations: starts.count) { index in
            let rows = starts[index]..<min(rowCount, starts[index] + Limits.probeRowsMax)
            let result = pool.use { session throws(StoreError) in
                try Probe(session: session, state: pinned, options: options).join(
                    role,
                    keys: keys.map { $0.slice(rows) },
                    labelTimes: labels.slice(rows),
                    rowPositions: positions?.slice(rows)
                )
            }
            results.withLock { $0[index] = result }
        }
        return try Self.concatenate(results.withLock { $0 }, count: starts.count, role, witness: options.witness)
    }

    private static func concatenate(
        _ results: [Int: Result<JoinedView, StoreError>],
        count: Int,
        _ role: ViewRole,
        witness: Bool
    ) throws(StoreError) -> JoinedView {
        var whole = JoinedView(
            features: role.features.map { Column(emptyOf: $0.type) },
            eventTimes: Column(emptyOf: .timestamp),
            positions: witness ? Column(emptyOf: .int64) : nil,
            ages: Column(emptyOf: .int64),
            counts: JoinCounts()
        )
        for index in 0..<count {
            guard let part = try results[index]?.get() else { throw .conflict("a block of the spine was not joined") }
            for (feature, column) in part.features.enumerated() { whole.features[feature].append(column) }
            whole.eventTimes.append(part.eventTimes)
            if let positions = part.positions { whole.positions?.append(positions) }
            whole.ages.append(part.ages)
            whole.counts += part.counts
        }
        return whole
    }

    /// Views that `knownAtLabel` leaves nearly empty, each with what to do about it; looks at the batch's first rows.
    ///
    /// Rows loaded long after their event time, without a known-at time, count as known only since their load.
    package func knownAtWarnings(_ batch: ColumnBatch) throws(StoreError) -> [String] {
        let rows = 0..<min(batch.rowCount, Limits.probeRowsMax)
        var warnings: [String] = []
        for role in spec.plan.roles {
            var matched: [Int] = []
            for knownAtLabel in [false, true] {
                let probe = Probe(session: pool.first, state: pinned, options: JoinOptions(knownAtLabel: knownAtLabel))
                let joined = try probe.join(
                    role,
                    keys: role.keyColumns.compactMap { batch[$0]?.slice(rows) },
                    labelTimes: (batch[spec.labelTime] ?? Column(nullsOf: .timestamp, rowCount: batch.rowCount)).slice(
                        rows
                    ),
                    rowPositions: spec.positionColumn.flatMap { batch[$0]?.slice(rows) }
                )
                matched.append(joined.counts.matched)
            }
            guard matched[0] > 0, matched[1] * 2 < matched[0] else { continue }
            warnings.append(
                """
                --known-at-label leaves view '\(role.prefix)' with \(matched[1]) matches of \(matched[0]) in the first \
                \(rows.count) rows: its history was mostly committed after the label times. Where rows were loaded late, say \
                when they were known with `asof ingest --known-at COLUMN`
                """
            )
        }
        return warnings
    }

    /// Checks that history stayed whole while it was read.
    /// - Throws: ``StoreError/conflict(_:)`` where rows were removed meanwhile.
    package func finish() throws(StoreError) {
        guard let removal = try RemovalRecord(pool.first).since(startedAt, of: spec.plan.roles).first else { return }
        throw .conflict("\(removal.text), while history was read; run the command again")
    }

    /// What was removed from these views after the state that was asked for, before the join started: it is not in the
    /// training set, although it was in that state. Of rows with positions of their own those joined so far count.
    package func earlierRemovals() throws(StoreError) -> [Removal] {
        try RemovalRecord(pool.first).since(oldestPosition, of: spec.plan.roles).filter { $0.position <= startedAt }
    }
}
