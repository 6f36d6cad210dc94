package import Features

/// Feature values as PROTOCOL §2 writes them. One at a time and obvious: rows in bulk have encoders of their own, which
/// tests hold to this one.
extension ReplyWriter {
    package mutating func value(_ value: Value) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .int32(let value): integer(Int64(value))
        case .int64(let value): integer(value)
        case .float32(let value): float(value)
        case .float64(let value): double(value)
        case .string(let value): bulk(value)
        case .bytes(let value): value.withUnsafeBytes { bulk($0) }
        case .timestamp(let value): integer(value.microseconds)
        case .vector(let values):
            // Little-endian float32, whatever the machine's order.
            values.map(\.bitPattern.littleEndian).withUnsafeBytes { bulk($0) }
        case .listInt64(let values):
            array(values.count)
            for value in values { integer(value) }
        case .listString(let values):
            array(values.count)
            for value in values { bulk(value) }
        }
    }
}
