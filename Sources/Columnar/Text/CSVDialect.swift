/// How CSV is spelled where RFC 4180 leaves it open, or other programs do not follow it.
package struct CSVDialect: Sendable, Equatable {
    package static let comma = UInt8(ascii: ",")
    package static let tab = UInt8(ascii: "\t")

    /// What stands between fields.
    var delimiter = Self.comma
    /// What makes the next character stand for itself, quoted or not; `nil` = nothing does. With it `\N` alone is null, as
    /// MySQL writes it.
    var escape: UInt8?
    /// Whether a row may have more fields than the header where those are empty.
    var dropsEmptyEnds = false

    /// A delimiter or escape by its character, or as `tab`, `\t` or `\x` with two hexadecimal digits.
    /// - Returns: `nil` where `text` is none: letters, digits, quotes, line ends and what is part of numbers are not.
    package static func character(_ text: String) -> UInt8? {
        let bytes = Array(text.utf8)
        let byte: UInt8
        if text == "tab" || text == "\\t" {
            byte = tab
        } else if bytes.count == 4, text.hasPrefix("\\x"), let code = UInt8(text.dropFirst(2), radix: 16) {
            byte = code
        } else if bytes.count == 1 {
            byte = bytes[0]
        } else {
            return nil
        }
        switch byte {
        case 0, 0x0A, 0x0D, 0x80..., UInt8(ascii: "\""), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            return nil
        default: return byte
        }
    }

    /// A delimiter as messages and options spell it.
    package static func spelled(_ byte: UInt8) -> String {
        switch byte {
        case tab: "'\\t'"
        case 0x20..<0x7F: "'\(Character(Unicode.Scalar(byte)))'"
        default: "'\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))'"
        }
    }

    /// What the first line `sep=;`, by which Excel is told the delimiter, says.
    /// - Returns: the delimiter, and where the line ends; `nil` where `bytes` do not begin with such a line.
    static func named(in bytes: ArraySlice<UInt8>) -> (delimiter: UInt8, end: Int)? {
        guard bytes.count > 5, String(decoding: bytes.prefix(4), as: UTF8.self).lowercased() == "sep=" else {
            return nil
        }
        let delimiter = bytes[bytes.startIndex + 4]
        let rest = bytes.dropFirst(5)
        guard rest.starts(with: [0x0A]) || rest.starts(with: [0x0D, 0x0A]), character(spelling: delimiter) else {
            return nil
        }
        return (delimiter, rest.startIndex + (rest.first == 0x0A ? 1 : 2))
    }

    private static func character(spelling byte: UInt8) -> Bool {
        character(String(decoding: [byte], as: UTF8.self)) == byte
    }

    /// Whether a file's name says that tabs are its delimiters, before what says how it is compressed.
    static func isTabbed(path: String) -> Bool {
        let stem = path.dropLast(Compression(path: path)?.fileExtension.count ?? 0).lowercased()
        return stem.hasSuffix(".tsv") || stem.hasSuffix(".tab")
    }

    private static let customary: [(byte: UInt8, one: String, many: String)] = [
        (comma, "comma", "commas"), (UInt8(ascii: ";"), "semicolon", "semicolons"), (tab, "tab", "tabs"),
        (UInt8(ascii: "|"), "bar", "bars"),
    ]

    /// Why a header that is one name looks as if another delimiter stood between its names; `nil` where it does not.
    func hint(header: ArraySlice<UInt8>) -> String? {
        for (byte, one, many) in Self.customary where byte != delimiter {
            let count = header.count { $0 == byte }
            guard count > 0 else { continue }
            let mine = Self.customary.first { $0.byte == delimiter }?.one ?? Self.spelled(delimiter)
            return
                "the header has no \(mine) but \(count) \(count == 1 ? one : many); say --delimiter \(Self.spelled(byte)) if "
                + "that is what stands between names"
        }
        return nil
    }
}
