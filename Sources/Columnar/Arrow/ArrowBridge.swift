import CArrow
import Features
import Glibc
import PointInTime

extension asof_failure {
    /// The reason, after which the failure has none.
    mutating func takeReason() -> String {
        defer {
            free(reason)
            reason = nil
        }
        return reason.map { String(cString: $0) } ?? "unknown error"
    }

    mutating func takeValue() -> String {
        defer {
            free(value)
            value = nil
        }
        return value.map { String(cString: $0) } ?? ""
    }
}

extension asof_type {
    init(_ type: FeatureType) {
        switch type {
        case .bool: self.init(kind: ASOF_BOOL, dimensions: 0, rounds_up: false)
        case .int32: self.init(kind: ASOF_INT32, dimensions: 0, rounds_up: false)
        case .int64: self.init(kind: ASOF_INT64, dimensions: 0, rounds_up: false)
        case .float32: self.init(kind: ASOF_FLOAT32, dimensions: 0, rounds_up: false)
        case .float64: self.init(kind: ASOF_FLOAT64, dimensions: 0, rounds_up: false)
        case .string: self.init(kind: ASOF_STRING, dimensions: 0, rounds_up: false)
        case .bytes: self.init(kind: ASOF_BYTES, dimensions: 0, rounds_up: false)
        case .timestamp: self.init(kind: ASOF_TIMESTAMP, dimensions: 0, rounds_up: false)
        case .vector(let dimensions): self.init(kind: ASOF_VECTOR, dimensions: Int32(dimensions), rounds_up: false)
        case .listInt64: self.init(kind: ASOF_LIST_INT64, dimensions: 0, rounds_up: false)
        case .listString: self.init(kind: ASOF_LIST_STRING, dimensions: 0, rounds_up: false)
        }
    }
}

extension FeatureType {
    /// - Returns: `nil` for vectors of a length that is not allowed.
    init?(_ type: asof_type) {
        switch type.kind {
        case ASOF_BOOL: self = .bool
        case ASOF_INT32: self = .int32
        case ASOF_INT64: self = .int64
        case ASOF_FLOAT32: self = .float32
        case ASOF_FLOAT64: self = .float64
        case ASOF_STRING: self = .string
        case ASOF_BYTES: self = .bytes
        case ASOF_TIMESTAMP: self = .timestamp
        case ASOF_VECTOR:
            guard type.dimensions > 0, type.dimensions <= DefinitionLimits.vectorDimensionsMax else { return nil }
            self = .vector(Int(type.dimensions))
        case ASOF_LIST_INT64: self = .listInt64
        case ASOF_LIST_STRING: self = .listString
        default: return nil
        }
    }
}

extension asof_format {
    init(_ format: FileFormat) {
        switch format {
        case .parquet: self = ASOF_PARQUET
        case .arrow: self = ASOF_IPC
        case .csv, .jsonLines: preconditionFailure("not a format of Arrow's here")
        }
    }
}

extension asof_time_unit {
    init(_ unit: TimeUnit?) {
        switch unit {
        case .s: self = ASOF_UNIT_S
        case .ms: self = ASOF_UNIT_MS
        case .us: self = ASOF_UNIT_US
        case .ns: self = ASOF_UNIT_NS
        case nil: self = ASOF_UNIT_NONE
        }
    }
}

extension Column {
    /// A copy of the first `rowCount` rows of `flat`, which has at least as many.
    init(copying flat: asof_column, type: FeatureType, rowCount: Int) {
        let validity = flat.validity.map { flags in
            // Safe: `flags` points to a byte a row, each 0 or 1, which is what a Bool is.
            [Bool](unsafeUninitializedCapacity: rowCount) { slots, count in
                UnsafeMutableRawBufferPointer(slots).copyMemory(
                    from: UnsafeRawBufferPointer(start: flags, count: rowCount)
                )
                count = rowCount
            }
        }
        let values: Values
        switch type {
        case .bool: values = .bool(Self.copy(flat.values, rowCount))
        case .int32: values = .int32(Self.copy(flat.values, rowCount))
        case .int64, .timestamp: values = .int64(Self.copy(flat.values, rowCount))
        case .float32: values = .float32(Self.copy(flat.values, rowCount))
        case .float64: values = .float64(Self.copy(flat.values, rowCount))
        case .string, .bytes: values = .text(Self.texts(flat.offsets, flat.bytes, rowCount))
        case .vector(let dimensions):
            values = .vector(dimensions: dimensions, Self.copy(flat.values, rowCount * dimensions))
        case .listInt64:
            let offsets: [Int] = Self.copy(flat.offsets, rowCount + 1)
            values = .listInt64(offsets: offsets, values: Self.copy(flat.values, offsets[rowCount]))
        case .listString:
            let offsets: [Int] = Self.copy(flat.offsets, rowCount + 1)
            values = .listString(
                offsets: offsets,
                values: Self.texts(flat.element_offsets, flat.bytes, offsets[rowCount])
            )
        }
        let movedNs: [UInt16]? = flat.moved_ns.map { Self.copy($0, rowCount) }
        self.init(type: type, validity: validity, values: values, movedNs: movedNs)
    }

    private static func texts(
        _ offsets: UnsafePointer<Int64>?,
        _ bytes: UnsafePointer<UInt8>?,
        _ count: Int
    ) -> TextValues {
        var texts = TextValues()
        texts.offsets = copy(offsets, count + 1)
        texts.bytes = copy(bytes, texts.offsets[count])
        return texts
    }

    /// Safe: the C side promises `count` values of `Element`'s layout at `start`, which is null only for none.
    private static func copy<Element: BitwiseCopyable>(_ start: UnsafeRawPointer?, _ count: Int) -> [Element] {
        guard let start, count > 0 else { return [] }
        return [Element](unsafeUninitializedCapacity: count) { slots, initialized in
            UnsafeMutableRawBufferPointer(slots).copyMemory(
                from: UnsafeRawBufferPointer(start: start, count: count * MemoryLayout<Element>.stride)
            )
            initialized = count
        }
    }
}
