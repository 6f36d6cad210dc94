package import Features

extension Column {
    /// The rows of a range, as a column of their own.
    package func slice(_ rows: Range<Int>) -> Column {
        Column(
            type: type,
            validity: validity.map { Array($0[rows]) },
            values: values.slice(rows),
            movedNs: movedNs.map { Array($0[rows]) }
        )
    }

    /// Adds the rows of a column of the same type.
    package mutating func append(_ other: Column) {
        precondition(type == other.type, "columns of \(type.text) and \(other.type.text)")
        if validity != nil || other.validity != nil {
            var flags = validity ?? [Bool](repeating: true, count: rowCount)
            flags += other.validity ?? [Bool](repeating: true, count: other.rowCount)
            validity = flags
        }
        if movedNs != nil || other.movedNs != nil {
            var moved = movedNs ?? [UInt16](repeating: 0, count: rowCount)
            moved += other.movedNs ?? [UInt16](repeating: 0, count: other.rowCount)
            movedNs = moved
        }
        values.append(other.values)
    }

    /// `rowCount` nulls.
    package init(nullsOf type: FeatureType, rowCount: Int) {
        let values: Values =
            switch type {
            case .bool: .bool(Array(repeating: false, count: rowCount))
            case .int32: .int32(Array(repeating: 0, count: rowCount))
            case .int64, .timestamp: .int64(Array(repeating: 0, count: rowCount))
            case .float32: .float32(Array(repeating: 0, count: rowCount))
            case .float64: .float64(Array(repeating: 0, count: rowCount))
            case .string, .bytes: .text(TextValues(empties: rowCount))
            case .vector(let dimensions):
                .vector(dimensions: dimensions, Array(repeating: 0, count: rowCount * dimensions))
            case .listInt64: .listInt64(offsets: Array(repeating: 0, count: rowCount + 1), values: [])
            case .listString: .listString(offsets: Array(repeating: 0, count: rowCount + 1), values: TextValues())
            }
        self.init(type: type, validity: Array(repeating: false, count: rowCount), values: values)
    }

    /// About how many bytes of memory the column takes.
    package var byteCount: Int {
        let flags = validity?.count ?? 0
        switch values {
        case .bool(let values): return flags + values.count
        case .int32(let values): return flags + values.count * 4
        case .int64(let values): return flags + values.count * 8
        case .float32(let values): return flags + values.count * 4
        case .float64(let values): return flags + values.count * 8
        case .text(let values): return flags + values.byteCount
        case .vector(_, let values): return flags + values.count * 4
        case .listInt64(let offsets, let values): return flags + (offsets.count + values.count) * 8
        case .listString(let offsets, let values): return flags + offsets.count * 8 + values.byteCount
        }
    }

    /// One row's value, boxed.
    package func value(_ row: Int) -> Value {
        if isNull(row) { return .null }
        switch values {
        case .bool(let values): return .bool(values[row])
        case .int32(let values): return .int32(values[row])
        case .int64(let values):
            return type == .timestamp ? .timestamp(Timestamp(microseconds: values[row])) : .int64(values[row])
        case .float32(let values): return .float32(values[row])
        case .float64(let values): return .float64(values[row])
        case .text(let values): return type == .bytes ? .bytes(Array(values[row])) : .string(values.string(row))
        case .vector(let dimensions, let values):
            return .vector(Array(values[row * dimensions..<(row + 1) * dimensions]))
        case .listInt64(let offsets, let values): return .listInt64(Array(values[offsets[row]..<offsets[row + 1]]))
        case .listString(let offsets, let values):
            return .listString((offsets[row]..<offsets[row + 1]).map { values.string($0) })
        }
    }
}

