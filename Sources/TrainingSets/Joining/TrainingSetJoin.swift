import Features
package import PointInTime
import Postgres
package import Store

/// Enriches a spine batch by batch; its rows keep their order.
package final class TrainingSetJoin {
    package let spec: TrainingSetSpec
    let pool: SessionPool
    let pinned: PinnedState
    /// Ledger position when the join started: a forget or drop after it makes the result a mixture.
    private let startedAt: Int64
    /// The smallest position that a row read so far.
    private var oldestPosition: Int64
    /// Over the spine's columns, and over all columns.
    package private(set) var spineDigest: ContentDigest
    package private(set) var contentDigest: ContentDigest
    /// For each role of the plan.
    package private(set) var counts: [JoinCounts]
    /// Label times that were finer than µs, rounded down.
    package private(set) var finerLabels = 0
    /// For each derived column the rows that are null since PostgreSQL would raise an error there.
    package internal(set) var derivedErrors: [Int]
    /// For each feature column, and for each role the ages of its matched rows; empty where they were not asked for.
    private var statistics: [ColumnStatistics]
    private var ages: [ColumnStatistics]
    /// How the join is made, and why so.
    package let plan: JoinPlan
    private let scan: Scan?
    let workers: Workers
    package let clock = StageClock()
    /// Gets the share of a block's work that is done.
    package var onProgress: (Double) -> Void = { _ in }

    /// - Parameters:
    ///   - sessions: at least one; they work side by side.
    ///   - engine: how rows are looked up.
    ///   - measures: whether ``quality`` and ``rowMarks`` are wanted.
    package init(
        _ spec: TrainingSetSpec,
        sessions: [Session],
        engine: EngineRequest = EngineRequest(.probe),
        measures: Bool = true
    ) throws(StoreError) {
        self.spec = spec
        let ledger = Ledger(sessions[0])
        pinned = try ledger.pin(spec.state)
        startedAt = try ledger.head().position
        oldestPosition = spec.state.position
        pool = SessionPool(sessions)
        spineDigest = Self.digest(of: spec.spine)
        contentDigest = Self.digest(of: spec.columns)
        contentDigest.marks = measures ? RowMarker() : nil
        counts = spec.plan.roles.map { _ in JoinCounts() }
        derivedErrors = spec.plan.columns.compactMap(\.derived).map { _ in 0 }
        statistics = measures ? spec.plan.columns.map { ColumnStatistics(type: $0.type) } : []
        ages = measures ? spec.plan.roles.map { _ in ColumnStatistics(type: .int64) } : []
        workers = Workers(engine.limits.threads)
        (plan, scan) = try JoinPlan.make(
            engine,
            spec,
            Scan.Context(
                pool: pool,
                sessionCount: sessions.count,
                pinned: pinned,
                options: spec.options,
                source: engine.source,
                limits: engine.limits,
                clock: clock,
                viewCount: Set(spec.plan.roles.map(\.view.id)).count
            )
        )
    }

    /// What the rows joined so far are like; `nil` where it was not asked for.
    package var quality: TrainingSetQuality? {
        guard !ages.isEmpty else { return nil }
        return TrainingSetQuality(
            features: zip(zip(spec.plan.columns, spec.plan.isPII), statistics).map { column, statistics in
                .init(name: column.0.outputName, statistics, isPII: column.1)
            },
            ages: zip(spec.plan.roles, ages).map { .init(prefix: $0.prefix, $1) }
        )
    }

    package var rowCount: Int { contentDigest.rowCount }

    /// Short marks of the rows joined so far; `nil` where they were not asked for.
    package var rowMarks: RowMarks? { contentDigest.marks?.marks }

    /// A digest of columns like these, without rows.
    package static func digest(of columns: [ColumnSchema]) -> ContentDigest {
        ContentDigest(names: columns.map(\.name), types: columns.map(\.type), passed: columns.map(\.passed))
    }

    /// - Parameter batch: rows of the spine, with the spec's spine columns in order.
    /// - Returns: the same rows with every column of the training set.
    /// - Throws: ``StoreError/input(_:)`` where a row's own position is not one of the store's.
    package func join(_ batch: ColumnBatch) throws(StoreError) -> ColumnBatch {
        let block = try joinBlock(batch)
        record(block, workers)
        return block.batch
    }

    /// Like ``join(_:)`` for somebody who has work of their own to do with the rows, which then go on to ``record(_:while:)``.
    package func joinBlock(_ batch: ColumnBatch) throws(StoreError) -> JoinedBlock {
        try checkPositions(batch)
        var columns = batch.columns
        let labelTimes = try labelTimes(of: batch)
        let joined = try narrowed(try joinViews(batch, labelTimes))
        columns += derive(batch, joined, labelTimes, try requestTimes(of: batch))
        if spec.options.witness {
            for view in joined { columns += [view.eventTimes, view.positions].compactMap(\.self) }
        }
        for (index, view) in joined.enumerated() { counts[index] += view.counts }
        scan?.learn(rows: batch.rowCount, bytes: columns[batch.columns.count...].reduce(0) { $0 + $1.byteCount })
        return JoinedBlock(
            batch: ColumnBatch(names: spec.columns.map(\.name), columns: columns, rowCount: batch.rowCount),
            ages: joined.map(\.ages)
        )
    }

    /// Takes the next block into digests and statistics, while `body` makes use of it, by half of the threads each.
    package func record<Failure: Error>(
        _ block: JoinedBlock,
        while body: () throws(Failure) -> Void
    ) throws(Failure) {
        try workers.both(body) { record(block, workers.halves.1) }
    }

    private func record(_ block: JoinedBlock, _ workers: Workers) {
        let (columns, rowCount) = (block.batch.columns, block.batch.rowCount)
        let spine = columns[..<spec.spine.count]
        clock.measure(.statistics) {
            Self.measure(&ages, block.ages[...], workers)
            Self.measure(&statistics, columns[spine.endIndex...], workers)
        }
        clock.measure(.digest) {
            spineDigest.update(Array(spine), rowCount: rowCount, workers)
            contentDigest.update(columns, rowCount: rowCount, workers)
        }
    }

    /// The label times as they are joined, in µs; the batch's own column leaves as it is.
    /// - Throws: ``StoreError/input(_:)`` for a time outside the years 1 to 9999.
    func labelTimes(of batch: ColumnBatch) throws(StoreError) -> Column { try times(spec.labelTime, of: batch) }

    /// The same of a column of other times.
    private func times(_ name: String, of batch: ColumnBatch) throws(StoreError) -> Column {
        guard let column = batch[name] else { throw .request("the spine has no column '\(name)'") }
        guard let passed = spec.passed(name) else { return column }
        do throws(MomentError) {
            return try column.microseconds(of: passed)
        } catch {
            throw .input(
                "row \(rowCount + error.row + 1) of the spine, column '\(name)': "
                    + "the \(name == spec.labelTime ? "label " : "")time \(error.text) lies outside the years 1 to 9999"
            )
        }
    }

    /// Request fields that are moments, in µs, by name.
    private func requestTimes(of batch: ColumnBatch) throws(StoreError) -> [String: Column] {
        var columns: [String: Column] = [:]
        for field in spec.plan.requestFields where field.type == .timestamp {
            columns[field.name] = try times(field.name, of: batch)
        }
        return columns
    }

    /// What versions from before a change of types show in the types that they had.
    /// - Throws: ``StoreError/input(_:)`` for a value that such a type does not have.
    private func narrowed(_ joined: [JoinedView]) throws(StoreError) -> [JoinedView] {
        var joined = joined
        for (lookup, column) in spec.plan.narrowed {
            guard case .feature(let role, let feature) = lookup else { continue }
            do throws(TooNarrow) {
                joined[role].features[feature] = try joined[role].features[feature].narrowed(to: column.type)
            } catch {
                throw .input("row \(rowCount + error.row + 1) of the spine, \(spec.plan.refusal(of: error, column))")
            }
        }
        return joined
    }

    private func joinViews(_ batch: ColumnBatch, _ labelTimes: Column) throws(StoreError) -> [JoinedView] {
        func column(_ name: String) throws(StoreError) -> Column {
            guard let column = batch[name] else { throw .request("the spine has no column '\(name)'") }
            return column
        }
        finerLabels += labelTimes.movedNs?.count { $0 > 0 } ?? 0
        guard spec.isServed else {
            return try joinViews(spec.plan.roles, labelTimes, windowsAt: labelTimes, batch, column)
        }
        let at = try spec.atColumn.map { name throws(StoreError) in try self.times(name, of: batch) }
        let bounds = servedBounds(labelTimes, at: at)
        let roles = spec.plan.roles.map(\.withoutTimeRules)
        let times = servedTimes(labelTimes, at: at)
        return zip(spec.plan.roles, try joinViews(roles, bounds, windowsAt: times, batch, column)).map { role, view in
            if role.windows != nil { return view.aged(to: labelTimes, from: times) }
            return view.served(bounds: bounds, requestTimes: labelTimes, ttl: role.view.definition.ttl?.microseconds)
        }
    }

    private func joinViews(
        _ roles: [ViewRole],
        _ labelTimes: Column,
        windowsAt times: Column,
        _ batch: ColumnBatch,
        _ column: (String) throws(StoreError) -> Column
    ) throws(StoreError) -> [JoinedView] {
        var rowPositions: Column?
        if let name = spec.positionColumn { rowPositions = try column(name) }
        if let scan {
            return try scan.join(
                roles,
                labelTimes: labelTimes,
                windowsAt: times,
                rowPositions: rowPositions,
                column: column,
                progress: onProgress
            )
        }
        let probe = ProbeJoin(pool: pool, pinned: pinned, options: spec.options)
        return try clock.measure(.probe) { () throws(StoreError) in
            var joined: [JoinedView] = []
            for role in roles {
                var keys: [Column] = []
                for name in role.keyColumns { keys.append(try column(name)) }
                let bounds = role.windows == nil ? labelTimes : times
                joined.append(try probe.join(role, keys: keys, labelTimes: bounds, rowPositions: rowPositions))
                onProgress(Double(joined.count) / Double(roles.count))
            }
            return joined
        }
    }

    /// Begins to read what the first block will need, while the caller fetches it. The sessions are in use then until that
    /// block is joined.
    package func prepare() { scan?.prepare(spec.plan.roles) }

    /// Waits until no session is in use, for whoever gives up between ``prepare()`` and the first block.
    package func settle() { scan?.settle() }

    /// How many rows of the spine ``join(_:)`` best gets at a time.
    ///
    /// - Parameter rowBytes: memory of one row of the spine.
    package func blockRows(rowBytes: Int) -> Int {
        scan?.blockRows(spineRowBytes: rowBytes, spec) ?? TrainingSetLimits.probeBatchRows
    }

    /// Files that were to be read and could not be, each with the reason and what to do.
    package var warnings: [String] { scan?.warnings ?? [] }

    /// What was read; `nil` where PostgreSQL looked everything up.
    package var scanReport: ScanReport? { scan.map { ScanReport($0, spec.plan.roles) } }

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

    /// - Parameter columns: begins with those that are measured.
    private static func measure(
        _ statistics: inout [ColumnStatistics],
        _ columns: ArraySlice<Column>,
        _ workers: Workers
    ) {
        statistics.withUnsafeMutableBufferPointer { statistics in
            // Safe: each piece touches an element of its own, and all have ended when this returns.
            nonisolated(unsafe) let statistics = statistics
            workers.each(statistics.count) { index in
                statistics[index].update(columns[columns.startIndex + index])
            }
        }
    }

    /// What was read is of the names and types that features have still: bytes of another type would have been taken for
    /// values of this one.
    private func refuseChangedFeatures() throws(StoreError) {
        let ids = Set(spec.plan.roles.map(\.scannedView.id)).sorted()
        let rows = try pool.first.query(
            "SELECT view, name, type FROM asof.features WHERE view = ANY ($1::bigint[])",
            [.int64Array(ids.map { Int64($0) })]
        )
        var types: [Int32: [String: String]] = [:]
        for row in 0..<rows.count {
            guard let view = rows.int32(row, 0), let name = rows.text(row, 1) else { continue }
            types[view, default: [:]][name] = rows.text(row, 2)
        }
        for role in spec.plan.roles {
            // What is gone altogether is a removal, which says more.
            guard let known = types[role.scannedView.id] else { continue }
            for feature in role.scannedFeatures {
                guard let type = known[feature.name], type != feature.type.text else { continue }
                throw .conflict(
                    "'\(role.scannedView.name).\(feature.name)' became \(type) while history was read; run the command again"
                )
            }
        }
    }

    /// Checks that history stayed whole while it was read.
    /// - Throws: ``StoreError/conflict(_:)`` where rows were removed meanwhile, or a feature got another type.
    package func finish() throws(StoreError) {
        settle()
        try refuseChangedFeatures()
        guard let removal = try RemovalRecord(pool.first).since(startedAt, of: spec.plan.roles).first else { return }
        throw .conflict("\(removal.text), while history was read; run the command again")
    }

    /// What was removed from these views after the state that was asked for, before the join started: it is not in the
    /// training set, although it was in that state. Of rows with positions of their own those joined so far count.
    package func earlierRemovals() throws(StoreError) -> [Removal] {
        try RemovalRecord(pool.first).since(oldestPosition, of: spec.plan.roles).filter { $0.position <= startedAt }
    }
}

/// Rows of the spine with every column of the training set, not recorded yet.
package struct JoinedBlock: Sendable {
    package let batch: ColumnBatch
    /// For each role the ages of its matched rows, null where none was.
    package let ages: [Column]
}
