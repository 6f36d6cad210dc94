import Features

/// Short marks of a training set's rows in their order, so that a file that differs can be told which rows it lost, gained
/// or exchanged. They are no proof of anything: that is ``ContentDigest``.
package struct RowMarks: Codable, Hashable, Sendable {
    /// How many rows one mark stands for, a power of two; the last may stand for fewer.
    package var rowsEach: Int
    /// 8 hexadecimal digits a mark.
    package var values: String
    /// 16 hexadecimal digits that are the same for the same rows in any order.
    package var sum: String

    package init(rowsEach: Int, marks: [UInt32], sum: UInt64) {
        self.rowsEach = rowsEach
        self.sum = String(sum, radix: 16)
        var text: [UInt8] = []
        text.reserveCapacity(marks.count * 8)
        for mark in marks {
            for shift in stride(from: 28, through: 0, by: -4) {
                let digit = UInt8(truncatingIfNeeded: mark >> UInt32(shift)) & 15
                text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
        values = String(decoding: text, as: UTF8.self)
    }

    /// - Returns: `nil` where a text that came from outside is none of ``values``.
    package var marks: [UInt32]? {
        let text = Array(values.utf8)
        guard text.count.isMultiple(of: 8), rowsEach > 0, rowsEach.nonzeroBitCount == 1 else { return nil }
        var marks: [UInt32] = []
        for start in stride(from: 0, to: text.count, by: 8) {
            guard let mark = UInt32(String(decoding: text[start..<start + 8], as: UTF8.self), radix: 16) else {
                return nil
            }
            marks.append(mark)
        }
        return marks
    }
}

/// Makes ``RowMarks`` of rows as they come, in memory that does not grow with them.
///
/// A row's mark is a hash of its canonical bytes; that of several rows is made of those of the two halves.
package struct RowMarker: Sendable {
    /// Beyond it two marks become one; `nil` = there is no end.
    private let countMax: Int?
    private var rowsEach: Int
    /// Over the marks of all rows, in no order.
    package private(set) var sum: UInt64 = 0
    private var whole: [UInt32] = []
    /// Marks of the rows behind those of ``whole``.
    private var rest: [UInt32] = []

    /// 32 KiB of text in a manifest.
    package static let usualCountMax = 4_096

    /// Marks of any number of rows, in bounded memory.
    package init() {
        countMax = Self.usualCountMax
        rowsEach = 1
    }

    /// Marks that stand for as many rows as others.
    package init(rowsEach: Int) {
        countMax = nil
        self.rowsEach = rowsEach
    }

    package var marks: RowMarks {
        RowMarks(rowsEach: rowsEach, marks: rest.isEmpty ? whole : whole + [Self.folded(rest[...])], sum: sum)
    }

    /// Adds rows that are complete.
    mutating func add(_ rows: borrowing RowBuffer) {
        var marks: [UInt32] = []
        Self.append(rows, to: &marks)
        add(marks)
    }

    /// Adds rows by their marks.
    mutating func add(_ marks: [UInt32]) {
        for mark in marks { sum &+= Self.share(of: mark) }
        var taken = 0
        while taken < marks.count {
            let end = min(marks.count, taken + rowsEach - rest.count)
            rest += marks[taken..<end]
            taken = end
            guard rest.count == rowsEach else { continue }
            whole.append(Self.folded(rest[...]))
            rest.removeAll(keepingCapacity: true)
            if let countMax, whole.count > countMax { halve() }
        }
    }

    private mutating func halve() {
        // The last one has no partner yet; its rows are gone, so it waits until it has.
        guard whole.count.isMultiple(of: 2) else { return }
        whole = stride(from: 0, to: whole.count, by: 2).map { Self.both(whole[$0], whole[$0 + 1]) }
        rowsEach *= 2
    }

    /// What a row adds to ``sum``.
    private static func share(of mark: UInt32) -> UInt64 { mixed(mixed(UInt64(mark) | 1 << 32)) }

    /// The rows of a batch that add `share` to ``sum``, from 0.
    package static func rows(of columns: [Column], rowCount: Int, adding share: UInt64) -> [Int] {
        var marks: [UInt32] = []
        for start in stride(from: 0, to: rowCount, by: CanonicalRows.chunkRows) {
            CanonicalRows.withRows(of: columns, rows: start..<min(rowCount, start + CanonicalRows.chunkRows)) {
                append($0, to: &marks)
            }
        }
        return marks.indices.filter { Self.share(of: marks[$0]) == share }
    }

    /// Appends the mark of each row.
    static func append(_ rows: borrowing RowBuffer, to marks: inout [UInt32]) {
        let bytes = rows.bytes
        var start = 0
        for row in 0..<rows.rowCount {
            let end = rows.end(of: row)
            marks.append(mark(UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
            start = end
        }
    }

    private static func mark(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(bytes.count)
        var at = 0
        while at + 8 <= bytes.count {
            hash = mixed(hash ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at += 8
        }
        var last: UInt64 = 0
        for (place, byte) in bytes[at...].enumerated() { last |= UInt64(byte) << UInt64(8 * place) }
        return UInt32(truncatingIfNeeded: mixed(hash ^ last) >> 32)
    }

    private static func mixed(_ word: UInt64) -> UInt64 {
        let product = word &* 0xD6E8_FEB8_6659_FD93
        return product ^ (product >> 32)
    }

    private static func both(_ first: UInt32, _ second: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: mixed(mixed(UInt64(first) << 32 | UInt64(second))) >> 32)
    }

    /// The mark of the rows of some marks.
    private static func folded(_ marks: ArraySlice<UInt32>) -> UInt32 {
        var marks = Array(marks)
        while marks.count > 1 {
            marks = stride(from: 0, to: marks.count, by: 2).map {
                $0 + 1 < marks.count ? both(marks[$0], marks[$0 + 1]) : marks[$0]
            }
        }
        return marks.first ?? 0
    }
}
