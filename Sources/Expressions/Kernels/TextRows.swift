import Features
import Glibc
import PointInTime

/// Texts of an operand by row.
struct TextRows {
    let values: TextValues
    private let step: Int

    init(_ operand: Operand) {
        values = operand.values.texts
        step = operand.isConstant ? 0 : 1
    }

    @inline(__always)
    func range(_ row: Int) -> Range<Int> { values.offsets[row &* step]..<values.offsets[row &* step &+ 1] }

    @inline(__always)
    func bytes(_ row: Int) -> ArraySlice<UInt8> { values.bytes[range(row)] }

    /// By bytes: negative, zero, positive.
    func compare(_ row: Int, _ other: TextRows) -> Int {
        let (left, right) = (range(row), other.range(row))
        let order = values.bytes.withUnsafeBytes { mine in
            other.values.bytes.withUnsafeBytes { others -> Int in
                let count = min(left.count, right.count)
                guard count > 0, let mine = mine.baseAddress, let others = others.baseAddress else { return 0 }
                // Safe: offsets lie within the bytes.
                return Int(memcmp(mine + left.lowerBound, others + right.lowerBound, count))
            }
        }
        return order != 0 ? order : left.count - right.count
    }
}

/// Texts of a result, written row by row.
struct TextOutput {
    private(set) var values = TextValues()
    private var failed: [Bool]?
    private let count: Int

    init(count: Int) {
        self.count = count
        values.offsets.reserveCapacity(count + 1)
    }

    /// Writes one row; a text longer than a value may be is an error.
    @inline(__always)
    mutating func row(_ row: Int, _ write: (inout [UInt8]) -> Bool) {
        let start = values.bytes.count
        let isWritten = write(&values.bytes)
        if !isWritten || values.bytes.count - start > DefinitionLimits.valueBytesMax {
            values.bytes.removeLast(values.bytes.count - start)
            if failed == nil { failed = [Bool](repeating: false, count: count) }
            failed?[row] = true
        }
        values.offsets.append(values.bytes.count)
    }

    func result(_ operands: [Operand]) -> Operand {
        Loops.result(.text(values), operands, count, failed: failed)
    }
}

/// Characters of UTF-8: code points, as PostgreSQL counts.
enum Characters {
    @inline(__always)
    static func isStart(_ byte: UInt8) -> Bool { byte & 0xC0 != 0x80 }

    static func count(_ text: ArraySlice<UInt8>) -> Int {
        var count = 0
        for byte in text where isStart(byte) { count += 1 }
        return count
    }

    /// The bytes of characters number `first` (from 0) up to `end`, exclusive.
    static func slice(_ text: ArraySlice<UInt8>, _ first: Int, _ end: Int) -> ArraySlice<UInt8> {
        guard end > first else { return text.prefix(0) }
        var (start, character) = (text.endIndex, -1)
        for index in text.indices where isStart(text[index]) {
            character += 1
            if character == first { start = index }
            if character == end { return text[min(start, index)..<index] }
        }
        return text[start...]
    }
}
