/// A batch view's SQL with its parameters found: `:from` and `:to`, which are bound and never pasted.
///
/// A parameter counts where PostgreSQL would read it as such: not in strings, quoted names, dollar quotes and comments,
/// and not as the second half of a cast `::`.
package struct WindowedStatement: Hashable, Sendable {
    /// The text between parameters, and the parameters.
    private enum Part: Hashable {
        case text(String)
        case from
        case to
    }

    private var parts: [Part] = []

    /// - Parameter sql: one query; a semicolon at its end is left out.
    package init(_ sql: String) {
        var scanner = SQLScanner(sql)
        var text = String.UnicodeScalarView()
        while let token = scanner.next() {
            switch token {
            case ":from", ":to":
                parts.append(.text(String(text)))
                text.removeAll()
                parts.append(token == ":from" ? .from : .to)
            default: text.append(contentsOf: token.unicodeScalars)
            }
        }
        parts.append(.text(String(text)))
        cutSemicolon()
    }

    private mutating func cutSemicolon() {
        guard case .text(var last) = parts.removeLast() else { return }
        while let end = last.unicodeScalars.last, end.properties.isWhitespace || end == ";" {
            last.unicodeScalars.removeLast()
        }
        parts.append(.text(last))
    }

    /// Which of `:from` and `:to` the SQL does not mention.
    package var absentParameters: [String] {
        (parts.contains(.from) ? [] : [":from"]) + (parts.contains(.to) ? [] : [":to"])
    }

    /// The SQL with other words in the place of its parameters.
    package func text(from: String, to: String) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .from: from
            case .to: to
            }
        }.joined()
    }

    /// Where a place of ``text(from:to:)`` stands in the SQL as it was written.
    ///
    /// - Parameter position: in Unicode scalars from 1, as PostgreSQL counts.
    /// - Returns: line and column from 1 and the line's text; `nil` for a place outside.
    package func place(of position: Int, from: String, to: String) -> (line: Int, column: Int, text: String)? {
        var left = position - 1
        var offset = 0
        guard left >= 0 else { return nil }
        for part in parts {
            let (made, written) =
                switch part {
                case .text(let text): (text.unicodeScalars.count, text.unicodeScalars.count)
                case .from: (from.unicodeScalars.count, 5)
                case .to: (to.unicodeScalars.count, 3)
                }
            if left < made {
                offset += part == .from || part == .to ? 0 : left
                return Self.place(offset, in: Array(text(from: ":from", to: ":to").unicodeScalars))
            }
            left -= made
            offset += written
        }
        return left == 0 ? Self.place(offset, in: Array(text(from: ":from", to: ":to").unicodeScalars)) : nil
    }

    private static func place(_ offset: Int, in sql: [Unicode.Scalar]) -> (line: Int, column: Int, text: String) {
        let start = (sql[..<offset].lastIndex(of: "\n") ?? -1) + 1
        let end = sql[offset...].firstIndex(of: "\n") ?? sql.count
        let line = sql[..<offset].count { $0 == "\n" } + 1
        var text = String.UnicodeScalarView()
        text.append(contentsOf: sql[start..<end])
        return (line, offset - start + 1, String(text))
    }
}

/// Cuts SQL into the pieces in which a parameter cannot begin, and what lies between them.
private struct SQLScanner {
    private let scalars: [Unicode.Scalar]
    private var index = 0

    init(_ sql: String) { scalars = Array(sql.unicodeScalars) }

    /// A string, a quoted name, a comment, a word, a parameter, or one other character.
    mutating func next() -> String? {
        guard index < scalars.count else { return nil }
        let start = index
        switch scalars[index] {
        case "'": quoted(by: "'", hasBackslashes: false)
        case "\"": quoted(by: "\"", hasBackslashes: false)
        case "-" where peek(1) == "-": while index < scalars.count, scalars[index] != "\n" { index += 1 }
        case "/" where peek(1) == "*": comment()
        case "$": dollarQuoted()
        case ":":
            index += 1
            if peek(0) == ":" {
                index += 1
            } else if Self.isWordStart(peek(0)) {
                skipWord()
            }
        case let first where Self.isWordStart(first):
            skipWord()
            if index - start == 1, first == "e" || first == "E", peek(0) == "'" {
                quoted(by: "'", hasBackslashes: true)
            }
        case let first where first.properties.numericType != nil:
            // A number swallows the letters after it, so that `1e5` is one piece.
            skipWord()
        default: index += 1
        }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[start..<index])
        return String(text)
    }

    private func peek(_ offset: Int) -> Unicode.Scalar? {
        index + offset < scalars.count ? scalars[index + offset] : nil
    }

    private static func isWordStart(_ scalar: Unicode.Scalar?) -> Bool {
        guard let scalar else { return false }
        return scalar == "_" || scalar.value > 127 || ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private mutating func skipWord() {
        while let scalar = peek(0), Self.isWordStart(scalar) || ("0"..."9").contains(scalar) || scalar == "$" {
            index += 1
        }
    }

    /// Up to the closing quote; a doubled quote goes on by being the start of the next piece.
    private mutating func quoted(by quote: Unicode.Scalar, hasBackslashes: Bool) {
        index += 1
        while index < scalars.count {
            if hasBackslashes, scalars[index] == "\\" {
                index += 2
                continue
            }
            index += 1
            if scalars[index - 1] == quote {
                guard hasBackslashes, peek(0) == quote else { break }
                index += 1
            }
        }
        index = min(index, scalars.count)
    }

    /// Comments nest.
    private mutating func comment() {
        var depth = 0
        repeat {
            if peek(0) == "/", peek(1) == "*" {
                depth += 1
                index += 2
            } else if peek(0) == "*", peek(1) == "/" {
                depth -= 1
                index += 2
            } else {
                index += 1
            }
        } while depth > 0 && index < scalars.count
        index = min(index, scalars.count)
    }

    /// `$tag$ … $tag$`; a `$` that starts no such thing is one character.
    private mutating func dollarQuoted() {
        var end = index + 1
        while end < scalars.count, scalars[end] != "$" {
            let isDigit = ("0"..."9").contains(scalars[end])
            guard Self.isWordStart(scalars[end]) || (isDigit && end > index + 1) else { break }
            end += 1
        }
        guard end < scalars.count, scalars[end] == "$" else {
            index += 1
            return
        }
        let tag = scalars[index...end]
        index = end + 1
        while index < scalars.count {
            if scalars[index...].starts(with: tag) {
                index += tag.count
                return
            }
            index += 1
        }
    }
}
