import Expressions
import Features
import PointInTime
import Store
import Synchronization

/// Columns that are not looked up.
extension TrainingSetJoin {
    /// Rows that are computed at a time: what is in the making stays in the processor's cache.
    private static let pieceRows = 16_384

    /// The plan's columns: what was looked up, what the spine gives, and what is computed of both.
    func derive(
        _ batch: ColumnBatch,
        _ joined: [JoinedView],
        _ labelTimes: Column,
        _ requestTimes: [String: Column]
    ) -> [Column] {
        let plan = spec.plan
        var given: [FeaturePlan.Lookup: Column] = [:]
        for (column, source) in zip(plan.columns, plan.sources) {
            guard case .lookup(let lookup) = source, let name = spec.given[column.outputName] else { continue }
            given[lookup] = batch[name]
        }
        func value(_ lookup: FeaturePlan.Lookup) -> Column {
            if let column = given[lookup] { return column }
            switch lookup {
            case .feature(let role, let feature): return joined[role].features[feature]
            case .eventTime(let role): return joined[role].validEventTimes(labelTimes)
            }
        }
        let lookups = plan.lookups.map(value)
        func request(_ name: String) -> Column {
            if name == spec.labelTime { return labelTimes }
            // The spec has been checked against the spine.
            return requestTimes[name] ?? batch[name] ?? Column(nullsOf: .bool, rowCount: batch.rowCount)
        }
        let derived = evaluate(batch.rowCount, labelTimes, request, lookups)
        return plan.sources.enumerated().map { index, source in
            switch source {
            case .lookup(let lookup): value(lookup)
            case .request(let field): request(field.name)
            case .derived(let place): derived[place]
            }
        }
    }

    private func evaluate(
        _ rowCount: Int,
        _ labelTimes: Column,
        _ request: (String) -> Column,
        _ lookups: [Column]
    ) -> [Column] {
        let derived = spec.plan.derived
        if derived.isEmpty { return [] }
        let requests = Dictionary(uniqueKeysWithValues: derived.requestNames.map { ($0, request($0)) })
        let pieces = max(1, (rowCount + Self.pieceRows - 1) / Self.pieceRows)
        let made = Mutex([DerivedColumns.Values?](repeating: nil, count: pieces))
        clock.measure(.derive) {
            workers.each(pieces) { piece in
                let rows = piece * Self.pieceRows..<min(rowCount, (piece + 1) * Self.pieceRows)
                let values = derived.evaluate(
                    rowCount: rows.count,
                    labelTimes: labelTimes.slice(rows),
                    request: { (requests[$0] ?? labelTimes).slice(rows) },
                    lookup: { lookups[$0].slice(rows) }
                )
                made.withLock { $0[piece] = values }
            }
        }
        let values = made.withLock { $0.compactMap(\.self) }
        for piece in values {
            for (column, count) in piece.errorCounts.enumerated() { derivedErrors[column] += count }
        }
        return spec.plan.columns.compactMap(\.derived).enumerated().map { index, column in
            pieces == 1
                ? values[0].columns[index]
                : Column(type: column.type, concatenating: values.map { $0.columns[index] })
        }
    }

    /// As ``TrainingSetSpec/isServed`` has it: for each row the latest event time that counts.
    func servedBounds(_ labelTimes: Column, at: Column?) -> Column {
        var bounds = [Int64](repeating: Timestamp.latest.microseconds, count: labelTimes.rowCount)
        if let at { for (row, time) in at.int64Values.enumerated() where !at.isNull(row) { bounds[row] = time } }
        return Column(type: .timestamp, validity: labelTimes.validity, values: .int64(bounds))
    }

    /// The times of windows, as a server has them: the request's, or that of its AT.
    func servedTimes(_ labelTimes: Column, at: Column?) -> Column {
        guard let at else { return labelTimes }
        var times = labelTimes.int64Values
        for (row, time) in at.int64Values.enumerated() where !at.isNull(row) { times[row] = time }
        return Column(type: .timestamp, validity: labelTimes.validity, values: .int64(times))
    }
}

extension ViewRole {
    /// The same, by the newest row whatever its time; windows keep their rules.
    var withoutTimeRules: ViewRole { reading(windows == nil ? view.withoutTimeRules : view) }

    /// The same, whatever has expired.
    var withoutTTL: ViewRole { reading(view.withoutTTL) }

    private func reading(_ view: StoredView) -> ViewRole {
        ViewRole(
            view: view,
            prefix: prefix,
            keyColumns: keyColumns,
            features: features,
            windows: windows
        )
    }
}

extension JoinedView {
    /// Of windows at some times their ages at the times of the requests.
    func aged(to requestTimes: Column, from times: Column) -> JoinedView {
        var view = self
        let newest = validEventTimes(times).int64Values
        view.ages.values = .int64(zip(requestTimes.int64Values, newest).map { $0.subtractingSaturating($1) })
        return view
    }

    /// The event time of each row that has values, also where it is null.
    func validEventTimes(_ labelTimes: Column) -> Column {
        Column(
            type: .timestamp,
            validity: ages.validity,
            values: .int64(zip(labelTimes.int64Values, ages.int64Values).map { $0.subtractingSaturating($1) })
        )
    }

    /// What a server shows of rows that were joined by `bounds` without a TTL: those that had not expired when it was asked.
    func served(bounds: Column, requestTimes: Column, ttl: Int64?) -> JoinedView {
        let times = validEventTimes(bounds).int64Values
        var view = self
        var validity = ages.validity ?? [Bool](repeating: true, count: times.count)
        var newAges = [Int64](repeating: 0, count: times.count)
        var shown = [Int32](repeating: -1, count: times.count)
        var witnessed = shown
        for row in times.indices {
            witnessed[row] = Int32(row)
            guard validity[row] else { continue }
            let requestTime = requestTimes.int64Values[row]
            if let ttl, times[row] < requestTime.subtractingSaturating(ttl) {
                validity[row] = false
                witnessed[row] = -1
                view.counts.matched -= 1
                view.counts.expired += 1
            } else {
                shown[row] = Int32(row)
                newAges[row] = requestTime.subtractingSaturating(times[row])
            }
        }
        view.ages = Column(type: .int64, validity: validity, values: .int64(newAges))
        if view.counts.expired > counts.expired {
            view.features = features.map { $0.gatherOrNull(shown) }
            view.eventTimes = eventTimes?.gatherOrNull(witnessed)
            view.positions = positions?.gatherOrNull(witnessed)
        }
        return view
    }
}
