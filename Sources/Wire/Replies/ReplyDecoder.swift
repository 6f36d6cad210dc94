/// Decodes the replies of a server, however their bytes are cut.
///
/// Pure; every length is bounded before it is used, and nothing is allocated for what is only announced. Parsing goes on
/// where it stopped: O(bytes) in all.
///
/// ```swift
/// var decoder = ReplyDecoder()
/// decoder.append(bytes)
/// while let reply = try decoder.next() { … }
/// ```
package struct ReplyDecoder: Sendable {
    package static let bulkBytesMax = 512 << 20
    package static let lineBytesMax = 64 << 10
    package static let elementsMax = 64 << 20
    package static let depthMax = 32

    private enum Aggregate: Sendable {
        case array, map, push
        /// Information that is not part of the reply.
        case attributes
    }

    private struct Frame: Sendable {
        let kind: Aggregate
        /// Values that are still to come; a map has two an entry.
        var remaining: Int
        var values: [Reply] = []
    }

    private var bytes: [UInt8] = []
    private var position = 0
    /// Up to where the line at `position` was searched for its end.
    private var searched = 0
    private var frames: [Frame] = []

    package init() {}

    package mutating func append(_ more: some Sequence<UInt8>) {
        if position > 1 << 16, position * 2 > bytes.count {
            bytes.removeFirst(position)
            searched -= position
            position = 0
        }
        bytes.append(contentsOf: more)
    }

    /// - Returns: the next whole reply; `nil` where its bytes have not all come.
    /// - Throws: where the bytes are no reply; the decoder cannot go on then.
    package mutating func next() throws(ReplyFault) -> Reply? {
        while let value = try value() {
            guard let reply = close(value) else { continue }
            return reply
        }
        return nil
    }

    /// Puts a value where it belongs.
    /// - Returns: the reply, where it is whole now.
    private mutating func close(_ value: Reply) -> Reply? {
        var value = value
        while let last = frames.indices.last {
            frames[last].values.append(value)
            frames[last].remaining -= 1
            guard frames[last].remaining == 0 else { return nil }
            let frame = frames.removeLast()
            guard let whole = Self.whole(frame) else { return nil }
            value = whole
        }
        return value
    }

    private static func whole(_ frame: Frame) -> Reply? {
        switch frame.kind {
        case .array: .array(frame.values)
        case .push: .push(frame.values)
        case .attributes: nil
        case .map:
            .map(
                stride(from: 0, to: frame.values.count, by: 2).map {
                    Reply.Pair(frame.values[$0], frame.values[$0 + 1])
                }
            )
        }
    }

    /// - Returns: the next value that has no parts to come; `nil` where the bytes have not all come.
    private mutating func value() throws(ReplyFault) -> Reply? {
        while let line = try line() {
            let start = position
            let marker = bytes[line.lowerBound]
            let body = line.lowerBound + 1..<line.upperBound
            position = line.upperBound + 2
            searched = position
            switch marker {
            case UInt8(ascii: "+"), UInt8(ascii: "("): return .text(text(body))
            case UInt8(ascii: "-"): return .error(text(body))
            case UInt8(ascii: ":"): return .integer(try integer(body))
            case UInt8(ascii: "_"): return .null
            case UInt8(ascii: "#"):
                guard body.count == 1, let value = ["t": true, "f": false][text(body)] else {
                    throw fault("bool", body)
                }
                return .bool(value)
            case UInt8(ascii: ","):
                guard let value = Double(text(body)) else { throw fault("number", body) }
                return .double(value)
            case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
                let count = try length(body, max: Self.bulkBytesMax)
                guard let count else { return .null }
                guard let value = try bulk(marker, count) else {
                    position = start
                    searched = start
                    return nil
                }
                return value
            default:
                if let empty = try open(marker, body) { return empty }
            }
        }
        return nil
    }

    /// Begins an aggregate.
    /// - Returns: the aggregate, where it has no parts.
    private mutating func open(_ marker: UInt8, _ body: Range<Int>) throws(ReplyFault) -> Reply? {
        let kind: Aggregate
        switch marker {
        case UInt8(ascii: "*"), UInt8(ascii: "~"): kind = .array
        case UInt8(ascii: ">"): kind = .push
        case UInt8(ascii: "%"): kind = .map
        case UInt8(ascii: "|"): kind = .attributes
        default: throw ReplyFault("a reply begins with byte \(marker); expected a marker of RESP")
        }
        guard let count = try length(body, max: Self.elementsMax) else { return .null }
        guard frames.count < Self.depthMax else {
            throw ReplyFault("a reply is nested more than \(Self.depthMax) deep")
        }
        let isPaired = kind == .map || kind == .attributes
        let frame = Frame(kind: kind, remaining: isPaired ? count * 2 : count)
        if count == 0 { return Self.whole(frame) }
        frames.append(frame)
        return nil
    }

    private mutating func bulk(_ marker: UInt8, _ count: Int) throws(ReplyFault) -> Reply? {
        guard bytes.count - position >= count + 2 else { return nil }
        let body = position..<position + count
        guard bytes[body.upperBound] == UInt8(ascii: "\r"), bytes[body.upperBound + 1] == UInt8(ascii: "\n") else {
            throw ReplyFault("a bulk string of \(count) bytes does not end where it should")
        }
        position = body.upperBound + 2
        searched = position
        switch marker {
        case UInt8(ascii: "!"): return .error(text(body))
        // A verbatim text begins with three letters of its kind and a colon.
        case UInt8(ascii: "=") where count >= 4: return .text(text(body.dropFirst(4)))
        default: return .bulk(Array(bytes[body]))
        }
    }

    /// The line at `position`, with its marker and without its end; `nil` where the end has not come.
    private mutating func line() throws(ReplyFault) -> Range<Int>? {
        var at = max(searched, position)
        while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
        searched = at
        guard at - position <= Self.lineBytesMax else {
            throw ReplyFault("a line of a reply has more than \(Self.lineBytesMax) bytes")
        }
        guard at < bytes.count else { return nil }
        guard at - position >= 2, bytes[at - 1] == UInt8(ascii: "\r") else {
            throw ReplyFault("a line of a reply does not end with CR LF")
        }
        return position..<at - 1
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private func fault(_ what: String, _ range: Range<Int>) -> ReplyFault {
        ReplyFault("'\(text(range).prefix(64))' is no \(what)")
    }

    private func integer(_ range: Range<Int>) throws(ReplyFault) -> Int64 {
        guard range.count <= 20, let value = Int64(text(range)) else { throw fault("integer", range) }
        return value
    }

    /// - Returns: `nil` for -1, RESP2's null.
    private func length(_ range: Range<Int>, max: Int) throws(ReplyFault) -> Int? {
        let value = try integer(range)
        if value == -1 { return nil }
        guard value >= 0, value <= Int64(max) else { throw fault("length up to \(max)", range) }
        return Int(value)
    }
}
