package import Features
package import PointInTime

extension GroupOrder {
    /// Keys, event time, of a view of events the id, position and known at of a row; null where they were not asked for.
    package func values(_ row: Int) -> [Value] {
        withExtendedLifetime(owner) {
            keys.map { $0.value(row) } + [.timestamp(Timestamp(microseconds: times[row]))]
                + (events.map { [$0.value(row)] } ?? []) + [
                    positions.map { .int64($0[row]) } ?? .null,
                    knownAt.map { .timestamp(Timestamp(microseconds: $0[row])) } ?? .null,
                ]
        }
    }
}

extension GroupOrder.Keys {
    fileprivate func value(_ row: Int) -> Value {
        switch self {
        case .int64(let values): .int64(values[row])
        case .string(let offsets, let bytes):
            .string(String(decoding: bytes[offsets[row]..<offsets[row + 1]], as: UTF8.self))
        }
    }
}
