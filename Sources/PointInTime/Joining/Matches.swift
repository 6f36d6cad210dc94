/// For each place of a spine the newest row of history found so far.
///
/// Threads write to it side by side, each to places of its own.
final class Matches: @unchecked Sendable {
    // Sendable: see above; everything else reads it when no thread writes.
    /// No event time is so small.
    static let noTime = Int64.min

    let placeCount: Int
    /// Event times, µs; ``noTime`` where nothing was found.
    let times: UnsafeMutableBufferPointer<Int64>
    /// Ledger positions, as far as runs give them: only runs whose times overlap need to compare them.
    let positions: UnsafeMutableBufferPointer<Int64>
    /// The group among all runs' groups, and the row within it; -1 where nothing was found.
    let groups: UnsafeMutableBufferPointer<Int32>
    let rows: UnsafeMutableBufferPointer<Int32>

    static let bytesPerPlace = 24

    init(placeCount: Int) {
        self.placeCount = placeCount
        times = .allocate(capacity: placeCount)
        positions = .allocate(capacity: placeCount)
        groups = .allocate(capacity: placeCount)
        rows = .allocate(capacity: placeCount)
        times.initialize(repeating: Self.noTime)
        positions.initialize(repeating: -1)
        groups.initialize(repeating: -1)
        rows.initialize(repeating: -1)
    }

    deinit {
        times.deallocate()
        positions.deallocate()
        groups.deallocate()
        rows.deallocate()
    }

    /// Takes a row where it is newer than the one found before: by event time, then by position.
    @inline(__always)
    func offer(_ place: Int, time: Int64, position: Int64, group: Int32, row: Int32) {
        // Safe: the caller's places lie within the spine.
        let known = times[place]
        guard time > known || (time == known && position > positions[place]) else { return }
        times[place] = time
        positions[place] = position
        groups[place] = group
        rows[place] = row
    }
}
