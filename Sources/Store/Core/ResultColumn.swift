package import Features
package import PointInTime
package import Postgres

/// Reads one column of a binary result into a ``Column`` whose rows may stand in another order.
package struct ResultColumn {
    package let rows: Rows
    /// The result row for each row of the column; -1 = none, which becomes null.
    package let rowOf: [Int32]

    package init(rows: Rows, rowOf: [Int32]) {
        self.rows = rows
        self.rowOf = rowOf
    }

    /// - Parameters:
    ///   - column: the result's column, of the SQL type that `type` has.
    ///   - isNull: rows to leave null whatever the result says, by row of the column.
    /// - Throws: ``StoreError/conflict(_:)`` where it has another one, since somebody has changed the feature's type meanwhile.
    package func read(_ column: Int, as type: FeatureType, isNull: [Bool]) throws(StoreError) -> Column {
        guard type.matches(rows.columnType(column)) else {
            throw .conflict(
                "'\(rows.columnName(column))' is no \(type.text) any more: definitions changed meanwhile; run it again"
            )
        }
        return try readBytes(column, as: type, isNull: isNull)
    }

    /// As ``read(_:as:isNull:)``, of a column whose SQL type the caller has looked at: its values have the bytes of `type`'s.
    package func readBytes(_ column: Int, as type: FeatureType, isNull: [Bool]) throws(StoreError) -> Column {
        var validity = [Bool](repeating: false, count: rowOf.count)
        for row in rowOf.indices {
            validity[row] = rowOf[row] >= 0 && !isNull[row] && !rows.isNull(Int(rowOf[row]), column)
        }
        let values: Column.Values
        switch type {
        case .bool: values = .bool(fixed(column, validity, false, UInt8.self) { $0 == 1 })
        case .int32: values = .int32(fixed(column, validity, 0, Int32.self) { $0 })
        case .int64: values = .int64(fixed(column, validity, 0, Int64.self) { $0 })
        case .timestamp: values = .int64(fixed(column, validity, 0, Int64.self) { $0 &+ PostgresEpoch.microseconds })
        case .float32: values = .float32(fixed(column, validity, 0, UInt32.self) { Float(bitPattern: $0) })
        case .float64: values = .float64(fixed(column, validity, 0, UInt64.self) { Double(bitPattern: $0) })
        case .string, .bytes: values = .text(text(column, validity))
        case .vector(let dimensions): values = try vector(column, validity, dimensions)
        case .listInt64, .listString: values = try list(column, validity, type)
        }
        return Column(type: type, validity: validity.contains(false) ? validity : nil, values: values)
    }

    /// Big-endian integers of a fixed width, converted.
    @inline(__always)
    private func fixed<Wire: FixedWidthInteger & BitwiseCopyable, Element>(
        _ column: Int,
        _ validity: [Bool],
        _ zero: Element,
        _ wire: Wire.Type,
        _ convert: (Wire) -> Element
    ) -> [Element] {
        var values = [Element](repeating: zero, count: rowOf.count)
        for row in rowOf.indices where validity[row] {
            let bytes = rows.bytes(Int(rowOf[row]), column)
            if bytes.count == MemoryLayout<Wire>.size {
                values[row] = convert(Wire(bigEndian: bytes.loadUnaligned(as: Wire.self)))
            }
        }
        return values
    }

    private func text(_ column: Int, _ validity: [Bool]) -> TextValues {
        var values = TextValues()
        values.offsets.reserveCapacity(rowOf.count + 1)
        for row in rowOf.indices {
            if validity[row] { values.bytes.append(contentsOf: rows.bytes(Int(rowOf[row]), column)) }
            values.offsets.append(values.bytes.count)
        }
        return values
    }

    private func vector(_ column: Int, _ validity: [Bool], _ dimensions: Int) throws(StoreError) -> Column.Values {
        var values: [Float] = []
        values.reserveCapacity(rowOf.count * dimensions)
        for row in rowOf.indices {
            guard validity[row] else {
                values.append(contentsOf: repeatElement(0, count: dimensions))
                continue
            }
            var count = 0
            try forEachElement(rows.bytes(Int(rowOf[row]), column)) { bytes in
                guard bytes.count == 4 else { return }
                values.append(Float(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))))
                count += 1
            }
            guard count == dimensions else {
                throw .conflict("history holds a vector of \(count) values where \(dimensions) belong")
            }
        }
        return .vector(dimensions: dimensions, values)
    }

    private func list(_ column: Int, _ validity: [Bool], _ type: FeatureType) throws(StoreError) -> Column.Values {
        var offsets = [0]
        var integers: [Int64] = []
        var texts = TextValues()
        for row in rowOf.indices {
            if validity[row] {
                try forEachElement(rows.bytes(Int(rowOf[row]), column)) { bytes in
                    if type == .listString {
                        texts.append(bytes)
                    } else if bytes.count == 8 {
                        integers.append(Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
                    }
                }
            }
            offsets.append(type == .listString ? texts.count : integers.count)
        }
        return type == .listString
            ? .listString(offsets: offsets, values: texts) : .listInt64(offsets: offsets, values: integers)
    }

    /// The elements of a one-dimensional array in PostgreSQL's binary format.
    private func forEachElement(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        func integer(_ offset: Int) throws(StoreError) -> Int {
            guard offset + 4 <= bytes.count else { throw .conflict("an array is cut short") }
            return Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        }
        let dimensions = try integer(0)
        if dimensions == 0 { return }
        guard dimensions == 1 else { throw .input("an array has \(dimensions) dimensions; a list has one") }
        var offset = 20
        for _ in 0..<(try integer(12)) {
            let length = try integer(offset)
            offset += 4
            guard length >= 0, offset + length <= bytes.count else {
                throw .input("an array has a null, which a list cannot have, or is cut short")
            }
            body(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
            offset += length
        }
    }
}

extension FeatureType {
    /// Whether values of a result's type are read as this one. Only numbers get other types, whose bytes would be read as what
    /// they are not.
    fileprivate func matches(_ typeID: UInt32) -> Bool {
        switch self {
        case .int32: typeID == TypeID.int4
        case .int64: typeID == TypeID.int8
        case .float32: typeID == TypeID.float4
        case .float64: typeID == TypeID.float8
        case .bool, .string, .bytes, .timestamp, .vector, .listInt64, .listString: true
        }
    }
}
