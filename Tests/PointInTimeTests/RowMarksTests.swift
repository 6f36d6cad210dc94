import Features
import PointInTime
import TestSupport
import Testing

@Suite struct RowMarksTests {
    private static func marks(_ rows: [Int64], rowsEach: Int? = nil, cut: Int? = nil) -> RowMarks? {
        var digest = ContentDigest(names: ["n"], types: [.int64])
        digest.marks = rowsEach.map { RowMarker(rowsEach: $0) } ?? RowMarker()
        for start in stride(from: 0, to: rows.count, by: cut ?? max(rows.count, 1)) {
            let part = Array(rows[start..<min(rows.count, start + (cut ?? rows.count))])
            digest.update([Column(type: .int64, values: .int64(part))], rowCount: part.count)
        }
        return digest.marks?.marks
    }

    private static func difference(_ file: [Int64], _ set: [Int64]) throws -> RowDifference? {
        let old = try #require(marks(set))
        let new = try #require(marks(file, rowsEach: old.rowsEach))
        return RowDifference(file: new, fileRows: file.count, set: old, setRows: set.count)
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func `one edit of a small set is told exactly`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let set = (0..<random.int(2...60)).map { Int64($0) }
        let at = random.int(0...set.count - 1)
        #expect(try Self.difference(set, set) == nil)
        #expect(try Self.difference(Array(set[..<at]) + [-1] + set[at...], set) == .added(at..<at + 1))
        #expect(try Self.difference(Array(set[..<at]) + set[(at + 1)...], set) == .missing(at..<at + 1))
        var changed = set
        changed[at] = -1
        #expect(try Self.difference(changed, set) == .changed(at..<at + 1))
        let other = (at + 1) % set.count
        var exchanged = set
        exchanged.swapAt(at, other)
        #expect(try Self.difference(exchanged, set) == .exchanged(min(at, other), max(at, other)), "seed \(seed)")
        if set.count > 3 {
            #expect(try Self.difference(set.reversed(), set) == .reordered(0..<set.count))
        }
    }

    @Test(arguments: [4_096, 4_097, 8_192, 10_000, 70_000, 140_000])
    func `marks are bounded, and the same however rows come`(count: Int) throws {
        let rows = (0..<count).map { Int64($0) }
        let whole = try #require(Self.marks(rows))
        #expect(whole.values.utf8.count <= 8 * (RowMarker.usualCountMax + 2))
        #expect(Self.marks(rows, cut: 999) == whole)
        #expect(Self.marks(rows, rowsEach: whole.rowsEach) == whole)
        var digest = ContentDigest(names: ["n"], types: [.int64])
        digest.marks = RowMarker()
        digest.update([Column(type: .int64, values: .int64(rows))], rowCount: count, Workers(4))
        #expect(digest.marks?.marks == whole)
        var other = rows
        other.swapAt(10, count - 10)
        let difference = try #require(try Self.difference(other, rows))
        guard case .reordered(let place) = difference else {
            #expect(whole.rowsEach == 1 && difference == .exchanged(10, count - 10))
            return
        }
        #expect(place.contains(10) && place.contains(count - 10))
    }

    @Test func `marks that are none say nothing`() throws {
        var marks = try #require(Self.marks([1, 2, 3]))
        for bad in ["", "0", "zzzzzzzz", "00000000"] {
            marks.values = bad
            #expect(RowDifference(file: marks, fileRows: 3, set: marks, setRows: 3) == nil)
        }
        marks.rowsEach = 0
        #expect(marks.marks == nil)
    }

    /// A manifest may have been edited: its count of rows need not be that of its marks.
    @Test(arguments: [1, 3, 9_998])
    func `a count of rows that is not that of the marks tells nothing, and traps nowhere`(count: Int) throws {
        let rows = (0..<count).map { Int64($0) }
        let marks = try #require(Self.marks(rows))
        for wrong in [count - 1, count + 1, count - 2, count + 2, count * 2, 0, -1, .min, .max] {
            let difference = RowDifference(file: marks, fileRows: count, set: marks, setRows: wrong)
            #expect(difference == nil, "\(wrong): \(String(describing: difference))")
        }
        var wide = marks
        wide.rowsEach = 1 << 62
        wide.values = "00000000"
        #expect(RowDifference(file: wide, fileRows: count, set: wide, setRows: .max - 1) == nil)
    }
}
