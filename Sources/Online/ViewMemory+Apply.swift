import Features
package import PointInTime

extension ViewMemory {
    /// Rows that are applied under one hold of the lock.
    package static let rowsPerHold = 256

    /// Takes the rows of a commit: for each entity the latest stays.
    ///
    /// Any order of commits, and the same commit again, lead to the same memory. A newer row without retired columns makes
    /// them null, as in the online table.
    /// - Parameter rows: the view's own columns, or all of ``RowLayout/columns``.
    /// - Returns: how many rows were late: older than what was there.
    @discardableResult
    package func apply(_ rows: ViewRows, position: Int64) -> Int { apply(rows, position: position, positions: nil) }

    /// As ``apply(_:position:)``, where each row has a position of its own.
    package func apply(_ rows: ViewRows, positions: [Int64]) { _ = apply(rows, position: 0, positions: positions) }

    private func apply(_ rows: ViewRows, position: Int64, positions: [Int64]?) -> Int {
        precondition(rows.features.count == layout.featureCount || rows.features.count == layout.columns.count)
        precondition(rows.keys.count == layout.keys.count)
        var start = 0
        var late = 0
        while start < rows.rowCount {
            let end = min(start + Self.rowsPerHold, rows.rowCount)
            late += change { table, figures in
                ColumnApplier(rows: rows, range: start..<end, position: position, positions: positions)
                    .apply(&table, &figures)
            }
            start = end
        }
        return late
    }
}

extension RowTable {
    /// Gives a row its head, if an incoming one is newer.
    /// - Returns: whether it is.
    func takeHead(
        _ base: UnsafeMutableRawPointer,
        eventTime: Int64,
        position: Int64,
        isDeleted: Bool,
        _ figures: inout ViewMemory.Figures
    ) -> Bool {
        guard isNewer(eventTime, position, than: base) else { return false }
        if PackedRow(base: base).isDeleted { figures.tombstones -= 1 }
        if isDeleted { figures.tombstones += 1 }
        if eventTime > figures.newest ?? .min { figures.newest = eventTime }
        setHead(base, eventTime: eventTime, position: position, isDeleted: isDeleted)
        return true
    }

    mutating func setNull(_ column: Int, row: UInt32) {
        let base = address(row)
        if layout.columns[column].type.isVariableWidth {
            _ = room(0, row: row, column: UInt32(column), offset: layout.columns[column].offset)
        }
        setNull(column, base)
    }
}

/// Applies a range of rows that lie in columns: first every row's head, then column by column.
private struct ColumnApplier {
    let rows: ViewRows
    let range: Range<Int>
    let position: Int64
    /// One a row, where they differ.
    let positions: [Int64]?

    /// - Returns: how many rows were older than what was there.
    func apply(_ table: inout RowTable, _ figures: inout ViewMemory.Figures) -> Int {
        /// Incoming rows that win, with their rows in the table. Of two of one entity the later one overwrites.
        var winners: [(from: Int, row: UInt32)] = []
        winners.reserveCapacity(range.count)
        let times = rows.eventTimeValues
        let deleted: [Bool]? =
            if case .bool(let values)? = rows.isDeleted?.values { values } else { nil }
        var key = EntityKey(table.layout.keys)
        for from in range {
            let row = row(from, &table, &key)
            let isNewer = table.takeHead(
                table.address(row),
                eventTime: times[from],
                position: positions?[from] ?? position,
                isDeleted: deleted?[from] ?? false,
                &figures
            )
            if isNewer { winners.append((from, row)) }
        }
        for (column, values) in rows.features.enumerated() { write(values, column, winners, &table) }
        for column in rows.features.count..<table.layout.columns.count {
            for winner in winners { table.setNull(column, row: winner.row) }
        }
        return range.count - winners.count
    }

