import NIOCore
import Store
import Wire

/// Rows as little-endian floats, one behind another; null = NaN.
///
/// Integers become the nearest float, bools 1 and 0, vectors stand in place.
extension RowPlan {
    /// Writes all rows as one bulk string.
    /// - Parameter isDouble: float64, else float32.
    /// - Complexity: O(rows × columns); one reservation of the buffer.
    func writePacked(_ rows: borrowing FoundRows, isDouble: Bool, to reply: inout ReplyWriter) {
        let width = isDouble ? 8 : 4
        let rowBytes = packedWidth * width
        let room = rowBytes * rows.rowCount + Self.headerBytesMax + 2 + ReplyCursor.slack
        let written = rows.rowCount
        reply.buffer.reserveCapacity(minimumWritableBytes: room)
        reply.buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
            guard let start = memory.baseAddress else { return 0 }
            // Safe: `room` counts every row's bytes, the header and the line end.
            var cursor = ReplyCursor(start)
            cursor.header(UInt8(ascii: "$"), Int64(rowBytes * written))
            var at = cursor.at
            for row in 0..<written {
                if isDouble {
                    writeDoubles(rows.row(row), to: at)
                } else {
                    writeFloats(rows.row(row), to: at)
                }
                at += rowBytes
            }
            cursor = ReplyCursor(at)
            cursor.lineEnd()
            assert(cursor.distance(from: start) <= room - ReplyCursor.slack)
            return cursor.distance(from: start)
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
