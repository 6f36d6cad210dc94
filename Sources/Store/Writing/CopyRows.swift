import Features
package import PointInTime
package import Postgres

/// Columns as the rows of a binary COPY.
///
/// The format is PostgreSQL's: a header, then for each row a 2-byte field count and for each field a 4-byte length (-1 =
/// null) and the value, all big-endian, then -1 as a 2-byte field count.
package struct CopyRows {
    /// A field that has the same value in every row, as PostgreSQL's bytes; `nil` = NULL.
    package enum Field {
        case column(Column)
        case constant([UInt8]?)
    }

    let fields: [Field]

    package init(fields: [Field]) { self.fields = fields }

    /// What every binary COPY begins with.
    static let signature: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0]
    private static let header: [UInt8] = signature + [0, 0, 0, 0, 0, 0, 0, 0]

    /// Runs a COPY of the given rows, in the order given.
    ///
    /// - Parameter target: the statement, `COPY table (columns) FROM STDIN (FORMAT binary)`.
    /// - Throws: the server's error; the transaction is then to be rolled back.
    package func copy(rows: [Int32], into target: String, on connection: Connection) throws(PostgresError) {
        try connection.beginCopyIn(target)
        do {
            try connection.putCopyData(Self.header)
            var start = 0
            while start < rows.count {
                let end = min(rows.count, start + Limits.copyChunkRows)
                let buffer = encode(rows[start..<end])
                try connection.putCopyData(buffer.bytes)
                start = end
            }
            try connection.putCopyData([0xFF, 0xFF])
        } catch {
            connection.cancelCopy("the client failed")
            throw error
        }
        let stored = try connection.endCopy()
        guard stored == rows.count else {
            throw PostgresError(kind: .unexpectedResult, message: "COPY stored \(stored) rows of \(rows.count)")
        }
    }

    private func encode(_ rows: ArraySlice<Int32>) -> RowBuffer {
        var buffer = RowBuffer(rowCount: rows.count)
        buffer.reserve(2)
        for field in fields {
            buffer.reserve(4)
            switch field {
            case .constant(let bytes): buffer.reserve(bytes?.count ?? 0)
            case .column(let column): reserve(column, rows, in: &buffer)
            }
        }
        buffer.allocate()
        for row in 0..<rows.count { buffer.append(Int16(fields.count).bigEndian, row: row) }
        for field in fields {
            switch field {
            case .constant(let bytes): append(bytes, count: rows.count, to: &buffer)
            case .column(let column): append(column, rows, to: &buffer)
            }
        }
        return buffer
    }

    private func append(_ constant: [UInt8]?, count: Int, to buffer: inout RowBuffer) {
        for row in 0..<count {
            buffer.append(Int32(constant?.count ?? -1).bigEndian, row: row)
            constant?.withUnsafeBytes { buffer.append($0, row: row) }
        }
    }

    private func reserve(_ column: Column, _ rows: ArraySlice<Int32>, in buffer: inout RowBuffer) {
        var at = 0
        for row in rows {
            if !column.isNull(Int(row)) { buffer.reserve(valueBytes(column, Int(row)), row: at) }
            at += 1
        }
    }

    /// The length of a value in PostgreSQL's binary format.
    private func valueBytes(_ column: Column, _ row: Int) -> Int {
        switch column.values {
        case .bool: 1
        case .int32, .float32: 4
        case .int64, .float64: 8
        case .text(let values): values.offsets[row + 1] - values.offsets[row]
        case .vector(let dimensions, _): 20 + 8 * dimensions
        case .listInt64(let offsets, _):
            offsets[row + 1] == offsets[row] ? 12 : 20 + 12 * (offsets[row + 1] - offsets[row])
        case .listString(let offsets, let texts):
            offsets[row + 1] == offsets[row]
                ? 12
                : 20 + 4 * (offsets[row + 1] - offsets[row]) + texts.offsets[offsets[row + 1]]
                    - texts.offsets[offsets[row]]
        }
    }

    private func append(_ column: Column, _ rows: ArraySlice<Int32>, to buffer: inout RowBuffer) {
        switch column.values {
        case .bool(let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(1).bigEndian, row: at)
                buffer.append(values[row] ? 1 as UInt8 : 0, row: at)
            }
        case .int32(let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(4).bigEndian, row: at)
                buffer.append(values[row].bigEndian, row: at)
            }
        case .int64(let values):
            let epoch = column.type == .timestamp ? PostgresEpoch.microseconds : 0
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(8).bigEndian, row: at)
                buffer.append((values[row] &- epoch).bigEndian, row: at)
            }
        case .float32(let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(4).bigEndian, row: at)
                buffer.append(values[row].bitPattern.bigEndian, row: at)
            }
        case .float64(let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(8).bigEndian, row: at)
                buffer.append(values[row].bitPattern.bigEndian, row: at)
            }
        case .text(let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                append(values, row, at, to: &buffer)
            }
        case .vector(let dimensions, let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(20 + 8 * dimensions).bigEndian, row: at)
                appendArrayHeader(TypeID.float4, count: dimensions, at, to: &buffer)
                for index in row * dimensions..<(row + 1) * dimensions {
                    buffer.append(Int32(4).bigEndian, row: at)
                    buffer.append(values[index].bitPattern.bigEndian, row: at)
                }
            }
        case .listInt64(let offsets, let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(valueBytes(column, row)).bigEndian, row: at)
                appendArrayHeader(TypeID.int8, count: offsets[row + 1] - offsets[row], at, to: &buffer)
                for index in offsets[row]..<offsets[row + 1] {
                    buffer.append(Int32(8).bigEndian, row: at)
                    buffer.append(values[index].bigEndian, row: at)
                }
            }
        case .listString(let offsets, let values):
            appendEach(column, rows, to: &buffer) { row, at, buffer in
                buffer.append(Int32(valueBytes(column, row)).bigEndian, row: at)
                appendArrayHeader(TypeID.text, count: offsets[row + 1] - offsets[row], at, to: &buffer)
                for index in offsets[row]..<offsets[row + 1] { append(values, index, at, to: &buffer) }
            }
        }
    }

    private func append(_ texts: TextValues, _ index: Int, _ at: Int, to buffer: inout RowBuffer) {
        let range = texts.offsets[index]..<texts.offsets[index + 1]
        buffer.append(Int32(range.count).bigEndian, row: at)
        texts.bytes.withUnsafeBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[range]), row: at) }
    }

    private func appendArrayHeader(_ element: UInt32, count: Int, _ at: Int, to buffer: inout RowBuffer) {
        buffer.append(Int32(count == 0 ? 0 : 1).bigEndian, row: at)
        buffer.append(Int32(0).bigEndian, row: at)
        buffer.append(element.bigEndian, row: at)
        guard count > 0 else { return }
        buffer.append(Int32(count).bigEndian, row: at)
        buffer.append(Int32(1).bigEndian, row: at)
    }

    /// Calls `value(row, row of the buffer, buffer)` for each row that has a value, and writes null for the others.
    @inline(__always)
    private func appendEach(
        _ column: Column,
        _ rows: ArraySlice<Int32>,
        to buffer: inout RowBuffer,
        _ value: (Int, Int, inout RowBuffer) -> Void
    ) {
        var at = 0
        for row in rows {
            if column.isNull(Int(row)) {
                buffer.append(Int32(-1).bigEndian, row: at)
            } else {
                value(Int(row), at, &buffer)
            }
            at += 1
        }
    }
}
