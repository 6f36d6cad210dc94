import Features
import PointInTime
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// Reads are bounded by bytes as PostgreSQL finds them, so that what is too large never comes into the process.
@Suite struct BoundedReadTests {
    static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          v: { entities: [user], features: { s: string, b: bytes, l: list(string), i: list(int64), e: vector(8), n: float64 } }
        """

    private static func row(_ user: Int64, at time: Int64, _ bytes: Int) -> HistoryRow {
        HistoryRow(
            [.int64(user)],
            at: time,
            [
                .string(String(repeating: "s", count: bytes)), .bytes(Array(repeating: 7, count: bytes)),
                .listString(["a", String(repeating: "l", count: bytes)]), .listInt64([1, 2]),
                .vector(Array(repeating: 1, count: 8)), .float64(2),
            ]
        )
    }

    /// Each feature counts at least the bytes it has; so a row of these has at least 3 × 10,000.
    private static let rowBytes = 10_000

    @Test(arguments: [false, true])
    func `a range stops behind the row that fills it, and goes on from there`(isReversed: Bool) throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("v", (1...20).map { Self.row(1, at: $0, Self.rowBytes) })
        let reader = HistoryReader(store.session, try store.view("v"), bytesMax: 100_000)
        var times: [Int64] = []
        var (low, high): (Int64, Int64) = (0, 1_000)
        while low <= high {
            let page = try reader.range([.int64(1)], low...high, isReversed: isReversed, limit: 50)
            #expect(page.rowCount == (page.isCut ? 4 : 20 - times.count))
            times += page.eventTimes
            guard page.isCut, let last = page.eventTimes.last else { break }
            if isReversed { high = last - 1 } else { low = last + 1 }
        }
        #expect(times == (isReversed ? Array((1...20).reversed()) : Array(1...20)))
        let asked = try reader.range([.int64(1)], 0...1_000, isReversed: false, limit: 4)
        #expect(asked.rowCount == 4 && !asked.isCut)
    }

    @Test func `a row that is larger than the bound comes alone`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("v", [Self.row(1, at: 1, 10), Self.row(1, at: 2, 200_000), Self.row(1, at: 3, 10)])
        let reader = HistoryReader(store.session, try store.view("v"), bytesMax: 100_000)
        let page = try reader.range([.int64(1)], 2...9, isReversed: false, limit: 50)
        #expect(page.rowCount == 1 && page.isCut)
    }

    @Test func `changes come in pages of bytes, every row once, with a cursor at each end`() throws {
        let store = try TestStore(Self.yaml)
        var expected: [Int64] = []
        for batch in 0..<5 as Range<Int64> {
            try store.ingest("v", (0..<7).map { Self.row($0, at: batch * 10 + $0, Self.rowBytes) })
            expected += (0..<7).map { batch * 10 + $0 }
        }
        let reader = HistoryReader(store.session, try store.view("v"), bytesMax: 100_000)
        var cursor = HistoryReader.Cursor(position: 0, ordinal: 0)
        var times: [Int64] = []
        while true {
            let changes = try reader.changes(after: cursor, limit: 1_000)
            #expect(changes.rows.rowCount <= 4)
            if changes.rows.rowCount == 0 { break }
            times += changes.rows.eventTimes
            cursor = changes.next
        }
        #expect(times == expected)
    }

    @Test func `rows of views that are not in memory are fetched up to a bound`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("v", (0..<10).map { Self.row($0, at: 1, Self.rowBytes) })
        let stored = try store.view("v")
        let layout = RowLayout(keys: stored.storageKeys, features: stored.definition.features)
        let view = ServedView(stored, layout: layout, memory: nil)
        func keys(_ count: Int64) -> [Column] { [Column(type: .int64, values: .int64(Array(0..<count)))] }
        let few = try FetchedRows(store.session, bytesMax: 100_000).rows(view, keys(3))
        #expect(few.rowCount == 3)
        // Those that are asked for again and again are read once.
        let repeated = [Column(type: .int64, values: .int64((0..<300).map { $0 % 3 }))]
        #expect(try FetchedRows(store.session, bytesMax: 100_000).rows(view, repeated).rowCount == 3)
        #expect {
            _ = try FetchedRows(store.session, bytesMax: 100_000).rows(view, keys(10))
        } throws: { error in
            if case StoreError.tooLarge = error { true } else { false }
        }
    }
}
