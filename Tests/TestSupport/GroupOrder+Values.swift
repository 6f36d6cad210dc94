package import Features
package import PointInTime

extension GroupOrder {
    /// Keys, event time, position and known at of a row; null where they were not asked for.
    package func values(_ row: Int) -> [Value] {
        withExtendedLifetime(owner) {
            keys.map { key -> Value in
                switch key {
                case .int64(let values): .int64(values[row])
                case .string(let offsets, let bytes):
                    .string(String(decoding: bytes[offsets[row]..<offsets[row + 1]], as: UTF8.self))
                }
            } + [
                .timestamp(Timestamp(microseconds: times[row])), positions.map { .int64($0[row]) } ?? .null,
                knownAt.map { .timestamp(Timestamp(microseconds: $0[row])) } ?? .null,
            ]
        }
    }
}
