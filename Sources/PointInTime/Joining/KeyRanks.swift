import Features

/// Key columns as numbers of the same order: integers by value, texts by their place among the distinct ones.
enum KeyRanks {
    /// - Parameter keys: `int64` or `string` columns; null rows may get any number.
    /// - Returns: for each column one number a row.
    /// - Complexity: O(*n*), and O(*d* log *d*) for the *d* distinct texts.
    static func numbers(_ keys: [Column]) -> [[Int64]] {
        keys.map { column in
            switch column.values {
            case .int64(let values): values
            case .text(let values): textRanks(values)
            default: preconditionFailure("a key column is int64 or string, not \(column.type.text)")
            }
        }
    }

    /// The distinct texts are found by hashing, so that only they are compared.
    private static func textRanks(_ texts: TextValues) -> [Int64] {
        let rowCount = texts.count
        var numbers = [Int32](repeating: 0, count: rowCount)
        var firstRows: [Int32] = []
        var capacity = 1_024
        var slots = [Int32](repeating: -1, count: capacity)
        var hashes: [UInt64] = []
        texts.bytes.withUnsafeBufferPointer { bytes in
            for row in 0..<rowCount {
                // Safe: offsets ascend within the bytes.
                let text = UnsafeBufferPointer(rebasing: bytes[texts.offsets[row]..<texts.offsets[row + 1]])
                let hash = hash(text)
                var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
                while slots[slot] >= 0 {
                    let known = Int(slots[slot])
                    if hashes[known] == hash, TextOrder.compare(texts, bytes, Int(firstRows[known]), text) == 0 {
                        break
                    }
                    slot = (slot + 1) & (capacity - 1)
                }
                if slots[slot] < 0 {
                    slots[slot] = Int32(firstRows.count)
                    firstRows.append(Int32(row))
                    hashes.append(hash)
                }
                numbers[row] = slots[slot]
                if firstRows.count * 2 > capacity {
                    capacity *= 2
                    slots = [Int32](repeating: -1, count: capacity)
                    for (number, hash) in hashes.enumerated() {
                        var slot = Int(truncatingIfNeeded: hash) & (capacity - 1)
                        while slots[slot] >= 0 { slot = (slot + 1) & (capacity - 1) }
                        slots[slot] = Int32(number)
                    }
                }
            }
        }
        let ascending = firstRows.indices.sorted { left, right in
            texts.bytes.withUnsafeBufferPointer { bytes in
                let rows = (Int(firstRows[left]), Int(firstRows[right]))
                let text = UnsafeBufferPointer(rebasing: bytes[texts.offsets[rows.1]..<texts.offsets[rows.1 + 1]])
                return TextOrder.compare(texts, bytes, rows.0, text) < 0
            }
        }
        var ranks = [Int64](repeating: 0, count: ascending.count)
        for (rank, number) in ascending.enumerated() { ranks[number] = Int64(rank) }
        return numbers.map { ranks[Int($0)] }
    }

    /// FNV-1a, its bits mixed once more.
    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return (hash ^ (hash >> 29)) &* 0x9E37_79B9_7F4A_7C15 ^ (hash >> 32)
    }
}

/// The bytewise order of texts.
enum TextOrder {
    /// - Returns: negative, zero, positive.
    @inline(__always)
    static func compare(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
        let count = min(left.count, right.count)
        // Safe: both have at least `count` bytes.
        for index in 0..<count where left[index] != right[index] { return left[index] < right[index] ? -1 : 1 }
        return left.count - right.count
    }

    /// Row `row` of `texts`, whose bytes are `bytes`, against a text.
    static func compare(
        _ texts: TextValues,
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ row: Int,
        _ text: UnsafeBufferPointer<UInt8>
    ) -> Int {
        compare(UnsafeBufferPointer(rebasing: bytes[texts.offsets[row]..<texts.offsets[row + 1]]), text)
    }
}
