/// The arguments of one request, the command's name first, as views of the bytes they came in.
package struct Arguments: ~Escapable {
    private let bytes: Span<UInt8>
    private let ranges: Span<Range<Int>>

    /// - Parameter ranges: within `bytes`, one an argument; at least one.
    @_lifetime(copy bytes, copy ranges)
    package init(bytes: Span<UInt8>, ranges: Span<Range<Int>>) {
        self.bytes = bytes
        self.ranges = ranges
    }

    /// With the command's name.
    package var count: Int { ranges.count }

    /// Of all arguments together.
    /// - Complexity: O(count).
    package var byteCount: Int {
        var bytes = 0
        for index in ranges.indices { bytes += ranges[index].count }
        return bytes
    }

    /// What ``copied()`` takes.
    package var copiedByteCount: Int { bytes.count + ranges.count * MemoryLayout<Range<Int>>.stride }

    /// The bytes that they came in, and where each lies in them: copied as they are, which takes a fraction of what copying one after the other
    /// does.
    package func copied() -> (bytes: [UInt8], ranges: [Range<Int>]) {
        (bytes.withUnsafeBufferPointer { Array($0) }, ranges.withUnsafeBufferPointer { Array($0) })
    }

    package subscript(index: Int) -> Span<UInt8> {
        @_lifetime(copy self)
        get { bytes.extracting(ranges[index]) }
    }

    /// The argument as text; bytes that are not UTF-8 become replacement characters.
    package func text(_ index: Int) -> String {
        self[index].withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    /// Whether an argument is `word`, which is given in upper case, in any case.
    package func matches(_ index: Int, _ word: StaticString) -> Bool {
        let argument = self[index]
        guard argument.count == word.utf8CodeUnitCount else { return false }
        for at in 0..<argument.count {
            let byte = argument[at]
            let upper = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte & 0xDF : byte
            // Safe: `at` is less than the word's length.
            if upper != word.utf8Start[at] { return false }
        }
        return true
    }
}

extension Arguments {
    /// The argument as a decimal integer with an optional minus; `nil` where it is none or does not fit.
    package func integer(_ index: Int) -> Int64? {
        let argument = self[index]
        var at = 0
        let isNegative = !argument.isEmpty && argument[0] == UInt8(ascii: "-")
        if isNegative { at = 1 }
        guard at < argument.count, argument.count <= 20 else { return nil }
        // Downwards, since the least integer has no positive twin.
        var value: Int64 = 0
        while at < argument.count {
            let digit = argument[at] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (scaled, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (next, isTooSmall) = scaled.subtractingReportingOverflow(Int64(digit))
            if isTooLarge || isTooSmall { return nil }
            value = next
            at += 1
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }
}
