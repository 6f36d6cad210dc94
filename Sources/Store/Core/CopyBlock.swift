import Features
import PointInTime
import Postgres

/// Rows of a binary COPY on their way into columns: first bytes are collected row by row, then read column by column.
///
/// Each row has a read cursor, which each column moves over its field; so the loops over values know their type.
struct CopyBlock {
    let types: [FeatureType]
    private var bytes: [UInt8] = []
    /// Where each row's next field begins in `bytes`, and after the last row the end.
    private var cursors: [Int] = [0]

    init(types: [FeatureType]) { self.types = types }

    var rowCount: Int { cursors.count - 1 }
    var byteCount: Int { bytes.count }

    /// The length of the header that `bytes` begin with.
    /// - Throws: where they do not.
    static func headerBytes(_ bytes: UnsafeRawBufferPointer) throws(StoreError) -> Int {
        guard bytes.count >= 19, bytes.prefix(11).elementsEqual(CopyRows.signature) else {
            throw .conflict("PostgreSQL's COPY does not begin as the binary format does")
        }
        let extra = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 15, as: UInt32.self)))
        guard extra <= bytes.count - 19 else { throw .conflict("the header of PostgreSQL's COPY is cut short") }
        return 19 + extra
    }

    mutating func append(_ row: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: row)
        cursors.append(bytes.count)
    }

    /// The rows as columns, after which the block is empty; its memory is used again.
    mutating func takeColumns() throws(StoreError) -> [Column] {
        var columns: [Column] = []
        let rowCount = rowCount
        // The end of a row is the start of the next, which its own cursor leaves.
        let ends = Array(cursors.dropFirst())
        for row in 0..<rowCount { cursors[row] += 2 }
        for (index, type) in types.enumerated() {
            let column: Column? = bytes.withUnsafeBytes { bytes in
                cursors.withUnsafeMutableBufferPointer { cursors in
                    let cursors = UnsafeMutableBufferPointer(rebasing: cursors[..<rowCount])
                    var fields = Fields(bytes: bytes, cursors: cursors, ends: ends)
                    return fields.column(type)
                }
            }
            guard let column else {
                throw .conflict("field \(index + 1) of PostgreSQL's COPY is no \(type.text), or is cut short")
            }
            columns.append(column)
        }
        guard (0..<rowCount).allSatisfy({ cursors[$0] == ends[$0] }) else {
            throw .conflict("PostgreSQL's COPY has more than \(types.count) fields a row")
        }
        bytes.removeAll(keepingCapacity: true)
        cursors.removeAll(keepingCapacity: true)
        cursors.append(0)
        return columns
    }
}

/// One field of every row. Every result is `nil` where a field is not of the type or a row is cut short.
private struct Fields {
    let bytes: UnsafeRawBufferPointer
    let cursors: UnsafeMutableBufferPointer<Int>
    let ends: [Int]
    /// As ``Column/validity``: made when the first null is met.
    private(set) var validity: [Bool]?

    init(bytes: UnsafeRawBufferPointer, cursors: UnsafeMutableBufferPointer<Int>, ends: [Int]) {
        self.bytes = bytes
        self.cursors = cursors
        self.ends = ends
    }

    mutating func column(_ type: FeatureType) -> Column? {
        let values: Column.Values?
        switch type {
        case .bool: values = fixed(false, UInt8.self) { $0 == 1 }.map { .bool($0) }
        case .int32: values = fixed(0, Int32.self) { $0 }.map { .int32($0) }
        case .int64: values = fixed(0, Int64.self) { $0 }.map { .int64($0) }
        case .timestamp: values = fixed(0, Int64.self) { $0 &+ PostgresEpoch.microseconds }.map { .int64($0) }
        case .float32: values = fixed(0, UInt32.self) { Float(bitPattern: $0) }.map { .float32($0) }
        case .float64: values = fixed(0, UInt64.self) { Double(bitPattern: $0) }.map { .float64($0) }
        case .string, .bytes: values = texts().map { .text($0) }
        case .vector(let dimensions): values = vectors(dimensions).map { .vector(dimensions: dimensions, $0) }
        case .listInt64: values = integerLists().map { .listInt64(offsets: $0, values: $1) }
        case .listString: values = textLists().map { .listString(offsets: $0, values: $1) }
        }
        return values.map { Column(type: type, validity: validity, values: $0) }
    }

