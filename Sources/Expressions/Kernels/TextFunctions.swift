import PointInTime

/// Functions of strings.
enum TextFunctions {
    static let lower: Kernel = { operands, rowCount in
        changed(operands, rowCount) { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") ? $0 | 0x20 : $0 }
    }

    static let upper: Kernel = { operands, rowCount in
        changed(operands, rowCount) { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") ? $0 & 0xDF : $0 }
    }

    @inline(__always)
    private static func changed(_ operands: [Operand], _ rowCount: Int, _ byte: (UInt8) -> UInt8) -> Operand {
        var values = operands[0].values.texts
        values.bytes = Loops.map(values.bytes, values.bytes.count, byte)
        return Loops.result(.text(values), operands, Loops.count(operands, rowCount))
    }

    static let characterCount: Kernel = { operands, rowCount in
        integers(operands, rowCount) { text in Characters.count(text) }
    }

    static let byteCount: Kernel = { operands, rowCount in integers(operands, rowCount) { $0.count } }

    @inline(__always)
    private static func integers(_ operands: [Operand], _ rowCount: Int, _ body: (ArraySlice<UInt8>) -> Int) -> Operand
    {
        let count = Loops.count(operands, rowCount)
        let texts = TextRows(operands[0])
        var values = [Int32](repeating: 0, count: count)
        for row in 0..<count { values[row] = Int32(truncatingIfNeeded: body(texts.bytes(row))) }
        return Loops.result(.int32(values), operands, count)
    }

    static let concatenate: Kernel = { operands, rowCount in
        let count = Loops.count(operands, rowCount)
        let (left, right) = (TextRows(operands[0]), TextRows(operands[1]))
        var output = TextOutput(count: count)
        for row in 0..<count {
            // Of rows without a value nothing is written: garbage would grow with every step.
            let isValid = operands[0].isValid(row) && operands[1].isValid(row)
            output.row(row) { out in
                guard isValid else { return true }
                out += left.bytes(row)
                out += right.bytes(row)
                return true
            }
        }
        return output.result(operands)
    }

    /// Blanks at both ends, no other white space.
    static let trim: Kernel = { operands, rowCount in
        texts(operands, rowCount) { text, _ in
            var text = text
            while text.first == 0x20 { text.removeFirst() }
            while text.last == 0x20 { text.removeLast() }
            return text
        }
    }

    /// The first *n* characters; where *n* is negative, all but the last −*n*.
    static let left: Kernel = { operands, rowCount in
        let counts = IntegerRows(operands[1])
        return texts(operands, rowCount) { text, row in
            let n = counts[row]
            return Characters.slice(text, 0, n >= 0 ? n : Characters.count(text) + n)
        }
    }

    /// The last *n* characters; where *n* is negative, all but the first −*n*.
    static let right: Kernel = { operands, rowCount in
        let counts = IntegerRows(operands[1])
        return texts(operands, rowCount) { text, row in
            let n = counts[row]
            return Characters.slice(text, n >= 0 ? max(Characters.count(text) - n, 0) : -n, .max)
        }
    }

    /// From a character on, counted from 1, which may lie before the first; a length counts from there.
    static let substring: Kernel = { operands, rowCount in
        let starts = IntegerRows(operands[1])
        let lengths = operands.count > 2 ? IntegerRows(operands[2]) : nil
        return texts(operands, rowCount) { text, row in
            let start = starts[row] - 1
            guard let length = lengths?[row] else { return Characters.slice(text, max(start, 0), .max) }
            guard length >= 0 else { return nil }
            return Characters.slice(text, max(start, 0), start + length)
        }
    }

    /// Where the second text begins in the first, in characters from 1; 0 where it does not occur.
    static let position: Kernel = { operands, rowCount in
        let count = Loops.count(operands, rowCount)
        let (texts, sought) = (TextRows(operands[0]), TextRows(operands[1]))
        var values = [Int32](repeating: 0, count: count)
        for row in 0..<count { values[row] = Int32(truncatingIfNeeded: position(texts.bytes(row), sought.bytes(row))) }
        return Loops.result(.int32(values), operands, count)
    }

    private static func position(_ text: ArraySlice<UInt8>, _ sought: ArraySlice<UInt8>) -> Int {
        guard let first = sought.first else { return 1 }
        guard sought.count <= text.count else { return 0 }
        var characters = 0
        for index in text.startIndex...(text.endIndex - sought.count) {
            if Characters.isStart(text[index]) { characters += 1 }
            if text[index] == first, text[index..<index + sought.count].elementsEqual(sought) { return characters }
        }
        return 0
    }

    /// - Parameter body: `nil` = an error.
    @inline(__always)
    private static func texts(
        _ operands: [Operand],
        _ rowCount: Int,
        _ body: (ArraySlice<UInt8>, Int) -> ArraySlice<UInt8>?
    ) -> Operand {
        let count = Loops.count(operands, rowCount)
        let texts = TextRows(operands[0])
        var output = TextOutput(count: count)
        for row in 0..<count {
            let text = body(texts.bytes(row), row)
            output.row(row) { out in
                guard let text else { return false }
                out += text
                return true
            }
        }
        return output.result(operands)
    }

    private struct IntegerRows {
        let values: [Int32]
        let step: Int

        init(_ operand: Operand) {
            values = Int32.array(operand.values)
            step = operand.isConstant ? 0 : 1
        }

        subscript(row: Int) -> Int { Int(values[row &* step]) }
    }
}
