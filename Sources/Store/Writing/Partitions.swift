package import Features
import Postgres

/// The partitions of a view's history: ranges of event time, made before the first write into them.
package struct PartitionRange: Hashable, Sendable {
    /// µs, inclusive; `nil` = unbounded.
    package let from: Int64?
    /// µs, exclusive; `nil` = unbounded.
    package let to: Int64?

    package init(from: Int64?, to: Int64?) {
        self.from = from
        self.to = to
    }

    /// The range that holds a time, µs.
    package init(containing time: Int64, by partitioning: Partitioning) {
        let day = time.flooredQuotient(86_400_000_000)
        let (year, month, _) = Timestamp.civil(daysSinceEpoch: day)
        func start(_ year: Int64, _ month: Int64) -> Int64 {
            Timestamp.daysSinceEpoch(year: year, month: month, day: 1) * 86_400_000_000
        }
        switch partitioning {
        case .none: self.init(from: nil, to: nil)
        case .day: self.init(from: day * 86_400_000_000, to: (day + 1) * 86_400_000_000)
        case .month:
            self.init(from: start(year, month), to: month == 12 ? start(year + 1, 1) : start(year, month + 1))
        case .year: self.init(from: start(year, 1), to: start(year + 1, 1))
        }
    }

    package func contains(_ time: Int64) -> Bool { (from ?? .min) <= time && time < (to ?? .max) }
}

/// What is known of a view's partitions, and how to make new ones.
package struct KnownPartitions {
    let view: StoredView
    private(set) var ranges: Set<PartitionRange> = []

    package init(view: StoredView) { self.view = view }

    /// The partition of each time, as an index into the returned ranges, which ascend.
    /// - Complexity: O(times × log partitions).
    package func partition(_ times: [Int64]) -> (indices: [Int32], ranges: [PartitionRange]) {
        var found: [PartitionRange] = []
        // Numbers of `found`, by their ranges ascending.
        var order: [Int] = []
        var indices: [Int32] = []
        indices.reserveCapacity(times.count)
        var last = -1
        for time in times {
            if last < 0 || !found[last].contains(time) {
                // Ranges do not overlap: only the last that does not begin behind the time can hold it.
                var (low, high) = (0, order.count)
                while low < high {
                    let middle = (low + high) / 2
                    if (found[order[middle]].from ?? .min) <= time { low = middle + 1 } else { high = middle }
                }
                if low > 0, found[order[low - 1]].contains(time) {
                    last = order[low - 1]
                } else {
                    last = found.count
                    found.append(PartitionRange(containing: time, by: view.definition.partition))
                    order.insert(last, at: low)
                }
            }
            indices.append(Int32(last))
        }
        var place = [Int32](repeating: 0, count: found.count)
        for (index, old) in order.enumerated() { place[old] = Int32(index) }
        return (indices.map { place[Int($0)] }, order.map { found[$0] })
    }

    /// Those of `wanted` that the store does not have yet.
    package mutating func missing(_ wanted: [PartitionRange], _ session: Session) throws(StoreError) -> [PartitionRange]
    {
        if wanted.allSatisfy(ranges.contains) { return [] }
        try reload(session)
        return wanted.filter { !ranges.contains($0) }
    }

    private mutating func reload(_ session: Session) throws(StoreError) {
        let rows = try session.query(
            "SELECT range_from, range_to FROM asof.partitions WHERE view = $1",
            [.int32(view.id)]
        )
        ranges = Set((0..<rows.count).map { PartitionRange(from: rows.timestamp($0, 0), to: rows.timestamp($0, 1)) })
    }

    /// Makes partitions, in a short transaction of its own.
    ///
    /// A table made by itself and attached takes no lock that readers or writers of the parent wait for, which
    /// `CREATE TABLE … PARTITION OF` would.
    /// - Parameter isPatient: whether to wait for a view that somebody changes or rebuilds.
    /// - Returns: false where the view is held, nobody waited, and nothing was made.
    @discardableResult
    package mutating func make(
        _ wanted: [PartitionRange],
        _ session: Session,
        lockTimeoutMs: Int = Limits.lockTimeoutMs,
        isPatient: Bool = true
    ) throws(StoreError) -> Bool {
        var options = Connection.TransactionOptions.write
        options.lockTimeoutMs = lockTimeoutMs
        let subject = "partitions of view '\(view.name)'"
        let isMade = try session.transaction(options, of: subject) { () throws(StoreError) -> Bool in
            if isPatient {
                try session.lock(AdvisoryLock.view(view.id), isShared: true)
            } else if !(try session.tryLock(AdvisoryLock.view(view.id))) {
                return false
            }
            try session.lock(AdvisoryLock.partitions(view.id))
            try reload(session)
            for range in wanted where !ranges.contains(range) {
                try session.query(
                    "SELECT asof.add_partition($1, $2, $3)",
                    [.int32(view.id), .timestamp(microseconds: range.from), .timestamp(microseconds: range.to)]
                )
            }
            return true
        }
        if isMade { try reload(session) }
        return isMade
    }

    /// A bound as SQL; the year 10000 begins after the last time that RFC 3339 can spell.
    package static func literal(_ microseconds: Int64) -> String {
        microseconds > Timestamp.latest.microseconds
            ? "'10000-01-01 00:00:00+00'" : "'\(Timestamp(microseconds: microseconds).text)'"
    }
}
