/// Sorts numbers by their digits, a byte at a time: several times faster than comparing some hundreds of them.
enum NumberOrder {
    /// Sorts in place; equal numbers, also 0 and -0, keep their order.
    ///
    /// - Parameters:
    ///   - values: finite.
    ///   - scratch: memory to work in; what it holds is lost.
    /// - Complexity: O(*n*), eight passes at most.
    static func sort(_ values: inout [Double], _ scratch: inout [Double]) {
        let count = values.count
        guard count > 1 else { return }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: values)
        var isInScratch = false
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 8 * 256) { counts in
            counts.initialize(repeating: 0)
            for value in values {
                var digits = digits(value)
                for digit in 0..<8 {
                    // Safe: a byte below 256 in each of eight tables.
                    counts[digit &* 256 &+ Int(truncatingIfNeeded: digits & 255)] &+= 1
                    digits >>= 8
                }
            }
            values.withUnsafeMutableBufferPointer { values in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    for digit in 0..<8 {
                        let table = UnsafeMutableBufferPointer(rebasing: counts[digit * 256..<(digit + 1) * 256])
                        let (from, to) = isInScratch ? (scratch, values) : (values, scratch)
                        if distribute(from, to, table, shift: UInt64(digit * 8)) { isInScratch.toggle() }
                    }
                }
            }
        }
        if isInScratch { swap(&values, &scratch) }
    }

    /// - Returns: false where all have the same digit, and nothing was moved.
    private static func distribute(
        _ from: UnsafeMutableBufferPointer<Double>,
        _ to: UnsafeMutableBufferPointer<Double>,
        _ starts: UnsafeMutableBufferPointer<Int32>,
        shift: UInt64
    ) -> Bool {
        var total: Int32 = 0
        for digit in 0..<256 {
            let count = starts[digit]
            if Int(count) == from.count { return false }
            starts[digit] = total
            total &+= count
        }
        for value in from {
            let digit = Int(truncatingIfNeeded: (digits(value) >> shift) & 255)
            // Safe: the tables count each value once, so every place lies within `to`.
            to[Int(starts[digit])] = value
            starts[digit] &+= 1
        }
        return true
    }

    /// A number's bits in an order that is the numbers'; both zeros are one.
    @inline(__always)
    private static func digits(_ value: Double) -> UInt64 {
        let bits = (value + 0).bitPattern
        return bits ^ (bits >> 63 == 1 ? .max : 1 << 63)
    }
}
