/// MurmurHash3, the 32-bit variant for x86 (Austin Appleby, public domain).
package enum MurmurHash3 {
    /// - Complexity: O(bytes).
    package static func hash(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
        var hash = seed
        var place = bytes.startIndex
        while bytes.endIndex - place >= 4 {
            let block =
                UInt32(bytes[place]) | UInt32(bytes[place + 1]) << 8 | UInt32(bytes[place + 2]) << 16
                | UInt32(bytes[place + 3]) << 24
            hash = rotated(hash ^ mixed(block), 13) &* 5 &+ 0xE654_6B64
            place += 4
        }
        var rest: UInt32 = 0
        for (index, byte) in bytes[place...].enumerated() { rest |= UInt32(byte) << UInt32(8 * index) }
        if place < bytes.endIndex { hash ^= mixed(rest) }
        hash ^= UInt32(truncatingIfNeeded: bytes.count)
        hash = (hash ^ (hash >> 16)) &* 0x85EB_CA6B
        hash = (hash ^ (hash >> 13)) &* 0xC2B2_AE35
        return hash ^ (hash >> 16)
    }

    private static func mixed(_ block: UInt32) -> UInt32 { rotated(block &* 0xCC9E_2D51, 15) &* 0x1B87_3593 }

    private static func rotated(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
}

/// Which bucket a text falls into.
package struct FeatureHash: Hashable, Sendable, Codable {
    /// A power of two where it is not signed.
    package var buckets: Int
    /// As scikit-learn's FeatureHasher: the bucket is of the hash's absolute value, and half of the texts count as -1.
    package var isSigned: Bool

    package init(buckets: Int, isSigned: Bool = false) {
        self.buckets = buckets
        self.isSigned = isSigned
    }

    /// - Parameter bytes: `name=value` in UTF-8.
    package func bucket(_ bytes: ArraySlice<UInt8>) -> (bucket: Int, isNegative: Bool) {
        let hash = MurmurHash3.hash(bytes)
        guard isSigned else { return (Int(hash) & (buckets - 1), false) }
        let signed = Int(Int32(bitPattern: hash))
        // scikit-learn's arithmetic for the one value whose absolute value it cannot hold.
        if signed == Int(Int32.min) { return ((Int(Int32.max) - (buckets - 1)) % buckets, true) }
        return (abs(signed) % buckets, signed < 0)
    }

    /// The bucket as a row of a matrix has it: exact, since there are at most 2^22; -(bucket + 1) where its value counts as -1.
    package func number(_ bytes: ArraySlice<UInt8>) -> Float {
        let (bucket, isNegative) = bucket(bytes)
        return Float(isNegative ? -(bucket + 1) : bucket)
    }
}
