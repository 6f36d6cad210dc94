/// The smallest values of blocks of a group's rows, by which a search backwards leaps over rows that are all too great.
///
/// A look-up that admits rows only up to a position, or known by a time, may have to pass over all rows of a large entity;
/// this bounds it to about the logarithm of their number, base 64.
struct GroupMinima {
    private static let fanOut = 64

    private let values: UnsafeBufferPointer<Int64>
    /// Per 64 rows, and per 64 of those.
    private let fine: [Int64]
    private let coarse: [Int64]

    /// - Complexity: O(rows).
    init(_ values: UnsafeBufferPointer<Int64>) {
        self.values = values
        fine = Self.reduce(values)
        coarse = fine.withUnsafeBufferPointer { Self.reduce($0) }
    }

    private static func reduce(_ values: UnsafeBufferPointer<Int64>) -> [Int64] {
        stride(from: 0, to: values.count, by: fanOut).map { start in
            var low = Int64.max
            for index in start..<min(values.count, start + fanOut) { low = min(low, values[index]) }
            return low
        }
    }

    /// The greatest row at or before `row` that lies in no block of values which are all greater than `limit`.
    ///
    /// The row itself may still be too great. -1 = there is none.
    func skip(from row: Int, limit: Int64) -> Int {
        var row = row
        while row >= 0 {
            let block = row / Self.fanOut
            if coarse[block / Self.fanOut] > limit {
                row = block / Self.fanOut * Self.fanOut * Self.fanOut - 1
            } else if fine[block] > limit {
                row = block * Self.fanOut - 1
            } else {
                return row
            }
        }
        return -1
    }
}
