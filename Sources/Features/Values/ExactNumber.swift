/// A decimal number as its shortest plain text: no exponent, no `+`, no zeros that say nothing, `-0` as `0`.
package struct ExactNumber: Sendable {
    /// Equal texts are equal numbers, others are not.
    package let text: [UInt8]
    /// Digits before the point; 0 where there is none but 0.
    package let integerDigits: Int
    /// Digits behind the point as they were written, zeros at the end among them.
    package let writtenFractionDigits: Int

    /// The most digits that a text may have, those that an exponent stands for among them: PostgreSQL's numeric has fewer.
    private static let digitsMax = 150_000

    /// Reads digits with a sign, a point and an exponent.
    /// - Returns: `nil` where `text` is no such number, or one of more digits than anything has.
    package init?(_ text: Span<UInt8>) {
        var index = 0
        var isNegative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            isNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        var digits: [UInt8] = []
        var point: Int?
        scan: while index < text.count {
            switch text[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(text[index])
            case UInt8(ascii: ".") where point == nil: point = digits.count
            case UInt8(ascii: "e"), UInt8(ascii: "E"): break scan
            default: return nil
            }
            index += 1
        }
        guard !digits.isEmpty else { return nil }
        var exponent = 0
        if index < text.count {
            guard let read = try? ValueText.int64(text.extracting((index + 1)..<text.count)),
                abs(read.clamped(-1_000_000, 1_000_000)) < Self.digitsMax
            else { return nil }
            exponent = Int(read)
        }
        // The value is 0.DIGITS × 10^place.
        self.init(digits: digits[...], place: (point ?? digits.count) + exponent, isNegative: isNegative)
    }

    private init?(digits: ArraySlice<UInt8>, place: Int, isNegative: Bool) {
        let zero = UInt8(ascii: "0")
        writtenFractionDigits = max(digits.count - place, 0)
        var (digits, place) = (digits, place)
        while digits.first == zero {
            digits.removeFirst()
            place -= 1
        }
        while digits.last == zero { digits.removeLast() }
        guard !digits.isEmpty else {
            text = [zero]
            integerDigits = 0
            return
        }
        guard abs(place) + digits.count <= Self.digitsMax else { return nil }
        var text: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
        if place > 0 {
            text += digits.prefix(place)
            text += repeatElement(zero, count: max(place - digits.count, 0))
        } else {
            text.append(zero)
        }
        if digits.count > place {
            text.append(UInt8(ascii: "."))
            text += repeatElement(zero, count: max(-place, 0))
            text += digits.dropFirst(max(place, 0))
        }
        self.text = text
        integerDigits = max(place, 0)
    }

    /// Digits behind the point.
    package var fractionDigits: Int {
        text.firstIndex(of: UInt8(ascii: ".")).map { text.count - $0 - 1 } ?? 0
    }

    /// Appends a number's text with at least `digits` digits behind the point.
    package static func append(_ text: ArraySlice<UInt8>, fractionDigits digits: Int, to out: inout [UInt8]) {
        out.append(contentsOf: text)
        guard digits > 0 else { return }
        let point = text.firstIndex(of: UInt8(ascii: "."))
        if point == nil { out.append(UInt8(ascii: ".")) }
        let written = point.map { text.endIndex - $0 - 1 } ?? 0
        for _ in written..<max(digits, written) { out.append(UInt8(ascii: "0")) }
    }
}

extension Int64 {
    fileprivate func clamped(_ low: Int64, _ high: Int64) -> Int64 { Swift.min(Swift.max(self, low), high) }
}
