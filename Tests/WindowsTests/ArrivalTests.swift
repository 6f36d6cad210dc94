import Features
import PointInTime
import TestSupport
import Testing

@testable import Windows

/// In what order events come, and how many a key has, makes no difference.
@Suite struct ArrivalTests {
    private static let texts = [
        "count over lifetime", "sum(x) over 1m", "avg(x) over lifetime", "sum(x) over lifetime where x < 1000",
        "variance(x) over lifetime", "stddev_pop(x) over 1m", "min(x) over 1m", "max(x) over lifetime",
        "distinct(x) over lifetime", "approx_distinct(x) over lifetime", "approx_quantile(x, 0.5) over 1m",
        "first(x) over 1m", "last(x) over lifetime",
    ]

    /// What one event was, one after the other; `nil` = deleted.
    private struct Story {
        let time: Int64
        let id: Int64
        let versions: [Double?]
    }

    private struct Row {
        let time: Int64
        let id: Int64
        let x: Double?
    }

    private static func batch(_ layout: EventLayout, _ rows: [Row]) -> EventBatch {
        EventBatch(
            layout,
            times: rows.map(\.time),
            identity: [Column(type: .int64, values: .int64(rows.map(\.id)))],
            isDeleted: rows.map { $0.x == nil }
        ) { _ in Column(type: .float64, values: .float64(rows.map { $0.x ?? 0 })) }
    }

    private static func resident(_ texts: [String], _ layout: EventLayout) throws -> ResidentWindows {
        let view = try ResidentWindowTests.events(integerIDs: true)
        let windows = try texts.map { try EventWindow($0, of: view) }
        return ResidentWindows(windows, delay: Interval(microseconds: 0), isStrict: false, layout: layout)
    }

    @Test func `a thousand orders of arrival, in commits cut anyhow, give the same bits, which plain doubles do not`()
        throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        var layout = try ResidentWindowTests.simple(Self.texts)
        (layout.blockRows, layout.groupBlocks) = (4, 3)
        let windows = try Self.resident(Self.texts, layout)
        let stories = (0..<40).map { id in
            let versions = (0..<random.pick([1, 1, 1, 2, 3])).map { _ -> Double? in
                if random.oneIn(6) { return nil }
                return random.oneIn(4) ? random.float() : Double(random.int(-999_999...999_999)) / 1_000
            }
            return Story(time: Int64(random.int(0...12)) * 10_000_000, id: Int64(id), versions: versions)
        }
        let times: [Int64] = [59_999_999, 60_000_000, 130_000_000]
        var expected: [[[UInt8]]]?
        var plain: Set<UInt64> = []
        for round in 0..<1_000 {
            // Each event's own rows stay in their order.
            var turns = stories.indices.flatMap { Array(repeating: $0, count: stories[$0].versions.count) }
            turns.shuffle(using: &random)
            var next = [Int](repeating: 0, count: stories.count)
            let rows = turns.map { turn in
                next[turn] += 1
                return Row(time: stories[turn].time, id: stories[turn].id, x: stories[turn].versions[next[turn] - 1])
            }
            let events: KeyEvents
            if round % 2 == 0 {
                var applied = KeyEvents()
                var rest = rows[...]
                while !rest.isEmpty {
                    let commit = Array(rest.prefix(random.int(1...9)))
                    rest = rest.dropFirst(commit.count)
                    let made = Self.batch(layout, commit)
                    for row in commit.indices {
                        let isApplied = applied.apply(made, row, layout)
                        #expect(isApplied)
                    }
                }
                events = applied
            } else {
                var loading = LoadingEvents()
                let made = Self.batch(layout, rows)
                // A snapshot has them in any order, with their positions.
                for row in rows.indices.shuffled(using: &random) {
                    let isLoaded = loading.append(made, row, position: Int64(row), layout)
                    #expect(isLoaded)
                }
                events = try #require(loading.events(layout))
            }
            let got = try times.map { time in
                var budget = WindowBudget(.max)
                let found = try #require(windows.values([0], in: [events], at: time, budget: &budget))
                return found.values.map { $0.value(0).identity }
            }
            #expect(got == expected ?? got, "seed \(seed), round \(round)")
            if let expected, got != expected { return }
            expected = got
            // Without those beside which all others vanish.
            plain.insert(rows.reduce(0) { $0 + ($1.x.flatMap { abs($0) < 1e6 ? $0 : nil } ?? 0) }.bitPattern)
        }
        #expect(plain.count > 1, "seed \(seed): sums of plain doubles pass the same test")
    }

    @Test func `a key of a million events is answered to the microsecond, by its totals`() throws {
        let (count, x, step) = (1_000_000, 0.1, Int64(1_000))
        let texts = ["count over 1h", "sum(x) over 1m", "sum(x) over lifetime", "max(x) over 1h", "count over 1s"]
        let layout = try ResidentWindowTests.simple(texts)
        let windows = try Self.resident(texts, layout)
        var loading = LoadingEvents()
        for start in stride(from: 0, to: count, by: 10_000) {
            let rows = (start..<start + 10_000).map { Row(time: Int64($0) * step, id: Int64($0), x: x) }
            let made = Self.batch(layout, rows)
            for row in rows.indices where !loading.append(made, row, position: 1, layout) {
                Issue.record("row \(row) has no room")
            }
        }
        let events = try #require(loading.events(layout))
        #expect(events.count == count)
        var random = SeededRandom(seed: 7)
        for _ in 0..<100 {
            let time = Int64(random.int(0...count)) * step + Int64(random.int(-1...1))
            /// Events with `time` - `length` < event time <= `time`.
            func inside(_ length: Int64) -> Int {
                func upTo(_ end: Int64) -> Int { end < 0 ? 0 : min(count, Int(end / step) + 1) }
                return upTo(time) - upTo(time - length)
            }
            func sum(_ rows: Int) -> Value { rows == 0 ? .null : .float64(Double(rows) * x) }
            var budget = WindowBudget(.max)
            let got = try #require(windows.values([0], in: [events], at: time, budget: &budget))
            let expected: [Value] = [
                .int64(Int64(inside(3_600_000_000))), sum(inside(60_000_000)), sum(inside(.max / 2)),
                inside(3_600_000_000) == 0 ? .null : .float64(x), .int64(Int64(inside(1_000_000))),
            ]
            #expect(got.values.map { $0.value(0).identity } == expected.map(\.identity), "at \(time)")
            #expect(Int.max - budget.left < 20_000, "\(Int.max - budget.left) of a million")
        }
    }
}
