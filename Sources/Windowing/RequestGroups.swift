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
    private let bounds: [WindowBounds]

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
        bounds = role.windows.map { $0.bounds(delay: role.rules.delay, isStrict: role.rules.isStrict) }
        var start = unmatched.count
        while start < order.count {
            var end = start + 1
            while end < order.count, comparator.compare(Int(order[end]), Int(order[start])) == 0 { end += 1 }
            let span = span(from: self.times[start], to: self.times[end - 1])
            groups.append(Group(requests: start..<end, after: span.after, until: span.until))
            start = end
        }
    }

    /// Events after a time, up to another, may be in a window of some request between two times.
    private func span(from first: Int64, to last: Int64) -> (after: Int64, until: Int64) {
        // One below the earliest event time is a time that PostgreSQL has.
        let earliest = Timestamp.earliest.microseconds - 1
        var (after, until) = (Int64.max, earliest)
        for bound in bounds {
            after = min(after, max(earliest, bound.limits(at: first).after ?? earliest))
            until = max(until, bound.limits(at: last).until ?? earliest)
        }
        return (
            min(after, Timestamp.latest.microseconds), min(max(until, earliest), Timestamp.latest.microseconds)
        )
    }

    /// The same of one request, by its place in ``order``.
    func span(of request: Int) -> (after: Int64, until: Int64) { span(from: times[request], to: times[request]) }

    /// The groups' keys, one row a group; of a global view its constant key.
    var groupKeys: [Column] {
        let firsts = groups.map { order[$0.requests.lowerBound] }
        return keys.isEmpty
            ? [Column(type: .int64, values: .int64(firsts.map { _ in 0 }))] : keys.map { $0.gather(firsts) }
    }

    /// Requests without a key, time or position.
    var unmatched: Asked {
        Asked(
            times: [Int64](repeating: 0, count: unmatchedCount),
            groups: [WindowGroup(events: 0..<0, requests: 0..<unmatchedCount)]
        )
    }

    /// Some of the groups with their events among rows that were read for them.
    func windowGroups(_ range: Range<Int>, _ rows: KeyedEvents) -> Asked {
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
    func events(of place: Int, _ range: Range<Int>, _ rows: KeyedEvents) -> Range<Int> {
        rows.starts[place - range.lowerBound]..<rows.starts[place - range.lowerBound + 1]
    }
}
