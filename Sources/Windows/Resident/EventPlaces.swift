import Features
import PointInTime

/// An event of a key.
struct EventPlace: Sendable {
    let key: Int32
    let spot: EventSpot
}

extension Array where Element == KeyEvents {
    /// The values that some events have of a column.
    func column(_ column: EventLayout.Column, _ places: [EventPlace], _ layout: EventLayout) -> Column {
        let flag: UInt64 = 1 << UInt64(layout.columns.firstIndex(of: column) ?? 0)
        var validity: [Bool] = []
        func each(_ body: (UnsafeRawBufferPointer, Int, UnsafeRawBufferPointer) -> Void) {
            for place in places {
                let block = self[Int(place.key)].block(Int(place.spot.group), Int(place.spot.block))
                block.records.withUnsafeBytes { records in
                    block.bytes.withUnsafeBytes { bytes in
                        let row = Int(place.spot.row)
                        validity.append(EventRecords(records, block.count, layout).flags(row) & flag == 0)
                        body(records, row * layout.stride + column.offset, bytes)
                    }
                }
            }
        }
        func values<Value: BitwiseCopyable>(_ type: Value.Type) -> [Value] {
            var values: [Value] = []
            values.reserveCapacity(places.count)
            each { records, offset, _ in values.append(records.loadUnaligned(fromByteOffset: offset, as: type)) }
            return values
        }
        func texts(_ body: (UnsafeRawBufferPointer) -> Void) {
            each { records, offset, bytes in
                let place = records.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                body(
                    place == EventBytes.none
                        ? UnsafeRawBufferPointer(start: nil, count: 0) : KeyEvents.value(bytes, place)
                )
            }
        }
        let found: Column.Values
        switch column.type {
        case .bool: found = .bool(values(UInt8.self).map { $0 != 0 })
        case .int32: found = .int32(values(Int32.self))
        case .int64, .timestamp: found = .int64(values(Int64.self))
        case .float32: found = .float32(values(Float.self))
        case .float64: found = .float64(values(Double.self))
        case .string, .bytes:
            var made = TextValues()
            texts { made.append($0) }
            found = .text(made)
        case .vector(let dimensions):
            var floats: [Float] = []
            texts { value in
                for index in 0..<dimensions {
                    floats.append(value.isEmpty ? 0 : value.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
                }
            }
            found = .vector(dimensions: dimensions, floats)
        case .listInt64:
            var (offsets, integers) = ([0], [Int64]())
            texts { value in
                for index in 0..<value.count / 8 {
                    integers.append(value.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
                }
                offsets.append(integers.count)
            }
            found = .listInt64(offsets: offsets, values: integers)
        case .listString:
            var (offsets, made) = ([0], TextValues())
            texts { value in
                var at = 0
                while at < value.count {
                    let count = Int(value.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                    made.append(value[at + 4..<at + 4 + count])
                    at += 4 + count
                }
                offsets.append(made.count)
            }
            found = .listString(offsets: offsets, values: made)
        }
        return Column(type: column.type, validity: validity.contains(false) ? validity : nil, values: found)
    }
}
