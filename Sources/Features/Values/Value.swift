/// One value by itself, boxed: for messages, single rows and tests. Data paths use columns.
package enum Value: Hashable, Sendable {
    case null
    case bool(Bool)
    case int32(Int32)
    case int64(Int64)
    case float32(Float)
    case float64(Double)
    case string(String)
    case bytes([UInt8])
    case timestamp(Timestamp)
    case vector([Float])
    case listInt64([Int64])
    case listString([String])
}
