import NIOCore
import Online
import Wire

/// Rows as values of RESP.
extension RowPlan {
    /// Writes the values of one row, in the plan's order, without a header.
    /// - Parameters:
    ///   - rows: one row a role; `nil` = all its values are null.
    ///   - isNamed: whether each value follows its name.
    /// - Complexity: O(columns + bytes); one reservation of the buffer.
    func writeText(
        _ rows: UnsafePointer<UnsafeRawPointer?>,
        isNamed: Bool,
        to reply: inout ReplyWriter
    ) {
        let isBulk = reply.version == .resp2
        var room = isNamed ? namedTextBytesMax : textBytesMax
        if hasVariableWidth { room += variableBytesMax(rows) }
        let count = hasVariableWidth ? valuesMax(rows) : fields.count
        reply.values(isNamed ? count + fields.count : count, bytesMax: room) { memory in
            guard let start = memory.baseAddress else { return 0 }
            // Safe: `room` counts the most that each value, name and the slack take.
            var cursor = ReplyCursor(start)
            fields.withUnsafeBufferPointer { fields in
                names.withUnsafeBytes { names in
                    guard let nameBytes = names.baseAddress else { return }
                    if isFloat64 {
                        Self.writeFloats(fields, rows, isNamed ? nameBytes : nil, isBulk, &cursor)
                    } else {
                        for field in fields {
                            if isNamed { cursor.padded(nameBytes + field.nameOffset, count: field.nameCount) }
                            Self.writeText(field, rows[field.role], isBulk, &cursor)
                        }
                    }
                }
            }
            assert(cursor.distance(from: start) <= room - ReplyCursor.slack)
            return cursor.distance(from: start)
        }
    }

    /// Rows of float64 only: no look at types.
    private static func writeFloats(
        _ fields: UnsafeBufferPointer<Field>,
        _ rows: UnsafePointer<UnsafeRawPointer?>,
        _ names: UnsafeRawPointer?,
        _ isBulk: Bool,
        _ cursor: inout ReplyCursor
    ) {
        var cursorHere = cursor
        for field in fields {
            if let names { cursorHere.padded(names + field.nameOffset, count: field.nameCount) }
            if let base = rows[field.role], !field.isNull(base) {
                cursorHere.double(base.load(fromByteOffset: field.offset, as: Double.self), isBulk: isBulk)
            } else {
                cursorHere.null(isBulk: isBulk)
            }
        }
        cursor = cursorHere
    }

    @inline(__always)
    private static func writeText(
        _ field: Field,
        _ base: UnsafeRawPointer?,
        _ isBulk: Bool,
        _ cursor: inout ReplyCursor
    ) {
        guard let base, !field.isNull(base) else { return cursor.null(isBulk: isBulk) }
        switch field.kind {
        case .bool: cursor.bool(PackedRow(base: base).bool(field.offset), isBulk: isBulk)
        case .int32:
            cursor.header(UInt8(ascii: ":"), Int64(base.load(fromByteOffset: field.offset, as: Int32.self)))
        case .int64: cursor.header(UInt8(ascii: ":"), base.load(fromByteOffset: field.offset, as: Int64.self))
        case .float32: cursor.float(base.load(fromByteOffset: field.offset, as: Float.self), isBulk: isBulk)
        case .float64: cursor.double(base.load(fromByteOffset: field.offset, as: Double.self), isBulk: isBulk)
        case .vector: writeBulk(PackedRow(base: base).vector(field.offset, dimensions: field.dimensions), &cursor)
        case .bytes: writeBulk(PackedRow(base: base).bytes(field.offset), &cursor)
        case .listInt64:
            let integers = PackedRow(base: base).integers(field.offset)
            cursor.header(UInt8(ascii: "*"), Int64(integers.count / 8))
            for index in 0..<integers.count / 8 {
                let value = integers.loadUnaligned(fromByteOffset: index &* 8, as: Int64.self)
                cursor.header(UInt8(ascii: ":"), value)
            }
        case .listString:
            var texts = PackedRow(base: base).texts(field.offset)
            cursor.header(UInt8(ascii: "*"), Int64(texts.remaining))
            while let text = texts.next() { writeBulk(text, &cursor) }
        }
    }

