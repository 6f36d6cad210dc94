import Features
import PointInTime
import Store
import Windows

/// What turns the events of requests into values, whoever read them: the one place that does.
struct WindowEvaluation: Sendable {
    let groups: RequestGroups
    /// Whether each request has versions of events of its own.
    let isVersioned: Bool
    private let role: WindowRole
    private let requests: WindowRequests

    init(_ role: WindowRole, _ requests: WindowRequests) {
        self.role = role
        self.requests = requests
        groups = RequestGroups(requests, role)
        isVersioned = requests.isKnownAtLabel || requests.positions != nil
    }

    /// Some groups' requests.
    ///
    /// - Parameter rows: of these groups; where ``isVersioned``, with versions, else what is in force.
    func evaluate(_ rows: KeyedEvents, _ range: Range<Int>) -> WindowValues {
        isVersioned
            ? evaluateVersions(rows, range) : evaluate(rows, groups.windowGroups(range, rows))
    }

    /// One row for each request, in their order.
    ///
    /// - Parameter parts: of all groups, in their order.
    func whole(_ parts: [WindowValues]) -> WindowValues {
        // Requests that match nothing come first.
        let parts = [evaluate(KeyedEvents(role), groups.unmatched)] + parts
        return concatenated(parts).gathered(groups.inverse)
    }

    private func evaluate(_ rows: KeyedEvents, _ asked: RequestGroups.Asked) -> WindowValues {
        let scan = WindowScan(times: rows.times.int64Values, requests: asked.times, groups: asked.groups)
        var made = WindowValues(
            values: [],
            eventTimes: Column(nullsOf: .timestamp, rowCount: asked.times.count),
            overflows: []
        )
        var known: [WindowBounds: WindowSpans] = [:]
        for window in role.windows {
            let bounds = window.bounds(delay: role.rules.delay, isStrict: role.rules.isStrict)
            let spans = known[bounds] ?? scan.spans(bounds)
            known[bounds] = spans
            let result = window.run(scan, spans, eventTimes: rows.times) { rows.column($0) }
            made.values.append(result.values)
            made.overflows.append(result.overflows)
            made.eventTimes = made.eventTimes.later(result.eventTimes)
        }
        return made
    }

    /// Each request has its own events: of the versions that it knows the last one, unless that is a tombstone.
    private func evaluateVersions(_ rows: KeyedEvents, _ range: Range<Int>) -> WindowValues {
        var parts: [WindowValues] = []
        var picked: [Int32] = []
        var asked = RequestGroups.Asked()
        func flush() {
            parts.append(evaluate(rows.gather(picked), asked))
            picked = []
            asked = RequestGroups.Asked()
        }
        for place in range {
            for request in groups.groups[place].requests {
                let row = Int(groups.order[request])
                let time = requests.times.int64Values[row]
                let first = picked.count
                rows.addVersions(
                    groups.events(of: place, range, rows),
                    in: groups.span(of: request),
                    position: requests.positions?.int64Values[row] ?? .max,
                    knownBy: requests.isKnownAtLabel ? time : .max,
                    to: &picked
                )
                asked.groups.append(
                    WindowGroup(
                        events: first..<picked.count,
                        requests: asked.times.count..<asked.times.count + 1
                    )
                )
                asked.times.append(time)
                if picked.count > WindowingLimits.copiedEvents { flush() }
            }
        }
        flush()
        return concatenated(parts)
    }

    private func concatenated(_ parts: [WindowValues]) -> WindowValues {
        WindowValues(
            values: role.windows.indices.map { window in
                Column(type: role.windows[window].type, concatenating: parts.map { $0.values[window] })
            },
            eventTimes: Column(type: .timestamp, concatenating: parts.map(\.eventTimes)),
            overflows: role.windows.indices.map { window in parts.reduce(0) { $0 + $1.overflows[window] } }
        )
    }
}

extension WindowValues {
    fileprivate func gathered(_ rows: [Int32]) -> WindowValues {
        WindowValues(
            values: values.map { $0.gather(rows) },
            eventTimes: eventTimes.gather(rows),
            overflows: overflows
        )
    }
}

extension Column {
    /// Row by row the later of two timestamps; null where both are.
    fileprivate func later(_ other: Column) -> Column {
        let (own, others) = (int64Values, other.int64Values)
        var validity = [Bool](repeating: true, count: own.count)
        let times = own.indices.map { row -> Int64 in
            switch (isNull(row), other.isNull(row)) {
            case (true, true):
                validity[row] = false
                return 0
            case (true, false): return others[row]
            case (false, true): return own[row]
            case (false, false): return max(own[row], others[row])
            }
        }
        return Column(type: .timestamp, validity: validity, values: .int64(times))
    }
}
