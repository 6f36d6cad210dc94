/// Text as HTML and SVG have it.
package enum MarkupText {
    /// Text inside of an element or a quoted attribute, by scalars: a combining mark behind a `<` does not keep it from being
    /// escaped.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if let name = name(of: scalar) { result += name } else { result.unicodeScalars.append(scalar) }
        }
        return result
    }

    /// The beginning of a text that is at most `bytesMax` bytes long once it is escaped, with `…` where it is not all.
    ///
    /// - Complexity: O(`bytesMax`), however long the text is.
    package static func clipped(_ text: String, bytesMax: Int) -> String {
        var (result, bytes) = (String.UnicodeScalarView(), 0)
        for scalar in text.unicodeScalars {
            bytes += name(of: scalar)?.utf8.count ?? Unicode.UTF8.width(scalar)
            guard bytes <= bytesMax else { return String(result) + "…" }
            result.append(scalar)
        }
        return String(result)
    }

    /// 12,345.
    package static func grouped(_ value: some BinaryInteger) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "−" : ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return text
    }

    private static func name(of scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "<": "&lt;"
        case ">": "&gt;"
        case "&": "&amp;"
        case "\"": "&quot;"
        case "'": "&#39;"
        default: nil
        }
    }
}
