/// One line of line protocol: where its parts lie in the bytes it was decoded from.
///
/// Kept from line to line, so that its arrays are allocated once.
package struct DecodedLine: Sendable {
    /// The line that the point starts on, from 1.
    package var line = 0
    /// Where the point starts and ends, without its line end.
    package var range = 0..<0
    package var measurement = LinePart()
    /// Without duplicate keys.
    /// At most ``WireLimits/pointTagsMax``.
    package var tags: [(key: LinePart, value: LinePart)] = []
    /// At least one, at most ``WireLimits/pointFieldsMax``; of equal keys the last counts.
    package var fields: [LineField] = []
    /// In the unit that sender and receiver agreed on; `nil` = the receiver's clock.
    package var time: Int64?

    package init() {}

    /// An error at a byte of the line, which must be among `bytes` together with what precedes it in its line.
    package func error(
        at place: Int,
        _ reason: String,
        _ kind: LineProtocolError.Kind,
        in bytes: Span<UInt8>
    ) -> LineProtocolError {
        var line = line
        for index in range.lowerBound..<place where bytes[index] == UInt8(ascii: "\n") { line += 1 }
        var start = place
        while start > 0, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
        return LineProtocolError(line: line, column: place - start + 1, reason: reason, kind: kind)
    }

    mutating func removeAll() {
        tags.removeAll(keepingCapacity: true)
        fields.removeAll(keepingCapacity: true)
        time = nil
    }
}

package struct LineField: Sendable {
    package var key: LinePart
    package var value: LineValue
    /// The value as it stands in the line, with quotes and suffix.
    package var range: Range<Int>
}

/// A field's value.
package enum LineValue: Sendable {
    case float(Double)
    /// Suffix `i`.
    case int(Int64)
    /// Suffix `u`.
    case unsigned(UInt64)
    case bool(Bool)
    /// What stands between the quotes.
    case string(LinePart)
}

/// A name or text in a line: valid UTF-8, perhaps with escapes in it.
package struct LinePart: Sendable {
    package var range = 0..<0
    package var isEscaped = false
    /// The characters that a backslash escapes here.
    var escapes = LineEscapes.none

    /// Appends the text that the part stands for.
    package func append(from bytes: Span<UInt8>, to out: inout [UInt8]) {
        var at = range.lowerBound
        while at < range.upperBound {
            at = textByte(at, in: bytes)
            out.append(bytes[at])
            at += 1
        }
    }

    package func text(in bytes: Span<UInt8>) -> String {
        var out: [UInt8] = []
        append(from: bytes, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    /// The text as messages show it: cut after ``shownBytesMax`` bytes, so that many bad points cost no more than their bytes.
    package func shown(in bytes: Span<UInt8>) -> String {
        guard range.count > Self.shownBytesMax else { return text(in: bytes) }
        var cut = self
        cut.range = range.lowerBound..<range.lowerBound + Self.shownBytesMax
        // Not in the middle of a character.
        while bytes[cut.range.upperBound] & 0xC0 == 0x80 { cut.range = cut.range.dropLast() }
        return cut.text(in: bytes) + "…"
    }

    package static let shownBytesMax = 128

    /// Whether both stand for the same text, byte for byte.
    /// - Complexity: O(bytes), without allocations.
    func isEqual(_ other: LinePart, in bytes: Span<UInt8>) -> Bool {
        var (left, right) = (range.lowerBound, other.range.lowerBound)
        while left < range.upperBound, right < other.range.upperBound {
            left = textByte(left, in: bytes)
            right = other.textByte(right, in: bytes)
            guard bytes[left] == bytes[right] else { return false }
            left += 1
            right += 1
        }
        return left == range.upperBound && right == other.range.upperBound
    }

    /// The place of the byte that is meant by what stands at `place`: behind a backslash that escapes it.
    private func textByte(_ place: Int, in bytes: Span<UInt8>) -> Int {
        let isEscape =
            isEscaped && bytes[place] == UInt8(ascii: "\\") && place + 1 < range.upperBound
            && escapes.contains(bytes[place + 1])
        return isEscape ? place + 1 : place
    }
}

/// The characters before which a backslash is an escape; before any other it is itself.
enum LineEscapes: Sendable {
    case none
    /// `\,` and `\ `.
    case measurement
    /// `\,`, `\=` and `\ `: tag keys, tag values, field keys.
    case name
    /// `\"` and `\\`.
    case string

    func contains(_ byte: UInt8) -> Bool {
        switch self {
        case .none: false
        case .measurement: byte == UInt8(ascii: ",") || byte == UInt8(ascii: " ")
        case .name: byte == UInt8(ascii: ",") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "=")
        case .string: byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
        }
    }
}

/// Why a line is none.
package struct LineProtocolError: Error, Hashable, Sendable {
    /// From 1.
    package var line: Int
    /// The byte in its line, from 1.
    package var column: Int
    /// As the end of a sentence.
    package var reason: String
    package var kind: Kind

    /// What is wrong: the line's form, what its parts mean, or that whoever sent it may not name its view.
    package enum Kind: Sendable, Hashable {
        case syntax, view, feature, entity, type, value, time, permission
    }

    package init(line: Int, column: Int, reason: String, kind: Kind = .syntax) {
        self.line = line
        self.column = column
        self.reason = reason
        self.kind = kind
    }
}
