import Features
import PointInTime
import TestSupport
import Testing

@Suite struct ColumnTests {
    static let types = ContentDigestTests.types

    private func values(_ type: FeatureType, _ count: Int, _ random: inout SeededRandom) -> [Value] {
        let hasNulls = random.oneIn(2)
        return (0..<count).map { _ in
            var value = random.value(type)
            while value == .null && !hasNulls { value = random.value(type) }
            return value
        }
    }

    @Test(arguments: types)
    func `a column gives back the values it was made of`(type: FeatureType) {
        var random = SeededRandom(seed: 1)
        let boxed = values(type, 100, &random)
        let column = Column(type: type, boxed)
        #expect(column.rowCount == 100)
        #expect(column.boxed.map(\.identity) == boxed.map(\.identity))
        #expect(column.nullCount == boxed.count { $0 == .null })
    }

    @Test(arguments: types)
    func `parts put together are the rows of all, in order`(type: FeatureType) {
        var random = SeededRandom(seed: 5)
        for _ in 0..<20 {
            let parts = (0..<random.int(0...4)).map { _ in values(type, random.int(0...9), &random) }
            let whole = Column(type: type, concatenating: parts.map { Column(type: type, $0) })
            #expect(whole.rowCount == parts.reduce(0) { $0 + $1.count })
            #expect(whole.boxed.map(\.identity) == parts.flatMap(\.self).map(\.identity))
        }
    }

    @Test(arguments: types)
    func `rows are gathered in any order, and null where there is none`(type: FeatureType) {
        var random = SeededRandom(seed: 6)
        let boxed = values(type, 30, &random)
        let column = Column(type: type, boxed)
        for _ in 0..<20 {
            let rows = (0..<random.int(0...40)).map { _ in Int32(random.int(-1...29)) }
            let gathered = column.gatherOrNull(rows)
            #expect(gathered.rowCount == rows.count)
            let expected = rows.map { $0 < 0 ? Value.null : boxed[Int($0)] }
            #expect(gathered.boxed.map(\.identity) == expected.map(\.identity))
        }
    }

    @Test(arguments: types)
    func `a slice is those rows`(type: FeatureType) {
        var random = SeededRandom(seed: 2)
        let boxed = values(type, 60, &random)
        let column = Column(type: type, boxed)
        for _ in 0..<50 {
            let from = random.int(0...60)
            let rows = from..<random.int(from...60)
            let slice = column.slice(rows)
            #expect(slice.rowCount == rows.count)
            #expect(slice.boxed.map(\.identity) == boxed[rows].map(\.identity), "rows \(rows)")
        }
    }

    @Test(arguments: types)
    func `appended columns, whole or sliced, are one after the other`(type: FeatureType) {
        var random = SeededRandom(seed: 3)
        for _ in 0..<40 {
            let first = values(type, random.int(0...12), &random)
            let second = values(type, random.int(0...12), &random)
            let from = random.int(0...second.count)
            var column = Column(type: type, first)
            column.append(Column(type: type, second).slice(from..<second.count))
            column.append(Column(nullsOf: type, rowCount: 2))
            let expected = first + second[from...] + [.null, .null]
            #expect(column.boxed.map(\.identity) == expected.map(\.identity))
            // A slice of what was appended has offsets of its own.
            let tail = column.slice(first.count..<expected.count)
            #expect(tail.boxed.map(\.identity) == expected[first.count...].map(\.identity))
        }
    }

    @Test(arguments: types)
    func `a column without rows is a column`(type: FeatureType) {
        var column = Column(emptyOf: type)
        #expect(column.rowCount == 0)
        column.append(Column(emptyOf: type))
        column.append(Column(nullsOf: type, rowCount: 0))
        #expect(column.rowCount == 0)
        #expect(column.slice(0..<0).rowCount == 0)
        column.append(Column(nullsOf: type, rowCount: 3))
        #expect(column.boxed == [.null, .null, .null])
        #expect(column.nullCount == 3)
    }
}
