import CFloatText
import Features
import NIOCore

/// Writes replies of RESP3 as JSON, from bytes to bytes.
///
/// RESP has no vectors, times and bytes: what a service's values are is told by the kinds of its columns. Texts, integers
/// (exactly, however large), lists and maps are what they are in RESP; NaN and infinities are texts, as everywhere in Asof's
/// JSON (`Value.json`, to which tests hold this).
struct ReplyJSON {
    /// What a column's values are.
    enum Kind: Sendable {
        case plain, int64, integers, timestamp, bytes, vector

        init(_ type: FeatureType) {
            switch type {
            case .bool, .int32, .float32, .float64, .string, .listString: self = .plain
            case .int64: self = .int64
            case .listInt64: self = .integers
            case .timestamp: self = .timestamp
            case .bytes: self = .bytes
            case .vector: self = .vector
            }
        }
    }

    /// The kinds of the columns of what stands under `rows`, in a map that the reply is.
    var kinds: [Kind] = []
    /// Whether 64-bit integers of columns are texts, for readers whose numbers are doubles.
    var integersAsText = false
    /// Members of the object before those of the reply, where that is a map; with a comma at the end.
    var head = ""

    /// - Parameter reply: one whole reply that is no error, made by `ReplyWriter`.
    func write(_ reply: ByteBuffer, to out: inout ByteBuffer) {
        var reader = ReplyReader(reply.readableBytesUInt8Span)
        guard !head.isEmpty, case .map(let count) = reader.peek() else { return value(&reader, .plain, &out) }
        _ = reader.next()
        out.writeStaticString("{")
        out.writeString(head)
        members(count, &reader, isTop: true, &out)
    }

    /// Writes one value that stands at a place of a reply.
    func write(_ reply: ByteBuffer, at position: Int, as kind: Kind, to out: inout ByteBuffer) {
        var reader = ReplyReader(reply.readableBytesUInt8Span, at: position)
        value(&reader, kind, &out)
    }

    private func members(_ count: Int, _ reader: inout ReplyReader, isTop: Bool, _ out: inout ByteBuffer) {
        for index in 0..<count {
            if index > 0 { out.writeStaticString(",") }
            guard case .bulk(let name) = reader.next() else { preconditionFailure("a key of a map is a bulk string") }
            text(reader.bytes.extracting(name), &out)
            out.writeStaticString(":")
            if isTop, !kinds.isEmpty, reader.bytes.extracting(name).isEqual(to: "rows"),
                case .array(let rows) = reader.peek()
            {
                _ = reader.next()
                writeRows(rows, &reader, &out)
            } else {
                value(&reader, .plain, &out)
            }
        }
        out.writeStaticString("}")
    }

    private func writeRows(_ rows: Int, _ reader: inout ReplyReader, _ out: inout ByteBuffer) {
        out.writeStaticString("[")
        for row in 0..<rows {
            if row > 0 { out.writeStaticString(",") }
            guard case .array(let count) = reader.next(), count == kinds.count else {
                preconditionFailure("a row has a value for each column")
            }
            out.writeStaticString("[")
            for column in 0..<count {
                if column > 0 { out.writeStaticString(",") }
                value(&reader, kinds[column], &out)
            }
            out.writeStaticString("]")
        }
        out.writeStaticString("]")
    }

    private func value(_ reader: inout ReplyReader, _ kind: Kind, _ out: inout ByteBuffer) {
        switch reader.next() {
        case .null: out.writeStaticString("null")
        case .bool(let value): out.writeString(value ? "true" : "false")
        case .integer(let digits): integer(reader.bytes.extracting(digits), kind, &out)
        case .double(let digits): Self.double(reader.bytes.extracting(digits), &out)
        case .bulk(let range), .simple(let range):
            let bytes = reader.bytes.extracting(range)
            switch kind {
            case .bytes: Self.hex(bytes, &out)
            case .vector: Self.vector(bytes, &out)
            default: text(bytes, &out)
            }
        case .array(let count):
            out.writeStaticString("[")
            for index in 0..<count {
                if index > 0 { out.writeStaticString(",") }
                value(&reader, kind == .integers ? .int64 : .plain, &out)
            }
            out.writeStaticString("]")
        case .map(let count):
            out.writeStaticString("{")
            members(count, &reader, isTop: false, &out)
        }
    }

    private func integer(_ digits: Span<UInt8>, _ kind: Kind, _ out: inout ByteBuffer) {
        switch kind {
        case .timestamp:
            out.writeStaticString("\"")
            out.writeString(Timestamp(microseconds: digits.integer).text)
            out.writeStaticString("\"")
        case .int64 where integersAsText:
            out.writeStaticString("\"")
            out.write(digits)
            out.writeStaticString("\"")
        default: out.write(digits)
        }
    }

