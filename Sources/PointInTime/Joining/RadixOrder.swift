/// Puts rows into the order of several numbers each, by counting digits instead of comparing.
///
/// Most significant digit first: one pass over all rows makes buckets, which lie in a core's cache and are sorted there,
/// several at once. The numbers' common prefix costs nothing: each is counted from its smallest value, and numbers that
/// together need no more than 64 bits are sorted as one.
package enum RadixOrder {
    private static let digitBitsMax = 11
    /// Up to so many entries are compared.
    private static let comparedMax = 24
    /// Buckets are shared out in pieces of about so many rows.
    private static let pieceRows = 16_384

    private struct Entry {
        var key: UInt64
        var row: Int32
    }

    /// Several columns' numbers in one.
    private struct Word {
        /// Column, smallest value, place of the lowest bit.
        var parts: [(column: Int, low: Int64, shift: UInt64)] = []
        var bits = 0
    }

    /// - Parameters:
    ///   - columns: one number a row each, the most significant column first.
    ///   - rowCount: at most `Int32.max`.
    /// - Returns: the rows' numbers in ascending order; equal rows keep theirs.
    /// - Complexity: about O(*n*), whatever the numbers; 16 bytes a row while it works, 32 where nearly all
    ///   share their first digit.
    package static func rows(_ columns: [[Int64]], rowCount: Int, _ workers: Workers = Workers(1)) -> [Int32] {
        var rows = (0..<Int32(rowCount)).map(\.self)
        guard rowCount > 1 else { return rows }
        let words = words(columns)
        guard !words.isEmpty else { return rows }
        let entries = UnsafeMutableBufferPointer<Entry>.allocate(capacity: rowCount)
        defer { entries.deallocate() }
        // The least significant word first; each keeps the order that those before have made.
        for word in words.reversed() { sort(&rows, columns, word, entries, workers) }
        return rows
    }

    /// The columns packed into as few numbers as they fit in, most significant first; those with one value left out.
    private static func words(_ columns: [[Int64]]) -> [Word] {
        var words: [Word] = []
        var word = Word()
        for index in columns.indices.reversed() {
            guard let low = columns[index].min(), let high = columns[index].max(), low < high else { continue }
            let bits = 64 - UInt64(bitPattern: high &- low).leadingZeroBitCount
            if word.bits + bits > 64 {
                words.append(word)
                word = Word()
            }
            word.parts.append((index, low, UInt64(word.bits)))
            word.bits += bits
        }
        if word.bits > 0 { words.append(word) }
        return words.reversed()
    }

    /// Sorts rows by one word.
    private static func sort(
        _ rows: inout [Int32],
        _ columns: [[Int64]],
        _ word: Word,
        _ entries: UnsafeMutableBufferPointer<Entry>,
        _ workers: Workers
    ) {
        let width = min(word.bits, digitBitsMax)
        let starts = rows.withUnsafeBufferPointer { rows in
            distribute(rows, columns, word, entries, shift: UInt64(word.bits - width), digits: 1 << width)
        }
        var pieces: [Range<Int>] = []
        var first = 0
        for digit in 1..<starts.count
        where digit == starts.count - 1 || starts[digit] - starts[first] >= pieceRows {
            pieces.append(first..<digit)
            first = digit
        }
        rows.withUnsafeMutableBufferPointer { rows in
            // Safe: each piece touches the entries and rows between its own starts.
            nonisolated(unsafe) let (rows, entries) = (rows, entries)
            workers.each(pieces.count) { [pieces] piece in
                let buckets = pieces[piece]
                let largest = buckets.reduce(0) { max($0, starts[$1 + 1] - starts[$1]) }
                let scratch = UnsafeMutableBufferPointer<Entry>.allocate(capacity: largest)
                defer { scratch.deallocate() }
                for bucket in buckets where starts[bucket + 1] - starts[bucket] > 1 {
                    let part = UnsafeMutableBufferPointer(rebasing: entries[starts[bucket]..<starts[bucket + 1]])
                    sort(part, scratch, bits: word.bits - width)
                }
                for place in starts[buckets.lowerBound]..<starts[buckets.upperBound] {
                    rows[place] = entries[place].row
                }
            }
        }
    }

    /// Makes an entry of each row, and puts it into the bucket of its highest digit.
    /// - Returns: where each bucket starts, and after the last one the number of rows.
    private static func distribute(
        _ rows: UnsafeBufferPointer<Int32>,
        _ columns: [[Int64]],
        _ word: Word,
        _ entries: UnsafeMutableBufferPointer<Entry>,
        shift: UInt64,
        digits: Int
    ) -> [Int] {
        var starts = [Int](repeating: 0, count: digits + 1)
        forEachEntry(rows, columns, word) { starts[Int(truncatingIfNeeded: $0.key >> shift) + 1] += 1 }
        for digit in 0..<digits { starts[digit + 1] += starts[digit] }
        var ends = starts
        ends.withUnsafeMutableBufferPointer { ends in
            forEachEntry(rows, columns, word) { entry in
                let digit = Int(truncatingIfNeeded: entry.key >> shift)
                // Safe: each row was counted once.
                entries[ends[digit]] = entry
                ends[digit] &+= 1
            }
        }
        return starts
    }

    @inline(__always)
    private static func forEachEntry(
        _ rows: UnsafeBufferPointer<Int32>,
        _ columns: [[Int64]],
        _ word: Word,
        _ body: (Entry) -> Void
    ) {
        // Mostly keys and times: two columns, without a loop over them.
        let (first, last) = (word.parts[0], word.parts[word.parts.count - 1])
        columns[first.column].withUnsafeBufferPointer { low in
            columns[last.column].withUnsafeBufferPointer { high in
                for row in rows {
                    let place = Int(row)
                    // Safe: every column has a number for each row.
                    var key = UInt64(bitPattern: low[place] &- first.low)
                    if word.parts.count > 1 { key |= UInt64(bitPattern: high[place] &- last.low) << last.shift }
                    if word.parts.count > 2 {
                        for part in word.parts.dropFirst().dropLast() {
                            key |= UInt64(bitPattern: columns[part.column][place] &- part.low) << part.shift
                        }
                    }
                    body(Entry(key: key, row: row))
                }
            }
        }
    }

    /// Sorts entries by the lowest `bits` of their keys; the others are equal.
    private static func sort(
        _ entries: UnsafeMutableBufferPointer<Entry>,
        _ scratch: UnsafeMutableBufferPointer<Entry>,
        bits: Int
    ) {
        guard bits > 0 else { return }
        guard entries.count > comparedMax else {
            insert(entries)
            return
        }
        // About four entries to a bucket.
        let width = min(bits, digitBitsMax, Int.bitWidth - entries.count.leadingZeroBitCount - 2)
        let (shift, mask) = (UInt64(bits - width), UInt64(1) << UInt64(width) - 1)
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 1 << width + 1) { starts in
            starts.initialize(repeating: 0)
            for entry in entries { starts[Int(truncatingIfNeeded: (entry.key >> shift) & mask) + 1] &+= 1 }
            for digit in 0..<1 << width { starts[digit + 1] &+= starts[digit] }
            for entry in entries {
                let digit = Int(truncatingIfNeeded: (entry.key >> shift) & mask)
                // Safe: each entry was counted once, and the scratch is as large as the largest bucket.
                scratch[Int(starts[digit])] = entry
                starts[digit] &+= 1
            }
            for place in 0..<entries.count { entries[place] = scratch[place] }
            // Each start has moved to its bucket's end.
            var start = 0
            for digit in 0..<1 << width {
                let end = Int(starts[digit])
                if end - start > 1 {
                    sort(UnsafeMutableBufferPointer(rebasing: entries[start..<end]), scratch, bits: bits - width)
                }
                start = end
            }
        }
    }

    private static func insert(_ entries: UnsafeMutableBufferPointer<Entry>) {
        for index in 1..<entries.count {
            let entry = entries[index]
            var place = index
            while place > 0, entries[place - 1].key > entry.key {
                entries[place] = entries[place - 1]
                place -= 1
            }
            entries[place] = entry
        }
    }
}