    private func row(_ from: Int, _ table: inout RowTable, _ key: inout EntityKey) -> UInt32 {
        if table.layout.keyForm == .int64, case .int64(let values) = rows.keys[0].values {
            return table.row(for: values[from])
        }
        key.reset()
        for column in rows.keys { key.append(column, from) }
        return key.bytes.withUnsafeBytes { table.row(for: $0) }
    }

    private func write(
        _ values: Column,
        _ column: Int,
        _ winners: [(from: Int, row: UInt32)],
        _ table: inout RowTable
    ) {
        let offset = table.layout.columns[column].offset
        switch values.values {
        case .bool(let bools):
            each(values, column, winners, &table) { from, row, table in
                table.address(row).storeBytes(of: bools[from] ? 1 : 0, toByteOffset: offset, as: UInt8.self)
            }
        case .int32(let integers):
            each(values, column, winners, &table) { from, row, table in
                table.address(row).storeBytes(of: integers[from], toByteOffset: offset, as: Int32.self)
            }
        case .int64(let integers):
            each(values, column, winners, &table) { from, row, table in
                table.address(row).storeBytes(of: integers[from], toByteOffset: offset, as: Int64.self)
            }
        case .float32(let floats):
            each(values, column, winners, &table) { from, row, table in
                table.address(row).storeBytes(of: floats[from], toByteOffset: offset, as: Float.self)
            }
        case .float64(let floats):
            each(values, column, winners, &table) { from, row, table in
                table.address(row).storeBytes(of: floats[from], toByteOffset: offset, as: Double.self)
            }
        case .text(let texts):
            each(values, column, winners, &table) { from, row, table in
                texts.bytes.withUnsafeBytes { bytes in
                    let text = UnsafeRawBufferPointer(rebasing: bytes[texts.offsets[from]..<texts.offsets[from + 1]])
                    table.setBytes(text, row: row, column: UInt32(column), offset: offset)
                }
            }
        case .vector(let dimensions, let floats):
            each(values, column, winners, &table) { from, row, table in
                floats.withUnsafeBytes { bytes in
                    let vector = bytes[from * dimensions * 4..<(from + 1) * dimensions * 4]
                    (table.address(row) + offset).copyMemory(from: UnsafeRawBufferPointer(rebasing: vector))
                }
            }
        case .listInt64(let offsets, let integers):
            each(values, column, winners, &table) { from, row, table in
                integers.withUnsafeBytes { bytes in
                    let list = UnsafeRawBufferPointer(rebasing: bytes[offsets[from] * 8..<offsets[from + 1] * 8])
                    table.setBytes(list, row: row, column: UInt32(column), offset: offset)
                }
            }
        case .listString(let offsets, let texts):
            each(values, column, winners, &table) { from, row, table in
                let list = offsets[from]..<offsets[from + 1]
                let bytes = 4 + 4 * list.count + texts.offsets[list.upperBound] - texts.offsets[list.lowerBound]
                var place = table.room(bytes, row: row, column: UInt32(column), offset: offset)
                place.storeBytes(of: UInt32(list.count), as: UInt32.self)
                place += 4
                for index in list {
                    let text = texts[index]
                    place.storeBytes(of: UInt32(text.count), as: UInt32.self)
                    place += 4
                    text.withUnsafeBytes {
                        if let source = $0.baseAddress { place.copyMemory(from: source, byteCount: $0.count) }
                    }
                    place += text.count
                }
            }
        }
    }

    @inline(__always)
    private func each(
        _ values: Column,
        _ column: Int,
        _ winners: [(from: Int, row: UInt32)],
        _ table: inout RowTable,
        _ store: (Int, UInt32, inout RowTable) -> Void
    ) {
        for (from, row) in winners {
            if values.isNull(from) {
                table.setNull(column, row: row)
            } else {
                store(from, row, &table)
                table.setPresent(column, table.address(row))
            }
        }
    }
}

extension UnsafeMutableRawPointer {
    fileprivate func copyMemory(from source: UnsafeRawBufferPointer) {
        if let start = source.baseAddress { copyMemory(from: start, byteCount: source.count) }
    }
}
