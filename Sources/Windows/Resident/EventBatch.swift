import Features
package import PointInTime

/// Rows of history as events lie in memory, before they go to their keys.
package struct EventBatch: Sendable {
    package let rowCount: Int
    package let isDeleted: [Bool]
    /// As ``EventLayout`` has them.
    let records: [UInt8]
    /// What records refer to.
    let bytes: [UInt8]
    package var byteCount: Int { records.count + bytes.count }

    /// Whether the bytes are more than records can refer to, so that the rows are of no use.
    package let isTooLarge: Bool

    /// - Parameters:
    ///   - times: µs.
    ///   - identity: as ``EventLayout/init(_:identity:type:)`` was told.
    ///   - column: values of one of ``EventLayout/names``.
    package init(
        _ layout: EventLayout,
        times: [Int64],
        identity: [Column],
        isDeleted: [Bool]?,
        column: (String) -> Column
    ) {
        rowCount = times.count
        self.isDeleted = isDeleted ?? [Bool](repeating: false, count: times.count)
        var records = [UInt8](repeating: 0, count: times.count * layout.stride)
        var heap = EventBytes()
        let eventTimes = Column(type: .timestamp, values: .int64(times))
        func values(_ name: String) -> Column { name == FeatureColumn.eventTimeName ? eventTimes : column(name) }
        var flags = layout.conditionBits(rowCount: times.count, column: values)
        records.withUnsafeMutableBytes { records in
            for row in times.indices {
                // Safe: there are as many records as times, and what is in one is within the stride.
                let base = row * layout.stride
                records.storeBytes(of: times[row], toByteOffset: base, as: Int64.self)
                if layout.isIntegerIdentity {
                    records.storeBytes(of: identity[0].int64Values[row], toByteOffset: base + 8, as: Int64.self)
                } else {
                    let place = heap.begin()
                    for column in identity { column.appendOrdered(row, to: &heap.bytes) }
                    heap.end(place)
                    records.storeBytes(of: place, toByteOffset: base + 8, as: UInt32.self)
                }
            }
            for (place, kept) in layout.columns.enumerated() {
                let values = values(kept.name)
                for row in times.indices {
                    let at = row * layout.stride + kept.offset
                    if values.isNull(row) {
                        flags[row] |= 1 << UInt64(place)
                        // Nothing that is read, and a place where nothing lies.
                        if EventLayout.isBytes(kept.type) {
                            records.storeBytes(of: EventBytes.none, toByteOffset: at, as: UInt32.self)
                        }
                        continue
                    }
                    Self.store(values, row, at, records, &heap)
                }
            }
            for row in times.indices {
                let at = row * layout.stride + layout.flagsOffset
                switch layout.flagBytes {
                case 0: break
                case 1: records.storeBytes(of: UInt8(truncatingIfNeeded: flags[row]), toByteOffset: at, as: UInt8.self)
                case 2:
                    records.storeBytes(of: UInt16(truncatingIfNeeded: flags[row]), toByteOffset: at, as: UInt16.self)
                case 4:
                    records.storeBytes(of: UInt32(truncatingIfNeeded: flags[row]), toByteOffset: at, as: UInt32.self)
                default: records.storeBytes(of: flags[row], toByteOffset: at, as: UInt64.self)
                }
            }
        }
        self.records = records
        bytes = heap.bytes
        isTooLarge = heap.bytes.count > layout.bytesMax
    }

    package func time(_ row: Int, _ layout: EventLayout) -> Int64 {
        records.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: row * layout.stride, as: Int64.self) }
    }

    private static func store(
        _ column: Column,
        _ row: Int,
        _ at: Int,
        _ records: UnsafeMutableRawBufferPointer,
        _ heap: inout EventBytes
    ) {
        switch column.values {
        case .bool(let values): records.storeBytes(of: values[row] ? 1 : 0, toByteOffset: at, as: UInt8.self)
        case .int32(let values): records.storeBytes(of: values[row], toByteOffset: at, as: Int32.self)
        case .int64(let values): records.storeBytes(of: values[row], toByteOffset: at, as: Int64.self)
        case .float32(let values): records.storeBytes(of: values[row], toByteOffset: at, as: Float.self)
        case .float64(let values): records.storeBytes(of: values[row], toByteOffset: at, as: Double.self)
        case .text(let values):
            records.storeBytes(of: heap.append(values[row]), toByteOffset: at, as: UInt32.self)
        case .vector(let dimensions, let values):
            let floats = values[row * dimensions..<(row + 1) * dimensions]
            let place = heap.begin()
            for float in floats { heap.bytes.append(word: float.bitPattern) }
            heap.end(place)
            records.storeBytes(of: place, toByteOffset: at, as: UInt32.self)
        case .listInt64(let offsets, let values):
            let place = heap.begin()
            for value in values[offsets[row]..<offsets[row + 1]] { heap.bytes.append(word: value) }
            heap.end(place)
            records.storeBytes(of: place, toByteOffset: at, as: UInt32.self)
        case .listString(let offsets, let values):
            let place = heap.begin()
            for text in offsets[row]..<offsets[row + 1] {
                heap.bytes.append(word: UInt32(values[text].count))
                heap.bytes += values[text]
            }
            heap.end(place)
            records.storeBytes(of: place, toByteOffset: at, as: UInt32.self)
        }
    }
}

/// Values of different lengths, one behind another, each with its length before it in 4 bytes.
struct EventBytes: Sendable {
    var bytes: [UInt8] = []

    /// The place of no value.
    static let none = UInt32.max

    /// - Returns: the value's place.
    mutating func append(_ value: some Collection<UInt8>) -> UInt32 {
        let place = begin()
        bytes.append(contentsOf: value)
        end(place)
        return place
    }

    /// What is appended from now on up to ``end(_:)`` is a value.
    /// - Returns: its place.
    mutating func begin() -> UInt32 {
        let place = UInt32(truncatingIfNeeded: bytes.count)
        bytes.append(word: UInt32(0))
        return place
    }

    mutating func end(_ place: UInt32) {
        // Of more than 32 bits nothing is read, see ``EventBatch/isTooLarge``.
        let count = UInt32(truncatingIfNeeded: bytes.count - Int(place) - 4)
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: count, toByteOffset: Int(place), as: UInt32.self) }
    }
}

extension Array where Element == UInt8 {
    mutating func append(word: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: word) { append(contentsOf: $0) }
    }
}

extension Column {
    /// Appends a value so that bytes order as values do, also where others follow.
    fileprivate func appendOrdered(_ row: Int, to bytes: inout [UInt8]) {
        switch values {
        case .int64(let values): bytes.append(word: (UInt64(bitPattern: values[row]) ^ 1 << 63).bigEndian)
        // No text has a zero byte.
        case .text(let values): bytes += values[row] + [0]
        default: preconditionFailure("an id or a key is int64 or string, not \(type.text)")
        }
    }
}
