/// Sorts numbers by their digits, a byte at a time: several times faster than comparing some thousands of them.
enum NumberOrder {
    /// Sorts in place; equal numbers, also 0 and -0, keep their order.
    ///
    /// The 24 highest bits in which the numbers differ put nearly all of them in order; the few neighbours that they leave
    /// are exchanged. Only numbers that lie closer together than that are sorted by all their bits.
    ///
    /// - Parameters:
    ///   - values: finite.
    ///   - scratch: memory to work in; what it holds is lost.
    /// - Complexity: O(*n*): mostly three passes, eleven at most.
    static func sort(_ values: inout [Double], _ scratch: inout [Double]) {
        let count = values.count
        guard count > 1 else { return }
        var differing: UInt64 = 0
        let first = digits(values[0])
        for value in values { differing |= digits(value) ^ first }
        guard differing != 0 else { return }
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: values)
        let bits = 64 - differing.leadingZeroBitCount
        let low = max(0, bits - 24)
        distribute(&values, &scratch, from: low, to: bits)
        if low > 0, !exchange(&values) { distribute(&values, &scratch, from: 0, to: bits) }
    }

    /// Sorts by some of the bits, a byte at a time.
    private static func distribute(_ values: inout [Double], _ scratch: inout [Double], from low: Int, to high: Int) {
        let digitCount = (high - low + 7) / 8
        var isInScratch = false
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: digitCount * 256) { counts in
            counts.initialize(repeating: 0)
            for value in values {
                var digits = digits(value) >> UInt64(low)
                for digit in 0..<digitCount {
                    // Safe: a byte below 256 in each digit's table.
                    counts[digit &* 256 &+ Int(truncatingIfNeeded: digits & 255)] &+= 1
                    digits >>= 8
                }
            }
            values.withUnsafeMutableBufferPointer { values in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    for digit in 0..<digitCount {
                        let table = UnsafeMutableBufferPointer(rebasing: counts[digit * 256..<(digit + 1) * 256])
                        let (from, to) = isInScratch ? (scratch, values) : (values, scratch)
                        if distribute(from, to, table, shift: UInt64(low + digit * 8)) { isInScratch.toggle() }
                    }
                }
            }
        }
        if isInScratch { swap(&values, &scratch) }
    }

    /// Sorts what is nearly in order.
    /// - Returns: false where that takes too many steps; equal numbers are still in their order then.
    private static func exchange(_ values: inout [Double]) -> Bool {
        values.withUnsafeMutableBufferPointer { values in
            var steps = values.count * 2
            for index in 1..<values.count where values[index] < values[index - 1] {
                let value = values[index]
                var place = index
                while place > 0, value < values[place - 1] {
                    values[place] = values[place - 1]
                    place -= 1
                    steps -= 1
                }
                values[place] = value
                if steps < 0 { return false }
            }
            return true
        }
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
            // Safe: the table has counted each value once, so every place lies within `to`.
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