    /// Moves a row's cursor over its field. Sets `isNull` for a null, whose range is empty.
    /// - Returns: `nil` where the row has no such field.
    @inline(__always)
    private mutating func next(_ row: Int, isNull: inout Bool) -> Range<Int>? {
        let start = cursors[row]
        guard start + 4 <= ends[row] else { return nil }
        let count = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: Int32.self)))
        isNull = count < 0
        if count < 0 {
            if validity == nil { validity = [Bool](repeating: true, count: cursors.count) }
            validity?[row] = false
            cursors[row] = start + 4
            return count == -1 ? start + 4..<start + 4 : nil
        }
        guard count <= ends[row] - start - 4 else { return nil }
        cursors[row] = start + 4 + count
        return start + 4..<start + 4 + count
    }

    /// Big-endian integers of a fixed width, converted.
    @inline(__always)
    mutating func fixed<Wire: FixedWidthInteger & BitwiseCopyable, Element>(
        _ zero: Element,
        _ wire: Wire.Type,
        _ convert: (Wire) -> Element
    ) -> [Element]? {
        var values = [Element](repeating: zero, count: cursors.count)
        var isNull = false
        for row in 0..<cursors.count {
            guard let range = next(row, isNull: &isNull) else { return nil }
            if isNull { continue }
            guard range.count == MemoryLayout<Wire>.size else { return nil }
            values[row] = convert(Wire(bigEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: Wire.self)))
        }
        return values
    }

    mutating func texts() -> TextValues? {
        var texts = TextValues()
        texts.offsets.reserveCapacity(cursors.count + 1)
        var isNull = false
        for row in 0..<cursors.count {
            guard let range = next(row, isNull: &isNull) else { return nil }
            texts.bytes.append(contentsOf: bytes[range])
            texts.offsets.append(texts.bytes.count)
        }
        return texts
    }

    mutating func vectors(_ dimensions: Int) -> [Float]? {
        var values: [Float] = []
        values.reserveCapacity(cursors.count * dimensions)
        var isNull = false
        for row in 0..<cursors.count {
            guard let range = next(row, isNull: &isNull) else { return nil }
            if isNull {
                values.append(contentsOf: repeatElement(0, count: dimensions))
                continue
            }
            guard var elements = ArrayElements(bytes[range]), elements.count == dimensions else { return nil }
            for _ in 0..<dimensions {
                guard let element = elements.next(), element.count == 4 else { return nil }
                values.append(Float(bitPattern: UInt32(bigEndian: element.loadUnaligned(as: UInt32.self))))
            }
        }
        return values
    }

    mutating func integerLists() -> ([Int], [Int64])? {
        var offsets = [0]
        var values: [Int64] = []
        offsets.reserveCapacity(cursors.count + 1)
        var isNull = false
        for row in 0..<cursors.count {
            guard let range = next(row, isNull: &isNull) else { return nil }
            if !isNull {
                guard var elements = ArrayElements(bytes[range]) else { return nil }
                for _ in 0..<elements.count {
                    guard let element = elements.next(), element.count == 8 else { return nil }
                    values.append(Int64(bigEndian: element.loadUnaligned(as: Int64.self)))
                }
            }
            offsets.append(values.count)
        }
        return (offsets, values)
    }

    mutating func textLists() -> ([Int], TextValues)? {
        var offsets = [0]
        var values = TextValues()
        offsets.reserveCapacity(cursors.count + 1)
        var isNull = false
        for row in 0..<cursors.count {
            guard let range = next(row, isNull: &isNull) else { return nil }
            if !isNull {
                guard var elements = ArrayElements(bytes[range]) else { return nil }
                for _ in 0..<elements.count {
                    guard let element = elements.next() else { return nil }
                    values.append(element)
                }
            }
            offsets.append(values.count)
        }
        return (offsets, values)
    }
}

/// The elements of a one-dimensional array without nulls, in PostgreSQL's binary format.
struct ArrayElements {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 20
    let count: Int

    /// - Returns: `nil` where the bytes are no such array.
    init?(_ slice: Slice<UnsafeRawBufferPointer>) {
        bytes = UnsafeRawBufferPointer(rebasing: slice)
        guard bytes.count >= 12 else { return nil }
        let dimensions = Int32(bigEndian: bytes.loadUnaligned(as: Int32.self))
        if dimensions == 0 {
            count = 0
            return
        }
        guard dimensions == 1, bytes.count >= 20 else { return nil }
        let elements = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self)))
        guard elements >= 0, elements <= (bytes.count - 20) / 4 else { return nil }
        count = elements
    }

    /// - Returns: `nil` for a null and where the array is cut short.
    mutating func next() -> UnsafeRawBufferPointer? {
        guard offset + 4 <= bytes.count else { return nil }
        let length = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        offset += 4
        guard length >= 0, length <= bytes.count - offset else { return nil }
        defer { offset += length }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
    }
}