    @inline(__always)
    private static func writeBulk(_ bytes: UnsafeRawBufferPointer, _ cursor: inout ReplyCursor) {
        cursor.header(UInt8(ascii: "$"), Int64(bytes.count))
        cursor.bytes(bytes)
        cursor.lineEnd()
    }

    /// The bytes that a row's values of variable length take at most, beyond what ``textBytesMax`` counts for them.
    func variableBytesMax(_ rows: UnsafePointer<UnsafeRawPointer?>) -> Int {
        fields.withUnsafeBufferPointer { fields in
            var bytes = 0
            for field in fields {
                if let base = rows[field.role] { bytes += Self.variableBytesMax(field, base) }
            }
            return bytes
        }
    }

    private static func variableBytesMax(_ field: Field, _ base: UnsafeRawPointer) -> Int {
        switch field.kind {
        case .bool, .int32, .int64, .float32, .float64, .vector: return 0
        case .bytes: return field.isNull(base) ? 0 : PackedRow(base: base).bytes(field.offset).count
        case .listInt64:
            // 8 bytes of memory become an integer of at most 23.
            return field.isNull(base) ? 0 : PackedRow(base: base).integers(field.offset).count / 8 * headerBytesMax
        case .listString:
            if field.isNull(base) { return 0 }
            // Every element has 4 bytes of length in memory and a header and line end in the reply.
            let row = PackedRow(base: base)
            return row.bytes(field.offset).count + row.texts(field.offset).remaining * (headerBytesMax + 2)
        }
    }

    /// How many values a row has in a reply, elements of lists among them.
    private func valuesMax(_ rows: UnsafePointer<UnsafeRawPointer?>) -> Int {
        fields.withUnsafeBufferPointer { fields in
            var count = 0
            for field in fields { count &+= rows[field.role].map { Self.valuesMax(field, $0) } ?? 1 }
            return count
        }
    }

    private static func valuesMax(_ field: Field, _ base: UnsafeRawPointer) -> Int {
        switch field.kind {
        case .bool, .int32, .int64, .float32, .float64, .vector, .bytes: return 1
        case .listInt64: return field.isNull(base) ? 1 : 1 + PackedRow(base: base).integers(field.offset).count / 8
        case .listString: return field.isNull(base) ? 1 : 1 + PackedRow(base: base).texts(field.offset).remaining
        }
    }

    /// The most bytes of some rows' values, until they are more than `bytesMax`.
    /// - Returns: how many rows from the first on have at most that; at least one.
    func rowsWithin(_ bytesMax: Int, _ rows: borrowing FoundRows, _ range: Range<Int>) -> Int {
        var bytes = 0
        for row in range {
            bytes += textBytesMax
            if hasVariableWidth { bytes += variableBytesMax(rows.row(row)) }
            if bytes > bytesMax { return max(row - range.lowerBound, 1) }
        }
        return range.count
    }

    /// Writes one column's values of some rows, without a header.
    func writeColumn(_ column: Int, _ rows: borrowing FoundRows, _ range: Range<Int>, to reply: inout ReplyWriter) {
        let field = fields[column]
        let isBulk = reply.version == .resp2
        let fixed = fieldBytesMax[column]
        for row in range {
            if reply.isRefused { return }
            let base = rows.row(row)[field.role]
            let room = fixed + (base.map { Self.variableBytesMax(field, $0) } ?? 0)
            reply.values(base.map { Self.valuesMax(field, $0) } ?? 1, bytesMax: room) { memory in
                guard let start = memory.baseAddress else { return 0 }
                // Safe: `room` counts more than the widest value and the slack.
                var cursor = ReplyCursor(start)
                Self.writeText(field, base, isBulk, &cursor)
                assert(cursor.distance(from: start) <= room - ReplyCursor.slack)
                return cursor.distance(from: start)
            }
        }
    }
}
