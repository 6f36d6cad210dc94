/// The spellings of null in unquoted CSV fields: the empty text, and those that the user adds.
struct NullTexts {
    private let texts: [[UInt8]]

    init(_ texts: [String]) { self.texts = texts.map { Array($0.utf8) } }

    /// Whether an unquoted field is null.
    @inline(__always)
    func isNull(_ field: Field, in bytes: Span<UInt8>) -> Bool {
        field.start == field.end || (!texts.isEmpty && contains(field, in: bytes))
    }

    private func contains(_ field: Field, in bytes: Span<UInt8>) -> Bool {
        search: for text in texts where text.count == field.range.count {
            for index in 0..<text.count where bytes[Int(field.start) + index] != text[index] { continue search }
            return true
        }
        return false
    }
}

extension NullTexts {
    /// Whether a text is one by which other programs say null.
    static func isCustomary(_ text: some Collection<UInt8>) -> Bool {
        guard (1...4).contains(text.count) else { return false }
        return ["na", "n/a", "#n/a", "null", "none", "nan", "nil", "\\n", "-"].contains(
            String(decoding: text, as: UTF8.self).lowercased()
        )
    }
}