    /// As `Value.spell` has it: with a point or an exponent, so that readers take it for no integer.
    private static func double(_ digits: Span<UInt8>, _ out: inout ByteBuffer) {
        switch digits[digits.count - 1] {
        case UInt8(ascii: "n"): out.writeStaticString("\"NaN\"")
        case UInt8(ascii: "f"): out.writeString(digits[0] == UInt8(ascii: "-") ? "\"-inf\"" : "\"inf\"")
        default:
            out.write(digits)
            for index in 0..<digits.count where digits[index] == UInt8(ascii: ".") || digits[index] == UInt8(ascii: "e")
            {
                return
            }
            out.writeStaticString(".0")
        }
    }

    /// Little-endian float32.
    private static func vector(_ bytes: Span<UInt8>, _ out: inout ByteBuffer) {
        out.writeStaticString("[")
        for start in stride(from: 0, to: bytes.count - 3, by: 4) {
            if start > 0 { out.writeStaticString(",") }
            var bits: UInt32 = 0
            for index in 0..<4 { bits |= UInt32(bytes[start + index]) << UInt32(8 * index) }
            out.writeFloat(Float(bitPattern: bits))
        }
        out.writeStaticString("]")
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func hex(_ bytes: Span<UInt8>, _ out: inout ByteBuffer) {
        out.writeStaticString("\"\\\\x")
        for index in 0..<bytes.count {
            out.writeInteger(digits[Int(bytes[index] >> 4)])
            out.writeInteger(digits[Int(bytes[index] & 15)])
        }
        out.writeStaticString("\"")
    }

    private func text(_ bytes: Span<UInt8>, _ out: inout ByteBuffer) { out.writeQuoted(bytes) }
}

extension ByteBuffer {
    mutating func write(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { _ = writeBytes($0) }
    }

    /// A JSON string; bytes that are no UTF-8 become replacement characters.
    mutating func writeQuoted(_ bytes: Span<UInt8>) {
        var isPlain = true
        for index in 0..<bytes.count {
            let byte = bytes[index]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                isPlain = false
                break
            }
        }
        guard isPlain else {
            writeString(Value.quote(bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }))
            return
        }
        writeStaticString("\"")
        write(bytes)
        writeStaticString("\"")
    }

    /// A JSON number, or the text of what is none.
    fileprivate mutating func writeFloat(_ value: Float) {
        guard value.isFinite else {
            writeString(Value.float32(value).json)
            return
        }
        var isInteger = false
        writeWithUnsafeMutableBytes(minimumWritableBytes: Int(ASOF_FLOAT_TEXT_MAX)) { room in
            guard let start = room.baseAddress else { return 0 }
            let count = Int(asof_float_text(value, start.assumingMemoryBound(to: CChar.self)))
            isInteger = !room[..<count].contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") }
            return count
        }
        if isInteger { writeStaticString(".0") }
    }
}

extension Span where Element == UInt8 {
    fileprivate func isEqual(to word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        // Safe: `index` is below the word's length.
        for index in 0..<count where self[index] != word.utf8Start[index] { return false }
        return true
    }

    /// Of a reply's integer, which is one.
    fileprivate var integer: Int64 {
        withUnsafeBufferPointer { Int64(String(decoding: $0, as: UTF8.self)) ?? 0 }
    }
}

/// Takes a reply of RESP3 apart, which `ReplyWriter` wrote: no bytes of others are shown to it.
struct ReplyReader: ~Escapable {
    enum Part {
        case null
        case bool(Bool)
        case integer(Range<Int>)
        case double(Range<Int>)
        case bulk(Range<Int>)
        case simple(Range<Int>)
        case array(Int)
        case map(Int)
    }

    let bytes: Span<UInt8>
    /// Of the next part.
    private(set) var position: Int

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// Takes the next value with all of its parts.
    mutating func skip() {
        var left = 1
        while left > 0 {
            left -= 1
            switch next() {
            case .array(let count): left += count
            case .map(let count): left += 2 * count
            default: break
            }
        }
    }

    /// The next part, without taking it.
    func peek() -> Part {
        var copy = self
        return copy.next()
    }

    mutating func next() -> Part {
        let marker = bytes[position]
        var end = position + 1
        while bytes[end] != UInt8(ascii: "\r") { end += 1 }
        let line = position + 1..<end
        position = end + 2
        switch marker {
        case UInt8(ascii: "_"): return .null
        case UInt8(ascii: "#"): return .bool(bytes[line.lowerBound] == UInt8(ascii: "t"))
        case UInt8(ascii: ":"): return .integer(line)
        case UInt8(ascii: ","): return .double(line)
        case UInt8(ascii: "+"), UInt8(ascii: "-"): return .simple(line)
        case UInt8(ascii: "*"): return .array(Int(bytes.extracting(line).integer))
        case UInt8(ascii: "%"): return .map(Int(bytes.extracting(line).integer))
        case UInt8(ascii: "$"):
            let count = Int(bytes.extracting(line).integer)
            let start = position
            position += count + 2
            return .bulk(start..<start + count)
        default: preconditionFailure("a reply has a marker \(marker)")
        }
    }
}
