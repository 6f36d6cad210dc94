/// The arguments of a line that a person typed, quoted as redis-cli quotes.
enum InlineLine {
    /// Splits a line at blanks.
    ///
    /// `"…"` decodes `\n \r \t \b \a \\ \" \xHH`, and drops the backslash before anything else; `'…'` decodes `\'` only. A
    /// quote may open within an argument; a blank or the end follows where it closes.
    /// - Parameters:
    ///   - bytes: takes the arguments, one behind another.
    ///   - ranges: takes where they lie in `bytes`; left empty by a blank line.
    /// - Returns: `false` where quotes are not balanced.
    static func split(_ line: Span<UInt8>, into bytes: inout [UInt8], _ ranges: inout [Range<Int>]) -> Bool {
        bytes.removeAll(keepingCapacity: true)
        ranges.removeAll(keepingCapacity: true)
        var at = 0
        while true {
            while at < line.count, isBlank(line[at]) { at += 1 }
            guard at < line.count else { return true }
            let start = bytes.count
            while at < line.count, !isBlank(line[at]) {
                switch line[at] {
                case UInt8(ascii: "\""): guard quoted(line, &at, into: &bytes) else { return false }
                case UInt8(ascii: "'"): guard plainlyQuoted(line, &at, into: &bytes) else { return false }
                case let byte:
                    bytes.append(byte)
                    at += 1
                }
            }
            ranges.append(start..<bytes.count)
        }
    }

    /// A text in double quotes, whose first is at `at`, which moves behind the second.
    private static func quoted(_ line: Span<UInt8>, _ at: inout Int, into bytes: inout [UInt8]) -> Bool {
        at += 1
        while at < line.count {
            let byte = line[at]
            if byte == UInt8(ascii: "\"") { return closes(line, &at) }
            guard byte == UInt8(ascii: "\\"), at + 1 < line.count else {
                bytes.append(byte)
                at += 1
                continue
            }
            if line[at + 1] == UInt8(ascii: "x"), at + 3 < line.count, let high = digit(line[at + 2]),
                let low = digit(line[at + 3])
            {
                bytes.append(high << 4 | low)
                at += 4
                continue
            }
            switch line[at + 1] {
            case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "r"): bytes.append(UInt8(ascii: "\r"))
            case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "b"): bytes.append(0x08)
            case UInt8(ascii: "a"): bytes.append(0x07)
            case let other: bytes.append(other)
            }
            at += 2
        }
        return false
    }

    private static func plainlyQuoted(_ line: Span<UInt8>, _ at: inout Int, into bytes: inout [UInt8]) -> Bool {
        at += 1
        while at < line.count {
            if line[at] == UInt8(ascii: "'") { return closes(line, &at) }
            if line[at] == UInt8(ascii: "\\"), at + 1 < line.count, line[at + 1] == UInt8(ascii: "'") { at += 1 }
            bytes.append(line[at])
            at += 1
        }
        return false
    }

    private static func closes(_ line: Span<UInt8>, _ at: inout Int) -> Bool {
        at += 1
        return at == line.count || isBlank(line[at])
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte >= 0x09 && byte <= 0x0D }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static let verbs: [StaticString] = [
        "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PRI",
    ]

    /// Whether a line starts with a verb of HTTP, or with its header `Host:`.
    ///
    /// A page in somebody's browser can make it send requests here; none of what follows may run.
    static func isHTTP(_ line: Span<UInt8>) -> Bool {
        var end = 0
        while end < line.count, !isBlank(line[end]) { end += 1 }
        let word = line.extracting(0..<end)
        if word.count >= 5, isEqual(word.extracting(0..<5), "HOST:", ignoringCase: true) { return true }
        return verbs.contains { isEqual(word, $0, ignoringCase: false) }
    }

    private static func isEqual(_ bytes: Span<UInt8>, _ word: StaticString, ignoringCase: Bool) -> Bool {
        guard bytes.count == word.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count {
            let isLower = bytes[index] >= UInt8(ascii: "a") && bytes[index] <= UInt8(ascii: "z")
            let byte = ignoringCase && isLower ? bytes[index] & 0xDF : bytes[index]
            // Safe: `index` is less than the word's length.
            if byte != word.utf8Start[index] { return false }
        }
        return true
    }
}
