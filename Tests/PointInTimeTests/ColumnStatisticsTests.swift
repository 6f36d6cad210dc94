import Features
import PointInTime
import TestSupport
import Testing

@Suite struct ColumnStatisticsTests {
    private static func statistics(_ type: FeatureType, _ values: [Value]) -> ColumnStatistics {
        var statistics = ColumnStatistics(type: type)
        statistics.update(Column(type: type, values))
        return statistics
    }

    @Test func `nulls, NaN and infinities are counted apart from numbers`() {
        let statistics = Self.statistics(
            .float64,
            [.float64(1), .null, .float64(.nan), .float64(.infinity), .float64(-.infinity), .float64(4)]
        )
        #expect(statistics.rowCount == 6 && statistics.nullCount == 1)
        #expect(statistics.nanCount == 1 && statistics.infiniteCount == 2)
        #expect(statistics.mean == 2.5)
        #expect(statistics.sketch.count == 2 && statistics.sketch.minimum == 1 && statistics.sketch.maximum == 4)
    }

    @Test func `integers and times keep their exact range`() {
        let big = Int64.max - 1
        #expect(Self.statistics(.int64, [.int64(big), .null, .int64(.min)]).integerRange == Int64.min...big)
        let times = [5, -7].map { Value.timestamp(Timestamp(microseconds: $0)) }
        #expect(Self.statistics(.timestamp, times).integerRange == -7...5)
        #expect(Self.statistics(.int32, [.int32(3)]).integerRange == 3...3)
    }

    @Test func `of texts and lists lengths are measured, of bools the share that is true`() {
        #expect(Self.statistics(.string, [.string("é"), .null, .string("abc")]).integerRange == 2...3)
        #expect(Self.statistics(.bytes, [.bytes([])]).integerRange == 0...0)
        #expect(Self.statistics(.listInt64, [.listInt64([]), .listInt64([1, 2])]).integerRange == 0...2)
        #expect(Self.statistics(.listString, [.listString(["a"])]).integerRange == 1...1)
        #expect(Self.statistics(.bool, [.bool(true), .bool(false), .null, .bool(true), .bool(true)]).mean == 0.75)
    }

    @Test func `a vector with a NaN or an infinity is counted once`() {
        let statistics = Self.statistics(
            .vector(2),
            [.vector([.nan, .nan]), .vector([1, 2]), .null, .vector([.infinity, .nan])]
        )
        #expect(statistics.nanCount == 2 && statistics.infiniteCount == 1 && statistics.nullCount == 1)
    }

    @Test(arguments: [
        (FeatureType.int64, [Value.int64(1), .int64(1)], true), (.int64, [.int64(1), .int64(2)], false),
        (.int64, [.int64(1), .null], false), (.int64, [.int64(1)], false),
        (.int64, [.int64(1), .null, .int64(1)], true), (.int64, [.null, .null], false),
        (.float64, [.float64(0), .float64(0)], true), (.float64, [.float64(0), .float64(.nan)], false),
        (.string, [.string(""), .string("")], true), (.string, [.string("a"), .string("b")], false),
        (.bool, [.bool(false), .bool(false)], true), (.vector(1), [.vector([1]), .vector([1])], false),
    ])
    func `a constant is the same value in every row that has one`(type: FeatureType, values: [Value], isConstant: Bool)
    {
        #expect(Self.statistics(type, values).isConstant == isConstant)
    }

    @Test(arguments: [
        FeatureType.bool, .int32, .int64, .float32, .float64, .string, .bytes, .timestamp, .vector(3), .listInt64,
        .listString,
    ])
    func `how rows are cut into batches changes nothing`(type: FeatureType) {
        var random = SeededRandom(seed: 7)
        let values = (0..<3_000).map { _ in random.value(type) }
        let whole = Self.statistics(type, values)
        var parts = ColumnStatistics(type: type)
        var start = 0
        while start < values.count {
            let end = min(values.count, start + random.int(0...700))
            parts.update(Column(type: type, Array(values[start..<end])))
            start = end
        }
        #expect(whole.rowCount == parts.rowCount && whole.nullCount == parts.nullCount)
        #expect(whole.nanCount == parts.nanCount && whole.infiniteCount == parts.infiniteCount)
        #expect(whole.integerRange == parts.integerRange && whole.mean == parts.mean)
        #expect(whole.sketch.quantiles([0.01, 0.5, 0.99]) == parts.sketch.quantiles([0.01, 0.5, 0.99]))
        #expect(whole.isConstant == parts.isConstant)
    }

    @Test func `a mean does not lose small numbers next to large ones`() {
        let values: [Value] = [.float64(1e16), .float64(1), .float64(1), .float64(-1e16)]
        #expect(Self.statistics(.float64, values).mean == 0.5)
        let huge = Value.float64(.greatestFiniteMagnitude)
        #expect(Self.statistics(.float64, [huge, huge]).mean == nil)
    }
}
