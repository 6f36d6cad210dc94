/// A reply of the server, of either version of RESP.
package indirect enum Reply: Hashable, Sendable {
    case simple(String)
    case error(String)
    case integer(Int64)
    /// Bytes, each as the character of that number.
    case bulk(String)
    case double(String)
    case bool(Bool)
    case null
    case array([Reply])
    case map([Pair])

    package struct Pair: Hashable, Sendable {
        package var key: Reply
        package var value: Reply
    }

    /// Why bytes are no reply.
    package struct Malformed: Error {
        package let reason: String
        package let rest: String
    }

    /// The value of a key in a map, or in an array that stands for one in RESP2.
    package subscript(key: String) -> Reply? {
        switch self {
        case .map(let pairs): return pairs.first { $0.key == .bulk(key) }?.value
        case .array(let items):
            for index in stride(from: 0, to: items.count - 1, by: 2) where items[index] == .bulk(key) {
                return items[index + 1]
            }
            return nil
        default: return nil
        }
    }

    package var text: String? {
        switch self {
        case .simple(let text), .bulk(let text), .error(let text), .double(let text): text
        default: nil
        }
    }

    package var items: [Reply]? { if case .array(let items) = self { items } else { nil } }
    package var isError: Bool { if case .error = self { true } else { false } }
}

/// Takes replies from bytes; strict, so that what it takes is well formed.
package struct ReplyParser {
    private var bytes: [UInt8] = []
    private var at = 0

    package init() {}

    package mutating func append(_ more: some Sequence<UInt8>) {
        bytes.removeFirst(at)
        at = 0
        bytes += more
    }

    /// Bytes that are no whole reply yet.
    package var rest: [UInt8] { Array(bytes[at...]) }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { at += count }
        return Array(bytes[at..<at + count])
    }

    /// - Returns: `nil` where the next reply is not complete.
    package mutating func next() throws -> Reply? {
        let start = at
        guard let reply = try value() else {
            at = start
            return nil
        }
        return reply
    }

    private mutating func value() throws -> Reply? {
        guard let line = try line(), let marker = line.first else { return nil }
        let text = Self.text(line.dropFirst())
        switch marker {
        case UInt8(ascii: "+"): return .simple(text)
        case UInt8(ascii: "-"): return .error(text)
        case UInt8(ascii: ":"): return .integer(try integer(text))
        case UInt8(ascii: ","): return .double(text)
        case UInt8(ascii: "_"): return .null
        case UInt8(ascii: "#"): return .bool(text == "t")
        case UInt8(ascii: "$"): return try bulk(Int(try integer(text)))
        case UInt8(ascii: "*"):
            guard let items = try values(Int(try integer(text))) else { return nil }
            return .array(items)
        case UInt8(ascii: "%"):
            guard let items = try values(Int(try integer(text)) * 2) else { return nil }
            let pairs = stride(from: 0, to: items.count, by: 2).map {
                Reply.Pair(key: items[$0], value: items[$0 + 1])
            }
            return .map(pairs)
        default: throw malformed("no marker of RESP")
        }
    }

    private mutating func values(_ count: Int) throws -> [Reply]? {
        if count < 0 { throw malformed("a negative count") }
        var items: [Reply] = []
        for _ in 0..<count {
            guard let item = try value() else { return nil }
            items.append(item)
        }
        return items
    }

    private mutating func bulk(_ count: Int) throws -> Reply? {
        if count == -1 { return .null }
        if count < 0 { throw malformed("a negative length") }
        guard bytes.count - at >= count + 2 else { return nil }
        guard bytes[at + count] == UInt8(ascii: "\r"), bytes[at + count + 1] == UInt8(ascii: "\n") else {
            throw malformed("no CRLF behind a bulk")
        }
        defer { at += count + 2 }
        return .bulk(Self.text(bytes[at..<at + count]))
    }

    private mutating func line() throws -> ArraySlice<UInt8>? {
        guard let end = bytes[at...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        guard end > at, bytes[end - 1] == UInt8(ascii: "\r") else { throw malformed("a line without CR") }
        defer { at = end + 1 }
        return bytes[at..<end - 1]
    }

    private func integer(_ text: String) throws -> Int64 {
        guard let value = Int64(text) else { throw malformed("no integer: '\(text)'") }
        return value
    }

    private func malformed(_ reason: String) -> Reply.Malformed {
        Reply.Malformed(reason: reason, rest: Self.text(bytes[at...].prefix(80)))
    }

    private static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}
