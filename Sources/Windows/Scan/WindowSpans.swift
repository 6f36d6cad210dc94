/// Which rows are in a window at each request of a scan: those of the request's key from one row up to another.
package struct WindowSpans: Sendable {
    /// One a request; of a key both ascend with its requests.
    let first: [Int32]
    let end: [Int32]

    /// - Parameters:
    ///   - times: of events; those of a group ascend.
    ///   - requests: times; those of a group ascend.
    /// - Complexity: O(requests · log events), less where they are near to one another.
    init(_ bounds: WindowBounds, times: [Int64], requests: [Int64], groups: [WindowGroup]) {
        var (first, end) = ([Int32](), [Int32]())
        first.reserveCapacity(requests.count)
        end.reserveCapacity(requests.count)
        times.withUnsafeBufferPointer { times in
            for group in groups {
                // Rows before `oldest` are too old, those from `newest` on too new.
                var (oldest, newest) = (group.events.lowerBound, group.events.lowerBound)
                for request in group.requests {
                    let (after, until) = bounds.limits(at: requests[request])
                    if let after { oldest = Self.first(times, oldest, group.events.upperBound, after: after) }
                    if let until { newest = Self.first(times, newest, group.events.upperBound, after: until) }
                    first.append(Int32(truncatingIfNeeded: oldest))
                    end.append(Int32(truncatingIfNeeded: max(oldest, newest)))
                }
            }
        }
        self.first = first
        self.end = end
    }

    /// The first row from `row` on, up to `end`, that is later than a time: by leaps that double, since it is often near.
    private static func first(
        _ times: UnsafeBufferPointer<Int64>,
        _ row: Int,
        _ end: Int,
        after time: Int64
    ) -> Int {
        // Safe: a group's events are rows of the scan.
        var (low, high, step) = (row, row, 1)
        while high < end, times[high] <= time {
            low = high + 1
            high += step
            step *= 2
        }
        high = min(high, end)
        while low < high {
            let middle = low + (high - low) / 2
            if times[middle] > time { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