extension Column.Values {
    fileprivate func slice(_ rows: Range<Int>) -> Column.Values {
        switch self {
        case .bool(let values): .bool(Array(values[rows]))
        case .int32(let values): .int32(Array(values[rows]))
        case .int64(let values): .int64(Array(values[rows]))
        case .float32(let values): .float32(Array(values[rows]))
        case .float64(let values): .float64(Array(values[rows]))
        case .text(let values): .text(values.slice(rows))
        case .vector(let dimensions, let values):
            .vector(
                dimensions: dimensions,
                Array(values[rows.lowerBound * dimensions..<rows.upperBound * dimensions])
            )
        case .listInt64(let offsets, let values):
            .listInt64(
                offsets: offsets[rows.lowerBound...rows.upperBound].map { $0 - offsets[rows.lowerBound] },
                values: Array(values[offsets[rows.lowerBound]..<offsets[rows.upperBound]])
            )
        case .listString(let offsets, let values):
            .listString(
                offsets: offsets[rows.lowerBound...rows.upperBound].map { $0 - offsets[rows.lowerBound] },
                values: values.slice(offsets[rows.lowerBound]..<offsets[rows.upperBound])
            )
        }
    }

    fileprivate mutating func append(_ other: Column.Values) {
        switch (self, other) {
        // Each case empties `self` first, so that its array has one owner and grows in place.
        case (.bool(var values), .bool(let more)):
            self = .bool([])
            values += more
            self = .bool(values)
        case (.int32(var values), .int32(let more)):
            self = .bool([])
            values += more
            self = .int32(values)
        case (.int64(var values), .int64(let more)):
            self = .bool([])
            values += more
            self = .int64(values)
        case (.float32(var values), .float32(let more)):
            self = .bool([])
            values += more
            self = .float32(values)
        case (.float64(var values), .float64(let more)):
            self = .bool([])
            values += more
            self = .float64(values)
        case (.text(var values), .text(let more)):
            self = .bool([])
            values.append(contentsOf: more)
            self = .text(values)
        case (.vector(let dimensions, var values), .vector(_, let more)):
            self = .bool([])
            values += more
            self = .vector(dimensions: dimensions, values)
        case (.listInt64(var offsets, var values), .listInt64(let moreOffsets, let more)):
            self = .bool([])
            let base = values.count
            offsets += moreOffsets.dropFirst().map { $0 + base }
            values += more
            self = .listInt64(offsets: offsets, values: values)
        case (.listString(var offsets, var values), .listString(let moreOffsets, let more)):
            self = .bool([])
            let base = values.count
            offsets += moreOffsets.dropFirst().map { $0 + base }
            values.append(contentsOf: more)
            self = .listString(offsets: offsets, values: values)
        default:
            preconditionFailure("columns of one type have one storage")
        }
    }
}

extension TextValues {
    package init(empties count: Int) {
        offsets = Array(repeating: 0, count: count + 1)
        bytes = []
    }

    package var byteCount: Int { bytes.count + offsets.count * 8 }

    package func slice(_ rows: Range<Int>) -> TextValues {
        var slice = TextValues()
        let base = offsets[rows.lowerBound]
        slice.offsets = offsets[rows.lowerBound...rows.upperBound].map { $0 - base }
        slice.bytes = Array(bytes[base..<offsets[rows.upperBound]])
        return slice
    }

    package mutating func append(contentsOf other: TextValues) {
        let base = bytes.count
        offsets.reserveCapacity(offsets.count + other.count)
        for offset in other.offsets.dropFirst() { offsets.append(offset + base) }
        bytes += other.bytes
    }
}

extension ColumnBatch {
    /// The rows of a range.
    package func slice(_ rows: Range<Int>) -> ColumnBatch {
        guard rows != 0..<rowCount else { return self }
        return ColumnBatch(names: names, columns: columns.map { $0.slice(rows) }, rowCount: rows.count)
    }
}

extension FeatureType {
    /// About how many bytes a value takes in a column, for estimates before values are seen.
    package var typicalBytes: Int {
        switch self {
        case .bool: 1
        case .int32, .float32: 4
        case .int64, .float64, .timestamp: 8
        case .string, .bytes: 24
        case .vector(let dimensions): 4 * dimensions
        case .listInt64: 40
        case .listString: 80
        }
    }
}
