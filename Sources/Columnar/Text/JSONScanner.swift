/// A JSON text that breaks the grammar.
package struct JSONSyntaxError: Error {
    /// As the end of a sentence.
    package var reason: String
    /// Whether it is right, and more than is taken.
    package var isTooMuch: Bool

    package init(reason: String, isTooMuch: Bool = false) {
        self.reason = reason
        self.isTooMuch = isTooMuch
    }
}

/// Reads JSON (RFC 8259) from left to right and says where values lie, without making values of them. Of what is no JSON it
/// takes `NaN`, `Infinity` and `-Infinity` for numbers, as Python writes them.
///
/// Ours, because numbers must keep their text (an integer beyond 2^53, a `5.0` for an integer column), a duplicate key
/// must be seen, and the fields found must be those that CSV gives to the decoders.
package struct JSONScanner: ~Escapable {
    package let bytes: Span<UInt8>
    package var position: Int
    /// The end of what belongs to this text.
    let end: Int

    @_lifetime(copy bytes)
    package init(_ bytes: Span<UInt8>, from position: Int, to end: Int) {
        self.bytes = bytes
        self.position = position
        self.end = end
    }

    package var isAtEnd: Bool { position >= end }

    package mutating func skipBlanks() {
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): position += 1
            default: return
            }
        }
    }

    /// Skips blanks, then takes `byte` where it comes next.
    package mutating func take(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard position < end, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Scans one value with the blanks before it.
    package mutating func value(depth: Int = 0) throws(JSONSyntaxError) -> Field {
        skipBlanks()
        guard position < end else { throw cutOff() }
        let start = position
        switch bytes[position] {
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        // Python's json.dumps and JavaScript's text of numbers that JSON has not.
        case UInt8(ascii: "N"): return try word("NaN", .number)
        case UInt8(ascii: "I"): return try word("Infinity", .number)
        case UInt8(ascii: "t"): return try word("true", .true)
        case UInt8(ascii: "f"): return try word("false", .false)
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "["):
            try skipArray(depth: depth)
            return Field(start: UInt32(start), end: UInt32(position), kind: .array)
        case UInt8(ascii: "{"):
            try skipObject(depth: depth)
            return Field(start: UInt32(start), end: UInt32(position), kind: .object)
        default: throw unexpected("a value")
        }
    }

    /// Scans a string at its opening quote.
    mutating func string() throws(JSONSyntaxError) -> Field {
        position += 1
        let start = position
        var kind = FieldKind.string
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return Field(start: UInt32(start), end: UInt32(position - 1), kind: kind)
            }
            if byte == UInt8(ascii: "\\") {
                kind = .stringEscaped
                try escape()
            } else if byte < 0x20 {
                throw JSONSyntaxError(reason: "malformed JSON: a control character inside a string")
            } else {
                position += 1
            }
        }
        throw cutOff()
    }

    private mutating func escape() throws(JSONSyntaxError) {
        guard position + 1 < end else { throw cutOff() }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            let unit = try codeUnit(at: position)
            position += 6
            if unit >= 0xDC00, unit <= 0xDFFF { throw loneSurrogate() }
            guard unit >= 0xD800, unit <= 0xDBFF else { return }
            guard position + 1 < end, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
            else { throw loneSurrogate() }
            let low = try codeUnit(at: position)
            guard low >= 0xDC00, low <= 0xDFFF else { throw loneSurrogate() }
            position += 6
        default: throw JSONSyntaxError(reason: "malformed JSON: an unknown escape in a string")
        }
    }

    /// The code unit of a `\uXXXX` at `start`.
    private func codeUnit(at start: Int) throws(JSONSyntaxError) -> UInt32 {
        guard start + 6 <= end else { throw cutOff() }
        guard let unit = JSONText.codeUnit(bytes, at: start + 2) else {
            throw JSONSyntaxError(reason: "malformed JSON: \\u without four hexadecimal digits")
        }
        return unit
    }

    private func loneSurrogate() -> JSONSyntaxError {
        JSONSyntaxError(reason: "malformed JSON: half of a surrogate pair in a string")
    }

    private mutating func number() throws(JSONSyntaxError) -> Field {
        let start = position
        if bytes[position] == UInt8(ascii: "-") {
            position += 1
            if position < end, bytes[position] == UInt8(ascii: "I") {
                _ = try word("Infinity", .number)
                return Field(start: UInt32(start), end: UInt32(position), kind: .number)
            }
        }
        let first = position
        guard digits() > 0 else { throw unexpected("a digit") }
        if bytes[first] == UInt8(ascii: "0"), position - first > 1 {
            throw JSONSyntaxError(reason: "malformed JSON: a number starts with 0")
        }
        if position < end, bytes[position] == UInt8(ascii: ".") {
            position += 1
            guard digits() > 0 else { throw unexpected("a digit after the point") }
        }
        if position < end, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < end, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard digits() > 0 else { throw unexpected("a digit of the exponent") }
        }
        return Field(start: UInt32(start), end: UInt32(position), kind: .number)
    }

    private mutating func digits() -> Int {
        let start = position
        while position < end, bytes[position] &- UInt8(ascii: "0") <= 9 { position += 1 }
        return position - start
    }

    private mutating func word(_ word: StaticString, _ kind: FieldKind) throws(JSONSyntaxError) -> Field {
        let start = position
        for index in 0..<word.utf8CodeUnitCount {
            guard start + index < end else { throw cutOff() }
            // Safe: `index` is below the word's length.
            guard bytes[start + index] == word.utf8Start[index] else { throw unexpected("a value") }
        }
        position += word.utf8CodeUnitCount
        return Field(start: UInt32(start), end: UInt32(position), kind: kind)
    }

    private mutating func skipArray(depth: Int) throws(JSONSyntaxError) {
        try checkDepth(depth)
        position += 1
        if take(UInt8(ascii: "]")) { return }
        while true {
            _ = try value(depth: depth + 1)
            if take(UInt8(ascii: "]")) { return }
            guard take(UInt8(ascii: ",")) else { throw isAtEnd ? cutOff() : unexpected("',' or ']'") }
        }
    }

    private mutating func skipObject(depth: Int) throws(JSONSyntaxError) {
        try checkDepth(depth)
        position += 1
        if take(UInt8(ascii: "}")) { return }
        while true {
            _ = try key()
            _ = try value(depth: depth + 1)
            if take(UInt8(ascii: "}")) { return }
            guard take(UInt8(ascii: ",")) else { throw isAtEnd ? cutOff() : unexpected("',' or '}'") }
        }
    }

    /// Scans a member's key and the colon behind it.
    package mutating func key() throws(JSONSyntaxError) -> Field {
        skipBlanks()
        guard position < end else { throw cutOff() }
        guard bytes[position] == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
        let key = try string()
        guard take(UInt8(ascii: ":")) else { throw isAtEnd ? cutOff() : unexpected("':'") }
        return key
    }

    private func checkDepth(_ depth: Int) throws(JSONSyntaxError) {
        guard depth < ColumnarLimits.jsonDepthMax else {
            throw JSONSyntaxError(reason: "values nested more than \(ColumnarLimits.jsonDepthMax) deep")
        }
    }

    package func cutOff() -> JSONSyntaxError { JSONSyntaxError(reason: "malformed JSON: it is cut off") }

    package func unexpected(_ expected: String) -> JSONSyntaxError {
        guard position < end else { return cutOff() }
        let got = String(decoding: [bytes[position]], as: UTF8.self)
        return JSONSyntaxError(reason: "malformed JSON: expected \(expected), got '\(ColumnarError.shown(got.utf8))'")
    }
}

