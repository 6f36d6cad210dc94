import CFloatText

/// Where the next byte of a reply goes, in memory that the caller has made sure is large enough.
///
/// Nothing here checks for room: ``RowPlan`` knows the most bytes that a row takes. Short copies go 16 bytes at a time and
/// so write beyond what they advance by, but never beyond ``slack``, which every reservation includes.
struct ReplyCursor {
    /// Bytes behind the last one that may be overwritten.
    static let slack = 32

    private(set) var at: UnsafeMutableRawPointer

    init(_ start: UnsafeMutableRawPointer) { at = start }

    /// Bytes written since `start`.
    func distance(from start: UnsafeMutableRawPointer) -> Int { at - start }

    /// Copies a few bytes. Safe where `source` can be read up to the next multiple of 16 bytes.
    @inline(__always)
    mutating func padded(_ source: UnsafeRawPointer, count: Int) {
        var offset = 0
        repeat {
            at.storeBytes(
                of: source.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self),
                toByteOffset: offset,
                as: SIMD2<UInt64>.self
            )
            offset &+= 16
        } while offset < count
        at += count
    }

    @inline(__always)
    mutating func bytes(_ source: UnsafeRawBufferPointer) {
        if let base = source.baseAddress { at.copyMemory(from: base, byteCount: source.count) }
        at += source.count
    }

    @inline(__always)
    mutating func lineEnd() {
        at.storeBytes(of: UInt16(littleEndian: 0x0A0D), as: UInt16.self)
        at += 2
    }

    /// At most 5 bytes.
    @inline(__always)
    mutating func null(isBulk: Bool) {
        // `$-1\r\n` and `_\r\n`, as little-endian numbers.
        at.storeBytes(of: UInt64(littleEndian: isBulk ? 0x0A_0D31_2D24 : 0x0A_0D5F), as: UInt64.self)
        at += isBulk ? 5 : 3
    }

    /// 4 bytes.
    @inline(__always)
    mutating func bool(_ value: Bool, isBulk: Bool) {
        let text: UInt32 = isBulk ? (value ? 0x0A0D_313A : 0x0A0D_303A) : (value ? 0x0A0D_7423 : 0x0A0D_6623)
        at.storeBytes(of: UInt32(littleEndian: text), as: UInt32.self)
        at += 4
    }

    /// A marker, a number and a line end: at most 23 bytes.
    mutating func header(_ marker: UInt8, _ value: Int64) {
        at.storeBytes(of: marker, as: UInt8.self)
        at += 1
        if value < 0 {
            at.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self)
            at += 1
        }
        digits(value.magnitude)
        lineEnd()
    }

    private mutating func digits(_ value: UInt64) {
        if value < 10 {
            at.storeBytes(of: UInt8(truncatingIfNeeded: value) | 0x30, as: UInt8.self)
            at += 1
            return
        }
        var count = 1
        var bound: UInt64 = 10
        // 20 digits are the most that 64 bits have.
        while count < 19, value >= bound {
            count &+= 1
            bound = bound &* 10
        }
        if count == 19, value >= 10_000_000_000_000_000_000 { count = 20 }
        var rest = value
        var place = count
        while place > 0 {
            place &-= 1
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            at.storeBytes(of: UInt8(truncatingIfNeeded: digit) | 0x30, toByteOffset: place, as: UInt8.self)
            rest = quotient
        }
        at += count
    }

    /// At most `ASOF_FLOAT_TEXT_MAX` + 7 bytes.
    @inline(__always)
    mutating func double(_ value: Double, isBulk: Bool) {
        let text = (at + (isBulk ? 5 : 1)).assumingMemoryBound(to: CChar.self)
        number(Int(asof_double_text(value, text)), isBulk: isBulk)
    }

    /// At most `ASOF_FLOAT_TEXT_MAX` + 7 bytes.
    @inline(__always)
    mutating func float(_ value: Float, isBulk: Bool) {
        let text = (at + (isBulk ? 5 : 1)).assumingMemoryBound(to: CChar.self)
        number(Int(asof_float_text(value, text)), isBulk: isBulk)
    }

    /// Puts the marker before a text of `count` < 100 bytes, which is where the longest marker ends, and the line end
    /// behind it.
    @inline(__always)
    private mutating func number(_ count: Int, isBulk: Bool) {
        guard isBulk else {
            at.storeBytes(of: UInt8(ascii: ","), as: UInt8.self)
            at += 1 &+ count
            return lineEnd()
        }
        if count < 10 {
            let text = (at + 5).loadUnaligned(as: SIMD2<UInt64>.self)
            let head = 0x0A0D_3024 &+ UInt32(truncatingIfNeeded: count) &<< 8
            at.storeBytes(of: UInt32(littleEndian: head), as: UInt32.self)
            at.storeBytes(of: text, toByteOffset: 4, as: SIMD2<UInt64>.self)
            at += 4 &+ count
        } else {
            let tens = count / 10
            let head =
                0x0D30_3024 &+ UInt32(truncatingIfNeeded: tens) &<< 8
                &+ UInt32(truncatingIfNeeded: count &- tens &* 10) &<< 16
            at.storeBytes(of: UInt32(littleEndian: head), as: UInt32.self)
            at.storeBytes(of: UInt8(ascii: "\n"), toByteOffset: 4, as: UInt8.self)
            at += 5 &+ count
        }
        lineEnd()
    }
}
