import Features

extension WindowDefinition {
    /// Reads a window's text, in which words are in lower case.
    /// - Throws: ``WindowError/text(column:message:)`` for the first thing that is not as expected.
    package init(text: String) throws(WindowError) {
        guard text.utf8.count <= WindowLimits.textBytesMax else {
            throw .text(
                column: 1,
                message: "the window has \(text.utf8.count) bytes; \(WindowLimits.textBytesMax) are allowed"
            )
        }
        var parser = WindowParser(text)
        self = try parser.window()
    }
}

/// Reads windows from left to right: words, parentheses, lengths; what follows `where` is left as it is.
private struct WindowParser {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func window() throws(WindowError) -> WindowDefinition {
        let (name, nameStart) = next()
        guard let aggregate = WindowAggregate(rawValue: name) else {
            throw fault(
                "expected an aggregate, one of \(WindowAggregate.names), but found \(Self.shown(name))",
                at: nameStart
            )
        }
        var column: String?
        var number: Int?
        var fraction: Int?
        if peeked == "(", aggregate.hasColumn != false {
            _ = next()
            column = try columnName(of: aggregate)
            number = try self.number(of: aggregate)
            if aggregate.hasFraction { fraction = try self.fraction(of: aggregate) }
            let (close, start) = next()
            guard close == ")" else {
                throw fault(
                    close == ","
                        ? "\(name) takes one feature: expected ')' behind it, but found ','"
                        : "expected ')' behind the feature, but found \(Self.shown(close))",
                    at: start
                )
            }
        } else if aggregate.hasColumn == true {
            let (found, start) = next()
            throw fault(
                "\(name) needs a feature: expected '(FEATURE)' behind it, but found \(Self.shown(found))",
                at: start
            )
        }
        try expect("over", behind: column == nil ? name : "\(name)(\(column ?? ""))")
        var definition = WindowDefinition(
            aggregate,
            of: column,
            number: number,
            fraction: fraction,
            over: try length()
        )
        if peeked == "offset" {
            _ = next()
            definition.offset = try interval("an offset", allowed: "a length as 7d")
        }
        let (word, start) = next()
        switch word {
        case "": break
        case "where": definition.filter = try condition()
        case "offset": throw fault("a window has one offset", at: start)
        default:
            throw fault("expected 'offset', 'where' or the end, but found \(Self.shown(word))", at: start)
        }
        return definition
    }

    private mutating func columnName(of aggregate: WindowAggregate) throws(WindowError) -> String {
        let (name, start) = next()
        if let refusal = Name.refusal(of: name) {
            throw fault(
                name.isEmpty || name.utf8.count == 1
                    ? "expected a feature of the events in \(aggregate.rawValue)(…), but found \(Self.shown(name))"
                    : "'\(name)' cannot be a feature: it \(refusal)",
                at: start
            )
        }
        return name
    }

    /// `, 10` behind the feature.
    private mutating func number(of aggregate: WindowAggregate) throws(WindowError) -> Int? {
        guard !aggregate.hasFraction else { return nil }
        guard peeked == ",", aggregate.hasNumber != false else {
            guard aggregate.hasNumber != true else {
                throw fault(
                    "\(aggregate.rawValue) needs a number behind the feature, as in \(aggregate.rawValue)(item, 10)",
                    at: placeOfNext
                )
            }
            return nil
        }
        _ = next()
        let (text, start) = next()
        guard let number = Int(text), number >= 1, number <= WindowLimits.valuesMax else {
            throw fault(
                "expected a number from 1 to \(WindowLimits.valuesMax), but found \(Self.shown(text))",
                at: start
            )
        }
        return number
    }

    /// `, 0.95` behind the feature.
    private mutating func fraction(of aggregate: WindowAggregate) throws(WindowError) -> Int {
        guard peeked == "," else {
            throw fault(
                "\(aggregate.rawValue) needs a fraction behind the feature, as in \(aggregate.rawValue)(delay, 0.95)",
                at: placeOfNext
            )
        }
        _ = next()
        var (text, start) = next()
        if peeked == "." { text += next().text + next().text }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let digits = parts.count == 2 ? parts[1] : "0"
        let areDigits =
            parts.count <= 2 && (parts + [digits]).allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(Self.isDigit) }
        let scaled = (digits + String(repeating: "0", count: max(0, 6 - digits.utf8.count))).prefix(6)
        guard areDigits, digits.utf8.count <= 6, parts[0].utf8.count == 1, let whole = Int(parts[0]),
            let rest = Int(scaled),
            whole * WindowLimits.fractionOfOne + rest <= WindowLimits.fractionOfOne
        else {
            throw fault(
                "expected a fraction from 0 to 1 of at most six digits, as 0.95, but found \(Self.shown(text))",
                at: start
            )
        }
        return whole * WindowLimits.fractionOfOne + rest
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    private mutating func expect(_ word: String, behind before: String) throws(WindowError) {
        let (found, start) = next()
        guard found == word else {
            throw fault("expected '\(word)' behind \(before), but found \(Self.shown(found))", at: start)
        }
    }

    private mutating func length() throws(WindowError) -> Interval? {
        if peeked == "lifetime" {
            _ = next()
            return nil
        }
        let start = placeOfNext
        let length = try interval("a length", allowed: "a length as 1h or 'lifetime'")
        guard length > .zero else { throw fault("a window of length 0 has no events", at: start) }
        return length
    }

    private mutating func interval(_ what: String, allowed: String) throws(WindowError) -> Interval {
        let (text, start) = next()
        guard let interval = Interval(text: text) else {
            throw fault(
                text.isEmpty
                    ? "expected \(allowed), but the text ends"
                    : "\(Self.shown(text)) is not \(what): expected \(allowed), an integer and one of us ms s m h d w",
                at: start
            )
        }
        return interval
    }

    private mutating func condition() throws(WindowError) -> WindowDefinition.Filter {
        let start = placeOfNext
        var end = bytes.count
        while end > start, Self.isSpace(bytes[end - 1]) { end -= 1 }
        guard start < end else { throw fault("expected a condition behind 'where'", at: start) }
        position = bytes.count
        return .init(text: String(decoding: bytes[start..<end], as: UTF8.self), start: start)
    }

    // MARK: Words

    private var placeOfNext: Int {
        var place = position
        while place < bytes.count, Self.isSpace(bytes[place]) { place += 1 }
        return place
    }

    private var peeked: String {
        var copy = self
        return copy.next().text
    }

    /// The next run of letters, digits and `_`, or one other character; empty at the end.
    private mutating func next() -> (text: String, start: Int) {
        let start = placeOfNext
        position = start
        while position < bytes.count, Self.isWord(bytes[position]) { position += 1 }
        if position == start, position < bytes.count {
            position += 1
            while position < bytes.count, bytes[position] & 0xC0 == 0x80 { position += 1 }
        }
        return (String(decoding: bytes[start..<position], as: UTF8.self), start)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_") || (0x61...0x7A).contains(byte | 0x20)
    }

    private static func shown(_ word: String) -> String { word.isEmpty ? "the end" : "'\(word)'" }

    private func fault(_ message: String, at place: Int) -> WindowError {
        let column = bytes.prefix(place).reduce(into: 1) { $0 += $1 & 0xC0 == 0x80 ? 0 : 1 }
        return .text(column: column, message: message)
    }
}
