package import Features

extension Column {
    /// The rows of several columns of one type, one after the other.
    ///
    /// Each value is copied once, whatever the number of parts.
    package init(type: FeatureType, concatenating parts: [Column]) {
        if parts.count == 1, let part = parts.first {
            precondition(part.type == type, "columns of \(type.text) and \(part.type.text)")
            self = part
            return
        }
        let rowCount = parts.reduce(0) { $0 + $1.rowCount }
        var validity: [Bool]?
        if parts.contains(where: { $0.validity != nil }) {
            validity = Self.joined(parts, rowCount) { $0.validity ?? [Bool](repeating: true, count: $0.rowCount) }
        }
        let values: Values
        switch type {
        case .bool: values = .bool(Self.joined(parts, rowCount) { $0.bools })
        case .int32: values = .int32(Self.joined(parts, rowCount) { $0.int32s })
        case .int64, .timestamp: values = .int64(Self.joined(parts, rowCount) { $0.int64Values })
        case .float32: values = .float32(Self.joined(parts, rowCount) { $0.floats })
        case .float64: values = .float64(Self.joined(parts, rowCount) { $0.doubles })
        case .vector(let dimensions):
            values = .vector(dimensions: dimensions, Self.joined(parts, rowCount * dimensions) { $0.floats })
        case .string, .bytes: values = .text(TextValues(concatenating: parts.map(\.texts)))
        case .listInt64:
            let lists = parts.map(\.lists)
            values = .listInt64(
                offsets: TextValues.joinedOffsets(lists),
                values: Self.joined(parts, lists.reduce(0) { $0 + ($1.last ?? 0) }) { $0.elements }
            )
        case .listString:
            values = .listString(
                offsets: TextValues.joinedOffsets(parts.map(\.lists)),
                values: TextValues(concatenating: parts.map(\.texts))
            )
        }
        var movedNs: [UInt16]?
        if parts.contains(where: { $0.movedNs != nil }) {
            movedNs = Self.joined(parts, rowCount) { $0.movedNs ?? [UInt16](repeating: 0, count: $0.rowCount) }
        }
        self.init(type: type, validity: validity, values: values, movedNs: movedNs)
        precondition(self.rowCount == rowCount, "a part of another type than \(type.text)")
    }

    private static func joined<Element>(
        _ parts: [Column],
        _ count: Int,
        _ elements: (Column) -> [Element]
    ) -> [Element] {
        var joined: [Element] = []
        joined.reserveCapacity(count)
        for part in parts { joined += elements(part) }
        return joined
    }

    private var bools: [Bool] {
        guard case .bool(let values) = values else { return [] }
        return values
    }

    private var int32s: [Int32] {
        guard case .int32(let values) = values else { return [] }
        return values
    }

    private var floats: [Float] {
        switch values {
        case .float32(let values), .vector(_, let values): values
        default: []
        }
    }

    private var doubles: [Double] {
        guard case .float64(let values) = values else { return [] }
        return values
    }

    /// Of strings and bytes, and the elements of lists of strings.
    private var texts: TextValues {
        switch values {
        case .text(let values), .listString(_, let values): values
        default: TextValues()
        }
    }

    /// The offsets of lists.
    private var lists: [Int] {
        switch values {
        case .listInt64(let offsets, _), .listString(let offsets, _): offsets
        default: [0]
        }
    }

    private var elements: [Int64] {
        guard case .listInt64(_, let values) = values else { return [] }
        return values
    }
}

extension TextValues {
    fileprivate init(concatenating parts: [TextValues]) {
        offsets = Self.joinedOffsets(parts.map(\.offsets))
        bytes = []
        bytes.reserveCapacity(offsets[offsets.count - 1])
        for part in parts { bytes += part.bytes }
    }

    /// Offsets into the parts' elements put one after the other.
    fileprivate static func joinedOffsets(_ parts: [[Int]]) -> [Int] {
        var joined = [0]
        joined.reserveCapacity(parts.reduce(1) { $0 + $1.count - 1 })
        var base = 0
        for part in parts {
            for offset in part.dropFirst() { joined.append(base + offset) }
            base += part.last ?? 0
        }
        return joined
    }
}
