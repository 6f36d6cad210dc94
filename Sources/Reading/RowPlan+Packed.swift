import NIOCore
import Online
import Wire

/// Rows as little-endian floats, one behind another; null = NaN.
///
/// Integers become the nearest float, bools 1 and 0, vectors stand in place.
extension RowPlan {
    /// Writes all rows as one bulk string.
    /// - Parameter isDouble: float64, else float32.
    /// - Complexity: O(rows × columns); one reservation of the buffer.
    func writePacked(_ rows: borrowing FoundRows, isDouble: Bool, to reply: inout ReplyWriter) {
        reply.beginBulk(packedRowBytes(isDouble: isDouble) * rows.rowCount)
        writePackedRows(rows, 0..<rows.rowCount, isDouble: isDouble, to: &reply)
        reply.endBulk()
    }

    func packedRowBytes(isDouble: Bool) -> Int { packedWidth * (isDouble ? 8 : 4) }

    /// Writes some rows, without a header.
    func writePackedRows(
        _ rows: borrowing FoundRows,
        _ range: Range<Int>,
        isDouble: Bool,
        to reply: inout ReplyWriter
    ) {
        let rowBytes = packedRowBytes(isDouble: isDouble)
        let (first, end) = (range.lowerBound, range.upperBound)
        reply.values(0, bytesMax: rowBytes * range.count) { memory in
            // Safe: the memory has the bytes of every row.
            guard var at = memory.baseAddress else { return 0 }
            for row in first..<end {
                if isDouble {
                    writeDoubles(rows.row(row), to: at)
                } else {
                    writeFloats(rows.row(row), to: at)
                }
                at += rowBytes
            }
            return rowBytes * (end - first)
        }
    }

    private func writeDoubles(_ rows: UnsafePointer<UnsafeRawPointer?>, to out: UnsafeMutableRawPointer) {
        fields.withUnsafeBufferPointer { fields in
            if let run {
                guard let base = rows[fields[0].role] else { return Self.fillDoubles(out, fields.count) }
                out.copyMemory(from: base + run.offset, byteCount: fields.count &* 8)
                if Self.hasNulls(base, run.nullBytes) {
                    for place in 0..<fields.count where fields[place].isNull(base) {
                        out.storeBytes(of: .nan, toByteOffset: place &* 8, as: Double.self)
                    }
                }
                return
            }
            var at = out
            for field in fields {
                guard let base = rows[field.role], !field.isNull(base) else {
                    Self.fillDoubles(at, field.dimensions)
                    at += field.dimensions &* 8
                    continue
                }
                if field.kind == .vector {
                    for index in 0..<field.dimensions {
                        let value = base.load(fromByteOffset: field.offset &+ index &* 4, as: Float.self)
                        at.storeBytes(of: Double(value), toByteOffset: index &* 8, as: Double.self)
                    }
                } else {
                    at.storeBytes(of: Self.number(field, base), as: Double.self)
                }
                at += field.dimensions &* 8
            }
        }
    }

    private func writeFloats(_ rows: UnsafePointer<UnsafeRawPointer?>, to out: UnsafeMutableRawPointer) {
        fields.withUnsafeBufferPointer { fields in
            if let run {
                guard let base = rows[fields[0].role] else { return Self.fillFloats(out, fields.count) }
                Self.narrow(base + run.offset, to: out, fields.count)
                if Self.hasNulls(base, run.nullBytes) {
                    for place in 0..<fields.count where fields[place].isNull(base) {
                        out.storeBytes(of: .nan, toByteOffset: place &* 4, as: Float.self)
                    }
                }
                return
            }
            var at = out
            for field in fields {
                if let base = rows[field.role], !field.isNull(base) {
                    switch field.kind {
                    case .vector: at.copyMemory(from: base + field.offset, byteCount: field.dimensions &* 4)
                    case .float32:
                        at.storeBytes(of: base.load(fromByteOffset: field.offset, as: Float.self), as: Float.self)
                    case .int64:
                        // Not by way of a double, which would round twice.
                        let value = base.load(fromByteOffset: field.offset, as: Int64.self)
                        at.storeBytes(of: Float(value), as: Float.self)
                    default: at.storeBytes(of: Float(Self.number(field, base)), as: Float.self)
                    }
                } else {
                    Self.fillFloats(at, field.dimensions)
                }
                at += field.dimensions &* 4
            }
        }
    }

    /// Copies doubles as floats.
    @inline(never)
    private static func narrow(_ source: UnsafeRawPointer, to out: UnsafeMutableRawPointer, _ count: Int) {
        var place = 0
        while place &+ 2 <= count {
            let pair = source.load(fromByteOffset: place &* 8, as: (Double, Double).self)
            out.storeBytes(of: (Float(pair.0), Float(pair.1)), toByteOffset: place &* 4, as: (Float, Float).self)
            place &+= 2
        }
        if place < count {
            let value = source.load(fromByteOffset: place &* 8, as: Double.self)
            out.storeBytes(of: Float(value), toByteOffset: place &* 4, as: Float.self)
        }
    }

    private static func hasNulls(_ base: UnsafeRawPointer, _ bytes: Range<Int>) -> Bool {
        var any: UInt8 = 0
        for byte in bytes { any |= base.load(fromByteOffset: byte, as: UInt8.self) }
        return any != 0
    }

    private static func fillDoubles(_ out: UnsafeMutableRawPointer, _ count: Int) {
        for place in 0..<count { out.storeBytes(of: .nan, toByteOffset: place &* 8, as: Double.self) }
    }

    private static func fillFloats(_ out: UnsafeMutableRawPointer, _ count: Int) {
        for place in 0..<count { out.storeBytes(of: .nan, toByteOffset: place &* 4, as: Float.self) }
    }

    /// A value that is one number.
    @inline(__always)
    private static func number(_ field: Field, _ base: UnsafeRawPointer) -> Double {
        switch field.kind {
        case .bool: PackedRow(base: base).bool(field.offset) ? 1 : 0
        case .int32: Double(base.load(fromByteOffset: field.offset, as: Int32.self))
        case .int64: Double(base.load(fromByteOffset: field.offset, as: Int64.self))
        case .float32: Double(base.load(fromByteOffset: field.offset, as: Float.self))
        case .float64: base.load(fromByteOffset: field.offset, as: Double.self)
        case .vector, .bytes, .listInt64, .listString: .nan
        }
    }
}
