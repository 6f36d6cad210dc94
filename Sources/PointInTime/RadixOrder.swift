/// Puts rows into the order of several unsigned numbers each, by counting digits instead of comparing.
///
/// Least significant digit first, 11 bits at a time. The numbers' common prefix costs nothing: each is counted from its
/// smallest value, and numbers that together need no more than 64 bits are sorted as one.
package enum RadixOrder {
    private static let digitBits = 11
    private static let digitCount = 1 << digitBits

    private struct Entry {
        var key: UInt64
        var row: Int32
    }

    /// Several columns' numbers in one.
    private struct Word {
        /// Column, smallest value, place of the lowest bit.
        var parts: [(column: Int, low: UInt64, shift: Int)] = []
        var bits = 0
    }

    /// - Parameters:
    ///   - columns: one number a row each, the most significant column first.
    ///   - rowCount: at most `Int32.max`.
    /// - Returns: the rows' numbers in ascending order; equal rows keep theirs.
    /// - Complexity: O(*n*) for each 11 bits in which the rows differ; 32 bytes a row while it works.
    package static func rows(_ columns: [[UInt64]], rowCount: Int) -> [Int32] {
        var rows = (0..<Int32(rowCount)).map(\.self)
        guard rowCount > 1 else { return rows }
        let words = words(columns)
        guard !words.isEmpty else { return rows }
        let entries = UnsafeMutableBufferPointer<Entry>.allocate(capacity: rowCount * 2)
        defer { entries.deallocate() }
        // Safe: each half has `rowCount` entries, and all rows and digits lie in range by construction.
        var from = UnsafeMutableBufferPointer(rebasing: entries[..<rowCount])
        var to = UnsafeMutableBufferPointer(rebasing: entries[rowCount...])
        for word in words.reversed() {
            for place in 0..<rowCount { from[place] = Entry(key: 0, row: rows[place]) }
            for part in word.parts {
                columns[part.column].withUnsafeBufferPointer { values in
                    for place in 0..<rowCount {
                        from[place].key |= (values[Int(from[place].row)] &- part.low) << UInt64(part.shift)
                    }
                }
            }
            for shift in stride(from: 0, to: word.bits, by: digitBits) {
                if distribute(from, to, shift: UInt64(shift)) { swap(&from, &to) }
            }
            for place in 0..<rowCount { rows[place] = from[place].row }
        }
        return rows
    }

    /// The columns packed into as few numbers as they fit in, most significant first; those with one value left out.
    private static func words(_ columns: [[UInt64]]) -> [Word] {
        var words: [Word] = []
        var word = Word()
        for index in columns.indices.reversed() {
            guard let low = columns[index].min(), let high = columns[index].max(), low < high else { continue }
            let bits = 64 - (high - low).leadingZeroBitCount
            if word.bits + bits > 64 {
                words.append(word)
                word = Word()
            }
            word.parts.append((index, low, word.bits))
            word.bits += bits
        }
        if word.bits > 0 { words.append(word) }
        return words.reversed()
    }

    /// Moves entries by one digit.
    /// - Returns: false where all have the same digit, and nothing was moved.
    private static func distribute(
        _ from: UnsafeMutableBufferPointer<Entry>,
        _ to: UnsafeMutableBufferPointer<Entry>,
        shift: UInt64
    ) -> Bool {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: digitCount) { starts in
            starts.initialize(repeating: 0)
            let mask = UInt64(digitCount - 1)
            for entry in from { starts[Int(truncatingIfNeeded: (entry.key >> shift) & mask)] &+= 1 }
            var total = 0
            for digit in 0..<digitCount {
                let count = starts[digit]
                if count == from.count { return false }
                starts[digit] = total
                total &+= count
            }
            for entry in from {
                let digit = Int(truncatingIfNeeded: (entry.key >> shift) & mask)
                to[starts[digit]] = entry
                starts[digit] &+= 1
            }
            return true
        }
    }
}

extension RadixOrder {
    /// Signed numbers as unsigned ones of the same order.
    package static func numbers(_ values: [Int64]) -> [UInt64] { values.map { UInt64(bitPattern: $0) ^ (1 << 63) } }
}
