package import Features

/// One column of a batch: values of one type, some of them null.
///
/// Values lie next to each other by type, so that loops over them touch no objects. A null row still has a slot, which
/// holds zero or an empty text.
package struct Column: Sendable {
    package let type: FeatureType
    /// One flag a row, true where the row has a value; `nil` where every row has one.
    package var validity: [Bool]?
    package var values: Values
    /// Of times: how far each was moved when it was read, see ``RoundedTime/movedNs``; `nil` where none was.
    package var movedNs: [UInt16]?

    package enum Values: Sendable {
        case bool([Bool])
        case int32([Int32])
        /// Also timestamps, in µs.
        case int64([Int64])
        case float32([Float])
        case float64([Double])
        /// Strings (valid UTF-8) and bytes.
        case text(TextValues)
        /// `dimensions` floats a row.
        case vector(dimensions: Int, [Float])
        /// Row *i* is `values[offsets[i]..<offsets[i + 1]]`.
        case listInt64(offsets: [Int], values: [Int64])
        case listString(offsets: [Int], values: TextValues)
    }

    package init(type: FeatureType, validity: [Bool]? = nil, values: Values, movedNs: [UInt16]? = nil) {
        self.type = type
        self.validity = validity
        self.values = values
        self.movedNs = movedNs
    }

    /// A column of one time.
    package init(time: RoundedTime) {
        self.init(
            type: .timestamp,
            values: .int64([time.microseconds]),
            movedNs: time.movedNs > 0 ? [time.movedNs] : nil
        )
    }

    /// A column without rows, of the storage that `type` has.
    package init(emptyOf type: FeatureType) {
        self.init(type: type, values: .init(emptyOf: type))
    }

    package var rowCount: Int {
        switch values {
        case .bool(let values): values.count
        case .int32(let values): values.count
        case .int64(let values): values.count
        case .float32(let values): values.count
        case .float64(let values): values.count
        case .text(let values): values.count
        case .vector(let dimensions, let values): values.count / dimensions
        case .listInt64(let offsets, _): offsets.count - 1
        case .listString(let offsets, _): offsets.count - 1
        }
    }

    package func isNull(_ row: Int) -> Bool {
        guard let validity else { return false }
        return !validity[row]
    }

    /// The values of an int64 or timestamp column; empty for any other.
    package var int64Values: [Int64] {
        guard case .int64(let values) = values else { return [] }
        return values
    }

    package var nullCount: Int {
        guard let validity else { return 0 }
        return validity.reduce(into: 0) { $0 += $1 ? 0 : 1 }
    }
}

extension Column.Values {
    package init(emptyOf type: FeatureType) {
        switch type {
        case .bool: self = .bool([])
        case .int32: self = .int32([])
        case .int64, .timestamp: self = .int64([])
        case .float32: self = .float32([])
        case .float64: self = .float64([])
        case .string, .bytes: self = .text(TextValues())
        case .vector(let dimensions): self = .vector(dimensions: dimensions, [])
        case .listInt64: self = .listInt64(offsets: [0], values: [])
        case .listString: self = .listString(offsets: [0], values: TextValues())
        }
    }
}

/// Texts one after the other: text *i* is `bytes[offsets[i]..<offsets[i + 1]]`.
package struct TextValues: Sendable, Equatable {
    package var offsets: [Int]
    package var bytes: [UInt8]

    package init() {
        offsets = [0]
        bytes = []
    }

    package init(_ texts: [String]) {
        self.init()
        for text in texts { append(text.utf8) }
    }

    package var count: Int { offsets.count - 1 }

    package subscript(row: Int) -> ArraySlice<UInt8> { bytes[offsets[row]..<offsets[row + 1]] }

    package func string(_ row: Int) -> String { String(decoding: self[row], as: UTF8.self) }

    package mutating func append(_ text: some Sequence<UInt8>) {
        bytes.append(contentsOf: text)
        offsets.append(bytes.count)
    }
}

/// Columns of equal length, in order, with their names.
package struct ColumnBatch: Sendable {
    package var names: [String]
    package var columns: [Column]
    package var rowCount: Int

    package init(names: [String], columns: [Column], rowCount: Int) {
        precondition(names.count == columns.count)
        self.names = names
        self.columns = columns
        self.rowCount = rowCount
    }

    package subscript(name: String) -> Column? {
        names.firstIndex(of: name).map { columns[$0] }
    }
}
