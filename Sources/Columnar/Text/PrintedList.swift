import Features
import PointInTime

/// A vector or list as other programs print it, where it is no JSON: PostgreSQL's `{1,2}` and `{a,"b c"}`, numpy's
/// `[1. 2.]` and `array([1., 2.], dtype=float32)`, Python's `[1.0, nan]`, `['a', "b"]`, `(1, 2)` and `[np.float64(1.5)]`.
struct PrintedList {
    /// What stands between quotes, or without them, its escapes resolved.
    private(set) var elements = TextValues()
    /// Whether elements are texts: in quotes, or as PostgreSQL has them.
    private(set) var areTexts: Bool

    /// - Throws: ``ValueTextError/malformed``; ``ValueTextError/nullInList``; ``ValueTextError/elided`` where numpy left
    ///   elements out.
    init(_ text: Span<UInt8>) throws(ValueTextError) {
        var scanner = Scanner(text)
        scanner.skipBlanks()
        let isArray = scanner.take("array(")
        areTexts = true
        if scanner.take("{") {
            try appendBraced(&scanner)
        } else if scanner.take("[") {
            try append(&scanner, until: UInt8(ascii: "]"))
        } else if !isArray, scanner.take("(") {
            try append(&scanner, until: UInt8(ascii: ")"))
        } else {
            throw .malformed
        }
        scanner.skipBlanks()
        if isArray {
            if scanner.take(",") {
                scanner.skipBlanks()
                guard scanner.take("dtype=") else { throw .malformed }
                // numpy says it after arrays of other types than its own first choice.
                if try scanner.quoted() == nil { _ = scanner.word() }
            }
            guard scanner.take(")") else { throw .malformed }
            scanner.skipBlanks()
        }
        guard scanner.isAtEnd else { throw .malformed }
    }

    private mutating func append(_ element: [UInt8], isText: Bool) {
        elements.append(element)
        areTexts = areTexts && isText
    }

    /// Python's and numpy's: commas or blanks between elements, one of the two throughout.
    private mutating func append(_ scanner: inout Scanner, until end: UInt8) throws(ValueTextError) {
        var hasCommas: Bool?
        scanner.skipBlanks()
        while !scanner.take(end) {
            try appendElement(&scanner)
            let hasBlank = scanner.skipBlanks()
            if scanner.take(",") {
                guard hasCommas != false else { throw .malformed }
                hasCommas = true
                scanner.skipBlanks()
            } else if !scanner.isNext(end) {
                guard hasBlank, hasCommas != true else { throw .malformed }
                hasCommas = false
            }
        }
    }

    private mutating func appendElement(_ scanner: inout Scanner, isInner: Bool = false) throws(ValueTextError) {
        if let text = try scanner.quoted() { return append(text, isText: true) }
        let word = scanner.word()
        if scanner.take("(") {
            // A numpy scalar by its constructor.
            guard !isInner, word.starts(with: "np.".utf8) || word.starts(with: "numpy.".utf8) else { throw .malformed }
            try appendElement(&scanner, isInner: true)
            guard scanner.take(")") else { throw .malformed }
            return
        }
        if word.elementsEqual("...".utf8) { throw .elided }
        for null in ["None", "null", "NULL", "NaT", "<NA>"] where word.elementsEqual(null.utf8) { throw .nullInList }
        guard !word.isEmpty else { throw .malformed }
        append(word, isText: false)
    }

    /// PostgreSQL's: commas between elements, backslashes before characters that would mean something else.
    private mutating func appendBraced(_ scanner: inout Scanner) throws(ValueTextError) {
        scanner.skipBlanks()
        if scanner.take("}") { return }
        while true {
            scanner.skipBlanks()
            let (text, isQuoted) = try scanner.braced()
            if !isQuoted {
                guard !text.isEmpty else { throw .malformed }
                if String(decoding: text, as: UTF8.self).uppercased() == "NULL" { throw .nullInList }
            }
            append(text, isText: true)
            scanner.skipBlanks()
            if scanner.take("}") { return }
            guard scanner.take(",") else { throw .malformed }
        }
    }

