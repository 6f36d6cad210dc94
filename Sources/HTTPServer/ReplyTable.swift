import NIOCore
import Wire

/// Where the values of a reply with META lie, row by row: FS.SERVE's and FS.MGET's.
struct ReplyTable: Sendable {
    let reply: ByteBuffer
    private(set) var columns: [String] = []
    /// Places in the reply, `[row][column]`.
    private(set) var rows: [[Int]] = []
    private(set) var statuses: [[Int]] = []
    private(set) var times: [[Int]] = []

    init(_ reply: ByteBuffer) {
        self.reply = reply
        var reader = ReplyReader(reply.readableBytesUInt8Span)
        guard case .map(let count) = reader.next() else { preconditionFailure("a reply with META is a map") }
        for _ in 0..<count {
            guard case .bulk(let name) = reader.next() else { preconditionFailure("a key of a map is a bulk string") }
            switch Self.text(reader.bytes.extracting(name)) {
            case "columns":
                guard case .array(let count) = reader.next() else { preconditionFailure("columns are an array") }
                for _ in 0..<count {
                    if case .bulk(let name) = reader.next() { columns.append(Self.text(reader.bytes.extracting(name))) }
                }
            case "rows": rows = Self.places(&reader)
            case "status": statuses = Self.places(&reader)
            case "event_time": times = Self.places(&reader)
            default: reader.skip()
            }
        }
    }

    private static func places(_ reader: inout ReplyReader) -> [[Int]] {
        guard case .array(let count) = reader.next() else { preconditionFailure("rows are an array") }
        return (0..<count).map { _ in
            guard case .array(let width) = reader.next() else { preconditionFailure("a row is an array") }
            return (0..<width).map { _ in
                let place = reader.position
                reader.skip()
                return place
            }
        }
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    func status(_ row: Int, _ column: Int) -> String {
        var reader = ReplyReader(reply.readableBytesUInt8Span, at: statuses[row][column])
        guard case .bulk(let range) = reader.next() else { return "" }
        return Self.text(reader.bytes.extracting(range))
    }

    /// µs; `nil` = there is no row.
    func time(_ row: Int, _ column: Int) -> Int64? {
        var reader = ReplyReader(reply.readableBytesUInt8Span, at: times[row][column])
        guard case .integer(let range) = reader.next() else { return nil }
        return Int64(Self.text(reader.bytes.extracting(range)))
    }
}
