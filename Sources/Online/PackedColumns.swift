package import PointInTime

/// Columns as packed rows in memory of their own: what a reply has that is of no view. They never change.
///
/// Fixed-width values and short texts lie in the rows as ``RowLayout`` has them, longer values one behind another in a
/// second piece of memory: two allocations, however many rows there are.
package final class PackedColumns: @unchecked Sendable {
    // Sendable: nothing is written after `init`.
    package let layout: RowLayout
    package let rowCount: Int
    private let rows: UnsafeMutableRawPointer
    private let values: UnsafeMutableRawPointer
    /// Bytes of ``values`` that are taken.
    private var used = 0

    /// - Parameters:
    ///   - columns: one for each of ``RowLayout/columns``, of its type, with `rowCount` rows.
    ///   - eventTime: µs, of all rows.
    /// - Complexity: O(values + bytes).
    package convenience init(_ columns: [Column], layout: RowLayout, rowCount: Int, eventTime: Int64) {
        self.init(columns, layout: layout, rowCount: rowCount) { _ in eventTime }
    }

    /// - Parameter eventTimes: µs, one a row.
    package convenience init(_ columns: [Column], layout: RowLayout, rowCount: Int, eventTimes: [Int64]) {
        self.init(columns, layout: layout, rowCount: rowCount) { eventTimes[$0] }
    }

    private init(_ columns: [Column], layout: RowLayout, rowCount: Int, eventTime: (Int) -> Int64) {
        precondition(columns.count == layout.columns.count)
        self.layout = layout
        self.rowCount = rowCount
        let bytes = layout.stride * rowCount
        rows = .allocate(byteCount: max(bytes, 1), alignment: 8)
        rows.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        values = .allocate(byteCount: max(Self.longBytes(columns, rowCount), 1), alignment: 8)
        for row in 0..<rowCount { address(row).storeBytes(of: eventTime(row), as: Int64.self) }
        for (place, column) in columns.enumerated() { write(column, place) }
    }

    deinit {
        rows.deallocate()
        values.deallocate()
    }

    /// - Parameter row: below ``rowCount``; what it gives is valid as long as this object.
    package func row(_ row: Int) -> PackedRow { PackedRow(base: UnsafeRawPointer(address(row))) }

    private func address(_ row: Int) -> UnsafeMutableRawPointer {
        precondition(row >= 0 && row < rowCount)
        return rows + row &* layout.stride
    }

    /// What values take that may not fit their slots, at most.
    private static func longBytes(_ columns: [Column], _ rowCount: Int) -> Int {
        columns.reduce(0) { sum, column in
            switch column.values {
            case .text(let texts): sum + texts.bytes.count
            case .listInt64(_, let integers): sum + 8 * integers.count
            case .listString(_, let texts): sum + texts.bytes.count + 4 * texts.count + 4 * rowCount
            case .bool, .int32, .int64, .float32, .float64, .vector: sum
            }
        }
    }

    private func write(_ column: Column, _ place: Int) {
        let offset = layout.columns[place].offset
        switch column.values {
        case .bool(let bools):
            each(column, place) { row, base in
                base.storeBytes(of: bools[row] ? 1 : 0, toByteOffset: offset, as: UInt8.self)
            }
        case .int32(let integers):
            each(column, place) { $1.storeBytes(of: integers[$0], toByteOffset: offset, as: Int32.self) }
        case .int64(let integers):
            each(column, place) { $1.storeBytes(of: integers[$0], toByteOffset: offset, as: Int64.self) }
        case .float32(let floats):
            each(column, place) { $1.storeBytes(of: floats[$0], toByteOffset: offset, as: Float.self) }
        case .float64(let floats):
            each(column, place) { $1.storeBytes(of: floats[$0], toByteOffset: offset, as: Double.self) }
        case .vector(let dimensions, let floats):
            floats.withUnsafeBytes { bytes in
                each(column, place) { row, base in
                    let vector = bytes[row * dimensions * 4..<(row + 1) * dimensions * 4]
                    Self.copy(UnsafeRawBufferPointer(rebasing: vector), to: base + offset)
                }
            }
        case .text(let texts):
            texts.bytes.withUnsafeBytes { bytes in
                each(column, place) { row, base in
                    let text = bytes[texts.offsets[row]..<texts.offsets[row + 1]]
                    Self.copy(UnsafeRawBufferPointer(rebasing: text), to: room(text.count, base + offset))
                }
            }
        case .listInt64(let offsets, let integers):
            integers.withUnsafeBytes { bytes in
                each(column, place) { row, base in
                    let list = bytes[offsets[row] * 8..<offsets[row + 1] * 8]
                    Self.copy(UnsafeRawBufferPointer(rebasing: list), to: room(list.count, base + offset))
                }
            }
        case .listString(let offsets, let texts):
            each(column, place) { row, base in
                writeTexts(texts, offsets[row]..<offsets[row + 1], base + offset)
            }
        }
    }

    /// As ``PackedTexts`` reads them.
    private func writeTexts(_ texts: TextValues, _ list: Range<Int>, _ slot: UnsafeMutableRawPointer) {
        let bytes = 4 + 4 * list.count + texts.offsets[list.upperBound] - texts.offsets[list.lowerBound]
        var place = room(bytes, slot)
        place.storeBytes(of: UInt32(list.count), as: UInt32.self)
        place += 4
        for index in list {
            let text = texts[index]
            place.storeBytes(of: UInt32(text.count), as: UInt32.self)
            place += 4
            text.withUnsafeBytes { Self.copy($0, to: place) }
            place += text.count
        }
    }

    /// Where a value's bytes go: into its slot, or behind the other long ones.
    private func room(_ count: Int, _ slot: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        guard count > VariableSlot.inlineMax else {
            VariableSlot.setInline(slot, count: count)
            return slot
        }
        // Safe: `longBytes` has counted every value.
        let place = values + used
        used += count
        VariableSlot.setHeap(slot, place, count: count)
        return place
    }

    /// Calls `body` with the rows that have a value, and marks the others.
    @inline(__always)
    private func each(_ column: Column, _ place: Int, _ body: (Int, UnsafeMutableRawPointer) -> Void) {
        for row in 0..<rowCount {
            let base = rows + row &* layout.stride
            if column.isNull(row) {
                let nulls = base + RowLayout.nullsOffset + place &>> 3
                let bit: UInt8 = 1 &<< UInt8(truncatingIfNeeded: place & 7)
                nulls.storeBytes(of: nulls.load(as: UInt8.self) | bit, as: UInt8.self)
            } else {
                body(row, base)
            }
        }
    }

    private static func copy(_ source: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer) {
        if let start = source.baseAddress { place.copyMemory(from: start, byteCount: source.count) }
    }
}
