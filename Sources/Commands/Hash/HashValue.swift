import Features
import Online
import Serving
import Wire

/// Values as the fields of hashes have them: text, as Redis keeps numbers.
///
/// Bools are 1 and 0, times µs, floats as in RESP, vectors their bytes, lists JSON.
enum HashValue {
    static func write(_ value: Value, to reply: inout ReplyWriter) {
        switch value {
        case .null: reply.null()
        case .bool(let value): reply.bulk(value ? "1" : "0")
        case .int32, .int64, .listInt64, .listString: reply.bulk(value.text)
        case .timestamp(let value): reply.bulk(String(value.microseconds))
        case .string, .bytes, .vector: reply.value(value)
        case .float32, .float64:
            // Floats are bulk strings in RESP2.
            let version = reply.version
            reply.version = .resp2
            reply.value(value)
            reply.version = version
        }
    }
}

extension ServedView {
    /// The view's own features that have a value in a row.
    func present(_ row: PackedRow) -> [Int] {
        layout.columns.indices.filter { !layout.columns[$0].isRetired && !row.isNull($0) }
    }

    /// Whether a row that is shown has any value: Redis has no empty hashes.
    func isHash(_ row: PackedRow) -> Bool {
        layout.columns.indices.contains { !layout.columns[$0].isRetired && !row.isNull($0) }
    }
}
