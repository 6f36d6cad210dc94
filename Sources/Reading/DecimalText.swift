import Features

/// Integers in requests.
package enum DecimalText {
    /// A decimal integer, perhaps with a sign or leading zeros.
    ///
    /// The same texts as ``ValueText/int64(_:)`` takes, without an error to unwind for up to 18 digits.
    /// - Returns: `nil` where `text` is none, or beyond 64 bits.
    package static func integer(_ text: Span<UInt8>) -> Int64? {
        guard text.count <= 18 else { return try? ValueText.int64(text) }
        guard text.count > 0 else { return nil }
        var index = 0
        let isNegative = text[0] == UInt8(ascii: "-")
        if isNegative || text[0] == UInt8(ascii: "+") { index = 1 }
        guard index < text.count else { return nil }
        var value: Int64 = 0
        while index < text.count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            // 18 digits cannot overflow.
            value = value &* 10 &+ Int64(digit)
            index &+= 1
        }
        return isNegative ? 0 &- value : value
    }
}
