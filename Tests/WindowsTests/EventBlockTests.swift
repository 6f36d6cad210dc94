import Features
import PointInTime
import TestSupport
import Testing

@testable import Windows

/// What events take: of memory in blocks, and of the time that others wait.
@Suite struct EventBlockTests {
    @Test(arguments: [256, 4])
    func `events that come in descending order behind a full block fill blocks`(blockRows: Int) throws {
        var layout = try ResidentWindowTests.simple(["sum(x) over lifetime"])
        layout.blockRows = blockRows
        let count = 5_000
        for full in [blockRows, blockRows * layout.groupBlocks] {
            var loading = LoadingEvents()
            let first = ResidentWindowTests.batch(layout, (0..<full).map { (time: Int64($0), id: Int64($0)) })
            for row in 0..<full {
                let isLoaded = loading.append(first, row, position: 1, layout)
                #expect(isLoaded)
            }
            var events = try #require(loading.events(layout))
            // Something is behind the last of them, too, in a group of its own where the first one is full.
            for row in [Int64(1 << 40)] + (0..<count).map({ Int64(1 << 30) - Int64($0) }) {
                let isApplied = events.apply(ResidentWindowTests.batch(layout, [(time: row, id: row)]), 0, layout)
                #expect(isApplied)
            }
            #expect(events.count == full + count + 1)
            let blocks = events.groups.reduce(0) { $0 + $1.blocks.count }
            #expect(blocks <= 2 * (full + count) / blockRows + 2, "\(blocks) blocks of \(blockRows), \(full) before")
            let times = events.groups.flatMap(\.blocks).flatMap { block in
                (0..<block.count).map { block.time($0, layout) }
            }
            #expect(times == times.sorted())
        }
    }

    @Test(arguments: ["distinct(s) over lifetime", "last(s, 1000) over lifetime", "first(s, 1000) over lifetime"])
    func `what is taken out costs what its bytes do`(text: String) throws {
        let layout = try ResidentWindowTests.simple([text])
        let view = try ResidentWindowTests.events(integerIDs: true)
        let windows = ResidentWindows(
            [try EventWindow(text, of: view)],
            delay: Interval(microseconds: 0),
            isStrict: false,
            layout: layout
        )
        func cost(_ length: Int) throws -> Int {
            var events = KeyEvents()
            for id in 0..<10 as Range<Int64> {
                let batch = EventBatch(
                    layout,
                    times: [id],
                    identity: [Column(type: .int64, values: .int64([id]))],
                    isDeleted: nil
                ) { _ in Column(type: .string, [.string(String(repeating: "x", count: length))]) }
                let isApplied = events.apply(batch, 0, layout)
                #expect(isApplied)
            }
            var budget = WindowBudget(.max)
            _ = try #require(windows.values([0], in: [events], at: 100, budget: &budget))
            return .max - budget.left
        }
        #expect(try cost(64 << 10) - cost(0) == 10 * (64 << 10) / WindowBudget.bytesPerCost)
        // 640 MB of text do not pass by at once, as 10,000 events without would.
        var budget = WindowBudget(10_000 * WindowBudget.pickCost)
        let isWithin = budget.spend(10_000 * (WindowBudget.pickCost + (64 << 10) / WindowBudget.bytesPerCost))
        #expect(!isWithin)
    }
}