    private struct Scanner: ~Escapable {
        let bytes: Span<UInt8>
        var position = 0

        @_lifetime(copy bytes)
        init(_ bytes: Span<UInt8>) { self.bytes = bytes }

        var isAtEnd: Bool { position >= bytes.count }

        private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

        /// - Returns: whether there was one.
        @discardableResult
        mutating func skipBlanks() -> Bool {
            let start = position
            while position < bytes.count, Self.isBlank(bytes[position]) { position += 1 }
            return position > start
        }

        func isNext(_ byte: UInt8) -> Bool { position < bytes.count && bytes[position] == byte }

        mutating func take(_ byte: UInt8) -> Bool {
            guard isNext(byte) else { return false }
            position += 1
            return true
        }

        mutating func take(_ word: StaticString) -> Bool {
            guard position + word.utf8CodeUnitCount <= bytes.count else { return false }
            // Safe: `index` is below the word's length.
            for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] {
                return false
            }
            position += word.utf8CodeUnitCount
            return true
        }

        /// What stands before a blank, comma or bracket.
        mutating func word() -> [UInt8] {
            var word: [UInt8] = []
            while position < bytes.count, !Self.isBlank(bytes[position]) {
                switch bytes[position] {
                case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("), UInt8(ascii: ")"),
                    UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "'"), UInt8(ascii: "\""):
                    return word
                default: word.append(bytes[position])
                }
                position += 1
            }
            return word
        }

        /// A text in single or double quotes with Python's escapes; `nil` where none begins here.
        mutating func quoted() throws(ValueTextError) -> [UInt8]? {
            guard isNext(UInt8(ascii: "'")) || isNext(UInt8(ascii: "\"")) else { return nil }
            let quote = bytes[position]
            position += 1
            var text: [UInt8] = []
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                if byte == quote { return text }
                if byte == UInt8(ascii: "\\") { try appendEscaped(to: &text) } else { text.append(byte) }
            }
            throw .malformed
        }

        private mutating func appendEscaped(to text: inout [UInt8]) throws(ValueTextError) {
            guard position < bytes.count else { throw .malformed }
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "x"): try append(scalarOf: 2, to: &text)
            case UInt8(ascii: "u"): try append(scalarOf: 4, to: &text)
            case UInt8(ascii: "U"): try append(scalarOf: 8, to: &text)
            case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): text.append(byte)
            // Python leaves no other escape in what it prints.
            default: throw .malformed
            }
        }

        private mutating func append(scalarOf digits: Int, to text: inout [UInt8]) throws(ValueTextError) {
            guard position + digits <= bytes.count else { throw .malformed }
            let hex = String(span: bytes.extracting(position..<position + digits))
            guard !hex.hasPrefix("+"), !hex.hasPrefix("-"), let value = UInt32(hex, radix: 16),
                let scalar = Unicode.Scalar(value)
            else { throw .malformed }
            position += digits
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        }

        /// An element of PostgreSQL's.
        mutating func braced() throws(ValueTextError) -> (text: [UInt8], isQuoted: Bool) {
            let isQuoted = take(UInt8(ascii: "\""))
            var text: [UInt8] = []
            /// What a backslash stands before is no blank at the end.
            var kept = 0
            while position < bytes.count {
                let byte = bytes[position]
                switch byte {
                case UInt8(ascii: "\""):
                    guard isQuoted else { throw .malformed }
                    position += 1
                    return (text, true)
                case UInt8(ascii: "\\"):
                    guard position + 1 < bytes.count else { throw .malformed }
                    text.append(bytes[position + 1])
                    kept = text.count
                    position += 2
                    continue
                case UInt8(ascii: ","), UInt8(ascii: "}"):
                    if !isQuoted {
                        while text.count > kept, let last = text.last, Self.isBlank(last) { text.removeLast() }
                        return (text, false)
                    }
                case UInt8(ascii: "{"):
                    if !isQuoted { throw .malformed }
                default: break
                }
                text.append(byte)
                position += 1
            }
            throw .malformed
        }
    }
}
