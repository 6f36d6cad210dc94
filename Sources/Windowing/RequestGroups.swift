import Features
import PointInTime
import Store
import Windows

/// Requests by key, of each key by time.
struct RequestGroups {
    struct Group {
        /// Places in ``RequestGroups/order``.
        var requests: Range<Int>
        /// µs: events after this, up to that, may be in a window of a request.
        var after: Int64
        var until: Int64
    }

    /// Requests of a scan.
    struct Asked {
        var times: [Int64] = []
        var groups: [WindowGroup] = []
    }

    /// Rows of the requests: those that match nothing first, then group by group.
    let order: [Int32]
    private(set) var groups: [Group] = []
    /// For each row its place in ``order``.
    let inverse: [Int32]
    let keys: [Column]
    private let times: [Int64]
    private let unmatchedCount: Int

    init(_ requests: WindowRequests, _ role: WindowRole) {
        let rowCount = requests.times.rowCount
        let needed = requests.keys + [requests.times] + (requests.positions.map { [$0] } ?? [])
        let isMatched = (0..<rowCount).map { row in needed.allSatisfy { !$0.isNull(row) } }
        let comparator = KeyComparator(keys: requests.keys)
        let times = requests.times.int64Values
        let sorted = comparator.sorted(times: times).map(\.row)
        let unmatched = sorted.filter { !isMatched[Int($0)] }
        let matched = sorted.filter { isMatched[Int($0)] }
        order = unmatched + matched
        unmatchedCount = unmatched.count
        var inverse = order
        for (place, row) in order.enumerated() { inverse[Int(row)] = Int32(place) }
        self.inverse = inverse
        self.times = order.map { times[Int($0)] }
        keys = requests.keys
        let bounds = role.windows.map { $0.bounds(delay: role.rules.delay, isStrict: role.rules.isStrict) }
        var start = unmatched.count
        while start < order.count {
            var end = start + 1
            while end < order.count, comparator.compare(Int(order[end]), Int(order[start])) == 0 { end += 1 }
            groups.append(Self.group(start..<end, from: self.times[start], to: self.times[end - 1], bounds))
            start = end
        }
    }

    private static func group(
        _ requests: Range<Int>,
        from first: Int64,
        to last: Int64,
        _ bounds: [WindowBounds]
    ) -> Group {
        // One below the earliest event time is a time that PostgreSQL has.
        let earliest = Timestamp.earliest.microseconds - 1
        var group = Group(requests: requests, after: .max, until: earliest)
        for bound in bounds {
            group.after = min(group.after, max(earliest, bound.limits(at: first).after ?? earliest))
            group.until = max(group.until, bound.limits(at: last).until ?? earliest)
        }
        group.after = min(group.after, Timestamp.latest.microseconds)
        group.until = min(max(group.until, earliest), Timestamp.latest.microseconds)
        return group
    }

    /// Requests without a key, time or position.
    var unmatched: Asked {
        Asked(
            times: [Int64](repeating: 0, count: unmatchedCount),
            groups: [WindowGroup(events: 0..<0, requests: 0..<unmatchedCount)]
        )
    }

    /// Some of the groups with their events among rows that were read for them.
    func windowGroups(_ range: Range<Int>, _ rows: EventRows) -> Asked {
        var asked = Asked()
        for place in range {
            let requests = groups[place].requests
            let first = asked.times.count
            asked.times += times[requests]
            asked.groups.append(
                WindowGroup(
                    events: events(of: place, range, rows),
                    requests: first..<asked.times.count
                )
            )
        }
        return asked
    }

    /// A group's events among rows that were read for a range of groups.
    func events(of place: Int, _ range: Range<Int>, _ rows: EventRows) -> Range<Int> {
        rows.starts[place - range.lowerBound]..<rows.starts[place - range.lowerBound + 1]
    }
}
