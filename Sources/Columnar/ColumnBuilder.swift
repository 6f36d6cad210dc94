import Features
import PointInTime

/// A column while its rows come in.
///
/// Of the arrays only those that ``type`` needs are used; they are plain fields, not an enum's payload, so that loops
/// write into them in place.
struct ColumnBuilder {
    let type: FeatureType
    /// Where the column passes through: its type, of which ``type`` is the carrier.
    let passed: PassedType?
    /// As ``ColumnRequest/keepsNul``.
    let keepsNul: Bool
    /// One flag a row.
    var validity: [Bool] = []
    var nullCount = 0
    var bools: [Bool] = []
    var int32s: [Int32] = []
    var int64s: [Int64] = []
    var floats: [Float] = []
    var doubles: [Double] = []
    var texts = TextValues()
    /// Lists: row *i* is elements `offsets[i]..<offsets[i + 1]` of ``int64s`` or ``texts``.
    var offsets: [Int] = [0]
    /// Of times that were moved: rows and how far, ascending.
    private var moved: [(row: Int, ns: UInt16)] = []

    init(type: FeatureType, passed: PassedType? = nil, keepsNul: Bool = false) {
        self.type = type
        self.passed = passed
        self.keepsNul = keepsNul
    }

    var rowCount: Int { validity.count }

    /// Appends the slot of a null to the values of a variable type, or to a vector's; not to ``validity``.
    mutating func appendEmpty() {
        switch type {
        case .string, .bytes: texts.offsets.append(texts.bytes.count)
        case .vector(let dimensions): floats.append(contentsOf: repeatElement(0, count: dimensions))
        case .listInt64, .listString: offsets.append(offsets.last ?? 0)
        case .bool, .int32, .int64, .float32, .float64, .timestamp: preconditionFailure("of fixed length")
        }
    }

    mutating func appendNull() {
        validity.append(false)
        nullCount += 1
        appendNullSlot()
    }

    /// Appends the slot of a null to the values; not to ``validity``.
    mutating func appendNullSlot() {
        switch type {
        case .bool: bools.append(false)
        case .int32: int32s.append(0)
        case .int64, .timestamp: int64s.append(0)
        case .float32: floats.append(0)
        case .float64: doubles.append(0)
        case .string, .bytes, .vector, .listInt64, .listString: appendEmpty()
        }
    }

    /// Notes how far the time of a row was moved; rows ascend.
    mutating func noteMoved(_ row: Int, _ ns: UInt16) { moved.append((row, ns)) }

    /// Appends a time.
    mutating func append(_ time: RoundedTime) {
        if time.movedNs > 0 { noteMoved(rowCount, time.movedNs) }
        int64s.append(time.microseconds)
        validity.append(true)
    }

    /// Drops the rows from `count` on.
    mutating func truncate(to count: Int) {
        guard count < rowCount else { return }
        for row in count..<rowCount where !validity[row] { nullCount -= 1 }
        validity.removeLast(validity.count - count)
        while let last = moved.last, last.row >= count { moved.removeLast() }
        switch type {
        case .bool: bools.removeLast(bools.count - count)
        case .int32: int32s.removeLast(int32s.count - count)
        case .int64, .timestamp: int64s.removeLast(int64s.count - count)
        case .float32: floats.removeLast(floats.count - count)
        case .float64: doubles.removeLast(doubles.count - count)
        case .string, .bytes: texts.truncate(to: count)
        case .vector(let dimensions): floats.removeLast(floats.count - count * dimensions)
        case .listInt64:
            int64s.removeLast(int64s.count - offsets[count])
            offsets.removeLast(offsets.count - 1 - count)
        case .listString:
            texts.truncate(to: offsets[count])
            offsets.removeLast(offsets.count - 1 - count)
        }
    }

    consuming func finish() -> Column {
        let values: Column.Values
        switch type {
        case .bool: values = .bool(bools)
        case .int32: values = .int32(int32s)
        case .int64, .timestamp: values = .int64(int64s)
        case .float32: values = .float32(floats)
        case .float64: values = .float64(doubles)
        case .string, .bytes: values = .text(texts)
        case .vector(let dimensions): values = .vector(dimensions: dimensions, floats)
        case .listInt64: values = .listInt64(offsets: offsets, values: int64s)
        case .listString: values = .listString(offsets: offsets, values: texts)
        }
        var movedNs: [UInt16]?
        if !moved.isEmpty {
            var all = [UInt16](repeating: 0, count: validity.count)
            for (row, ns) in moved { all[row] = ns }
            movedNs = all
        }
        return Column(type: type, validity: nullCount == 0 ? nil : validity, values: values, movedNs: movedNs)
    }
}

extension TextValues {
    mutating func truncate(to count: Int) {
        bytes.removeLast(bytes.count - offsets[count])
        offsets.removeLast(offsets.count - 1 - count)
    }

    mutating func append(span: Span<UInt8>) {
        // Safe: the pointer is used only within the closure.
        span.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        offsets.append(bytes.count)
    }
}
