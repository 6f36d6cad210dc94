/// Cuts an expression's text into tokens, as PostgreSQL does.
struct Lexer {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// All tokens; the last one is the end.
    static func tokens(of bytes: [UInt8]) throws(Fault) -> [Token] {
        var lexer = Lexer(bytes)
        var tokens: [Token] = []
        while true {
            let token = try lexer.next()
            tokens.append(token)
            if token.kind == .end { return tokens }
        }
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func peek(_ distance: Int) -> UInt8? {
        position + distance < bytes.count ? bytes[position + distance] : nil
    }

    private mutating func next() throws(Fault) -> Token {
        while let byte = current, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
        let start = position
        guard let byte = current else { return Token(kind: .end, start: start, end: start) }
        let kind: Token.Kind
        switch byte {
        case UInt8(ascii: "'"): kind = .string(try quotedText(byte, "a string"))
        case UInt8(ascii: "\""):
            let name = try quotedText(byte, "a name")
            guard !name.isEmpty else { throw Fault("a name between quotes is empty", at: start) }
            kind = .quoted(name)
        case let byte where Self.isDigit(byte): kind = try number()
        case UInt8(ascii: ".") where peek(1).map(Self.isDigit) == true: kind = try number()
        case let byte where Self.isNameStart(byte):
            while let byte = current, Self.isNameStart(byte) || Self.isDigit(byte) { position += 1 }
            kind = .name(String(decoding: bytes[start..<position], as: UTF8.self))
        default: kind = .symbol(try symbol())
        }
        return Token(kind: kind, start: start, end: position)
    }

    /// `delimiter` text `delimiter`, in which a doubled delimiter stands for one.
    private mutating func quotedText(_ delimiter: UInt8, _ what: String) throws(Fault) -> String {
        let start = position
        position += 1
        var text: [UInt8] = []
        while let byte = current {
            position += 1
            if byte == delimiter {
                guard current == delimiter else { return String(decoding: text, as: UTF8.self) }
                position += 1
            }
            guard byte != 0 else { throw Fault("\(what) contains U+0000", at: position - 1) }
            text.append(byte)
        }
        throw Fault("\(what) does not end: expected a closing \(delimiter == 0x27 ? "'" : "\"")", at: start)
    }

    private mutating func number() throws(Fault) -> Token.Kind {
        let start = position
        var isInteger = true
        while let byte = current, Self.isDigit(byte) { position += 1 }
        if current == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            while let byte = current, Self.isDigit(byte) { position += 1 }
        }
        if let byte = current, byte | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard let digit = current, Self.isDigit(digit) else {
                throw Fault("expected digits in a number's exponent", at: position)
            }
            while let byte = current, Self.isDigit(byte) { position += 1 }
        }
        if let byte = current, Self.isNameStart(byte) || byte == UInt8(ascii: ".") {
            throw Fault("a number goes on with another character: expected a blank or an operator", at: position)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        return isInteger ? .integer(text) : .decimal(text)
    }

    private mutating func symbol() throws(Fault) -> Symbol {
        let start = position
        // PostgreSQL takes what follows for a comment, and would answer something else.
        if current == UInt8(ascii: "-"), peek(1) == UInt8(ascii: "-") {
            throw Fault("'--' begins a comment in SQL, which expressions have not: write '- -'", at: start)
        }
        if current == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
            throw Fault("expressions have no comments", at: start)
        }
        for symbol in Symbol.allCases where bytes[start...].starts(with: symbol.rawValue.utf8) {
            position += symbol.rawValue.utf8.count
            return symbol
        }
        let rest = String(decoding: bytes[start...].prefix(4), as: UTF8.self).unicodeScalars
        let shown = rest.first.map {
            $0.isASCII && $0.value > 0x20 && $0.value < 0x7F
                ? "'\($0)'" : "U+\(String($0.value, radix: 16, uppercase: true))"
        }
        let hint = rest.first == "^" ? ": write power(a, b)" : ""
        throw Fault("\(shown ?? "this") is no character of expressions\(hint)", at: start)
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    static func isNameStart(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
    }
}
