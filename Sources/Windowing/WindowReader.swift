import Features
package import PointInTime
import Postgres
package import Store
import Windows

/// What windows gave, one row for each request, in the requests' order.
package struct WindowValues: Sendable {
    /// One for each window of the role.
    package var values: [Column]
    /// Of the newest event in any window; null where there is none.
    package var eventTimes: Column
    /// For each window its sums of integers that are null because they are beyond int64.
    package var overflows: [Int]
}

/// At what times, and of which state, windows are asked for.
package struct WindowRequests: Sendable {
    /// Of the window view's keys; a global view has none. Nulls match no event.
    package var keys: [Column]
    /// Timestamps; a null matches no event.
    package var times: Column
    /// Only what was known by each row's time counts.
    package var isKnownAtLabel = false
    /// int64: the position whose state a row reads, within the reader's; a null matches no event.
    package var positions: Column?

    package init(keys: [Column], times: Column, isKnownAtLabel: Bool = false, positions: Column? = nil) {
        self.keys = keys
        self.times = times
        self.isKnownAtLabel = isKnownAtLabel
        self.positions = positions
    }
}

/// Windows at the times of requests, computed here of events that PostgreSQL gives in order.
///
/// It needs only SELECT. PostgreSQL says which events are in force and sums nothing: one piece of code decides every value.
package struct WindowReader {
    private let session: Session
    private let state: PinnedState
    private let role: WindowRole
    /// Events that are read at most; `nil` = as many as fit ``WindowingLimits/keyEventsMax``.
    private let eventsMax: Int?

    package init(_ session: Session, _ state: PinnedState, _ role: WindowRole, eventsMax: Int? = nil) {
        self.session = session
        self.state = state
        self.role = role
        self.eventsMax = eventsMax
    }

    /// - Throws: ``StoreError/tooLarge(_:)`` where one key has more events than may be read.
    /// - Complexity: one statement for some thousand keys; O(events + requests) of each key. Where requests have positions,
    ///   or only what was known counts, O(events) a request.
    package func read(_ requests: WindowRequests) throws(StoreError) -> WindowValues {
        let groups = RequestGroups(requests, role)
        var parts: [WindowValues] = []
        // Requests that match nothing come first.
        parts.append(evaluate(EventRows(role), groups.unmatched))
        var start = 0
        while start < groups.groups.count {
            let end = min(groups.groups.count, start + WindowingLimits.statementKeys)
            parts += try read(groups, start..<end, requests)
            start = end
        }
        return concatenated(parts).gathered(groups.inverse)
    }

    private func read(
        _ groups: RequestGroups,
        _ range: Range<Int>,
        _ requests: WindowRequests
    ) throws(StoreError) -> [WindowValues] {
        let isVersioned = requests.isKnownAtLabel || requests.positions != nil
        let query = EventQuery(role, state, isVersioned: isVersioned)
        let most = eventsMax ?? (range.count == 1 ? WindowingLimits.keyEventsMax : WindowingLimits.statementEvents)
        let rows = try query.run(groups, range, limit: most + 1, session)
        guard rows.count <= most else {
            guard range.count > 1, eventsMax == nil else {
                throw .tooLarge(
                    "windows of view '\(role.name)' would read more than \(most) events of '\(role.events.name)'; "
                        + "ask for fewer keys, or make the windows shorter"
                )
            }
            let middle = range.lowerBound + range.count / 2
            let first = try read(groups, range.lowerBound..<middle, requests)
            return first + (try read(groups, middle..<range.upperBound, requests))
        }
        if isVersioned { return evaluateVersions(rows, groups, range, requests) }
        return [evaluate(rows, groups.windowGroups(range, rows))]
    }

    private func evaluate(_ rows: EventRows, _ asked: RequestGroups.Asked) -> WindowValues {
        let scan = WindowScan(times: rows.times.int64Values, requests: asked.times, groups: asked.groups)
        var made = WindowValues(
            values: [],
            eventTimes: Column(nullsOf: .timestamp, rowCount: asked.times.count),
            overflows: []
        )
        for window in role.windows {
            let bounds = window.bounds(delay: role.rules.delay, isStrict: role.rules.isStrict)
            let result = window.run(scan, bounds, eventTimes: rows.times) { rows.column($0) }
            made.values.append(result.values)
            made.overflows.append(result.overflows)
            made.eventTimes = made.eventTimes.later(result.eventTimes)
        }
        return made
    }

    /// Each request has its own events: of the versions that it knows the last one, unless that is a tombstone.
    private func evaluateVersions(
        _ rows: EventRows,
        _ groups: RequestGroups,
        _ range: Range<Int>,
        _ requests: WindowRequests
    ) -> [WindowValues] {
        var parts: [WindowValues] = []
        var picked: [Int32] = []
        var asked = RequestGroups.Asked()
        func flush() {
            if asked.times.isEmpty { return }
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
        return parts
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