/// What JSON strings stand for.
package enum JSONText {
    /// Appends the text of a string (without its quotes) that the scanner found to be well formed.
    package static func unescape(_ text: Span<UInt8>, into out: inout [UInt8]) {
        var at = 0
        while at < text.count {
            let byte = text[at]
            guard byte == UInt8(ascii: "\\"), at + 1 < text.count else {
                out.append(byte)
                at += 1
                continue
            }
            at += 2
            switch text[at - 1] {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"):
                var scalar = codeUnit(text, at: at) ?? 0xFFFD
                at += 4
                if scalar >= 0xD800, scalar <= 0xDBFF, let low = codeUnit(text, at: at + 2) {
                    scalar = 0x10000 + (scalar - 0xD800) << 10 + (low & 0x3FF)
                    at += 6
                }
                append(scalar: scalar, to: &out)
            default: out.append(text[at - 1])
            }
        }
    }

    /// The text of a string that the scanner found.
    package static func string(_ field: Field, in bytes: Span<UInt8>) -> String {
        var text: [UInt8] = []
        unescape(bytes.extracting(field.range), into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Four hexadecimal digits from `start` on; `nil` where there are none.
    static func codeUnit(_ text: Span<UInt8>, at start: Int) -> UInt32? {
        guard start + 4 <= text.count else { return nil }
        var unit: UInt32 = 0
        for index in start..<start + 4 {
            let digit: UInt8
            switch text[index] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = text[index] - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = text[index] - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = text[index] - UInt8(ascii: "A") + 10
            default: return nil
            }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    private static func append(scalar: UInt32, to out: inout [UInt8]) {
        guard let scalar = Unicode.Scalar(scalar), let encoded = UTF8.encode(scalar) else { return }
        out.append(contentsOf: encoded)
    }
}
