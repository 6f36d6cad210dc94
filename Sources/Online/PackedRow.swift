package import Features

/// One row as ``RowLayout`` lays it, in place: valid only while its view's memory is locked for reading.
///
/// Readers ask ``isNull(_:)`` first; a null column's bytes are zero or what was there before.
package struct PackedRow {
    package let base: UnsafeRawPointer

    @inlinable
    package init(base: UnsafeRawPointer) { self.base = base }

    enum Flags {
        static let deleted: UInt8 = 1
        /// The row's place is free: it belongs to no entity.
        static let free: UInt8 = 0x80
    }

    /// µs since 1970-01-01 UTC.
    @inlinable
    package var eventTime: Int64 { base.load(as: Int64.self) }

    /// Stands for the event time of a row that is computed of no event.
    @inlinable
    package static var noEventTime: Int64 { .min }

    /// ``eventTime``; `nil` where the row is computed of no event.
    package var knownEventTime: Int64? { eventTime == Self.noEventTime ? nil : eventTime }

    /// The commit that brought the row, or a later one at which it was loaded.
    @inlinable
    package var position: Int64 { base.load(fromByteOffset: 8, as: Int64.self) }

    /// A tombstone: from its event time on the entity has no values.
    @inlinable
    package var isDeleted: Bool { base.load(fromByteOffset: 16, as: UInt8.self) & 1 != 0 }

    package var isFree: Bool { base.load(fromByteOffset: RowLayout.flagsOffset, as: UInt8.self) & Flags.free != 0 }

    /// - Parameter column: its place in ``RowLayout/columns``.
    @inlinable
    package func isNull(_ column: Int) -> Bool {
        (base.load(fromByteOffset: 17 &+ column &>> 3, as: UInt8.self) &>> UInt8(truncatingIfNeeded: column & 7)) & 1
            != 0
    }

    /// Whether one of the first columns is null, eight at a time.
    @inlinable
    package func hasNulls(columnCount: Int) -> Bool {
        for byte in 0..<(columnCount &+ 7) &>> 3 where base.load(fromByteOffset: 17 &+ byte, as: UInt8.self) != 0 {
            return true
        }
        return false
    }

    /// A bool, int32, int64, timestamp (µs), float32 or float64.
    /// - Parameter offset: ``RowLayout/Column/offset`` of a column of that type.
    @inlinable
    package func load<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value {
        base.load(fromByteOffset: offset, as: type)
    }

    @inlinable
    package func bool(_ offset: Int) -> Bool { base.load(fromByteOffset: offset, as: UInt8.self) != 0 }

    /// The floats of a vector, little-endian as the machine has them.
    @inlinable
    package func vector(_ offset: Int, dimensions: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + offset, count: dimensions &* 4)
    }

    /// A string's or bytes' value, or a list's, see ``PackedTexts`` and ``integers(_:)``.
    /// - Parameter offset: of a column with a ``VariableSlot``.
    @inlinable
    package func bytes(_ offset: Int) -> UnsafeRawBufferPointer { VariableSlot.value(base + offset) }

    /// The elements of a list(int64): 8 bytes each, not aligned.
    @inlinable
    package func integers(_ offset: Int) -> UnsafeRawBufferPointer { VariableSlot.value(base + offset) }

    /// The elements of a list(string).
    @inlinable
    package func texts(_ offset: Int) -> PackedTexts { PackedTexts(VariableSlot.value(base + offset)) }

    /// A column's value, boxed.
    package func value(_ column: Int, _ layout: RowLayout) -> Value {
        if isNull(column) { return .null }
        let (offset, type) = (layout.columns[column].offset, layout.columns[column].type)
        switch type {
        case .bool: return .bool(bool(offset))
        case .int32: return .int32(load(offset, as: Int32.self))
        case .int64: return .int64(load(offset, as: Int64.self))
        case .timestamp: return .timestamp(Timestamp(microseconds: load(offset, as: Int64.self)))
        case .float32: return .float32(load(offset, as: Float.self))
        case .float64: return .float64(load(offset, as: Double.self))
        case .string: return .string(String(decoding: bytes(offset), as: UTF8.self))
        case .bytes: return .bytes(Array(bytes(offset)))
        case .vector(let dimensions):
            let floats = vector(offset, dimensions: dimensions)
            return .vector((0..<dimensions).map { floats.load(fromByteOffset: $0 * 4, as: Float.self) })
        case .listInt64:
            let integers = integers(offset)
            return .listInt64(
                (0..<integers.count / 8).map { integers.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self) }
            )
        case .listString:
            var elements: [String] = []
            var texts = texts(offset)
            while let text = texts.next() { elements.append(String(decoding: text, as: UTF8.self)) }
            return .listString(elements)
        }
    }

    /// The entity's keys, in the order of ``RowLayout/keys``.
    package func keys(_ layout: RowLayout) -> [Value] {
        guard layout.keyForm == .bytes else { return [.int64(load(layout.keyOffset, as: Int64.self))] }
        return EntityKey.values(bytes(layout.keyOffset), layout.keys)
    }
}

/// The elements of a list(string) in memory: their number, then each with its length before it, as UInt32.
package struct PackedTexts: IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var offset = 4
    /// Elements that ``next()`` has not given yet.
    package private(set) var remaining: Int

    package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        remaining = bytes.count < 4 ? 0 : Int(bytes.loadUnaligned(as: UInt32.self))
    }

    /// - Returns: the next element, UTF-8.
    package mutating func next() -> UnsafeRawBufferPointer? {
        guard remaining > 0 else { return nil }
        remaining -= 1
        let start = offset + 4
        let end = start + Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        offset = end
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }
}
