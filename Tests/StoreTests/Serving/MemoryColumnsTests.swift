import Features
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// Rows of a memory that are taken into other columns.
@Suite struct MemoryColumnsTests {
    private typealias Twin = ViewMemoryTests.Twin

    @Test(arguments: ViewMemoryTests.KeyKind.allCases, [1, 2, 3] as [UInt64])
    func `rows are what a memory of these columns would have`(keys: ViewMemoryTests.KeyKind, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let types = seed == 1 ? ViewMemoryTests.types : (0..<12).map { _ in random.pick(ViewMemoryTests.types) }
        let view = ViewMemoryTests.view(keys.columns, types)
        let memory = ViewMemory(layout: RowLayout(keys: view.storageKeys, features: view.definition.features))
        // More than are taken under one hold of the lock.
        let known: [[Value]] = (0..<5_000).map { number in
            keys.columns.map { $0.type == .int64 ? .int64(Int64(number)) : .string("k\(number)") }
        }
        var twin = Twin()
        for position in 1...Int64(30) {
            let batch = (0..<400).map { _ in
                HistoryRow(
                    random.pick(known),
                    at: Int64(random.int(0...20)),
                    isDeleted: random.oneIn(8),
                    types.map { ViewMemoryTests.value($0, &random) }
                )
            }
            memory.apply(TestStore.viewRows(batch, view), position: position)
            twin.apply(batch, position: position, isGlobal: keys == .global)
        }
        for _ in 0..<50 where keys != .global {
            let keys = random.pick(known)
            #expect(
                ViewMemoryTests.remove(keys, from: memory) == (twin.rows.removeValue(forKey: .init(keys)) != nil)
            )
        }
        var columns = view.definition.features.filter { _ in random.oneIn(2) }
        columns += [FeatureDefinition(name: "g0", type: .string), FeatureDefinition(name: "g1", type: .vector(3))]
        // The same name and another type is another column.
        let gone = view.definition.features.first { feature in !columns.contains { $0.name == feature.name } }
        if let gone { columns.append(FeatureDefinition(name: gone.name, type: gone.type == .bool ? .int32 : .bool)) }
        columns.shuffle(using: &random)
        let own = columns.prefix(columns.count / 2)
        let made = ViewMemory(
            layout: RowLayout(
                keys: view.storageKeys,
                features: Array(own),
                retired: Array(columns.dropFirst(own.count))
            )
        )
        let all = made.takeRows(of: memory, while: { true })
        #expect(all)
        for (keys, row) in twin.rows {
            twin.rows[keys]?.features = columns.map { column in
                view.definition.features.firstIndex(of: column).map { row.features[$0] } ?? .null
            }
        }
        ViewMemoryTests.check(made, twin, absent: keys == .global ? [] : known)
        #expect(made.figures.newest == memory.figures.newest)
        let half = ViewMemory(layout: made.layout)
        let isWhole = half.takeRows(of: memory, while: { false })
        #expect(!isWhole)
    }

    private static func yaml(_ features: String, services: String = "all: [stats.n]") -> String {
        LiveDefinitionsTests.yaml(stats: "features: { \(features) }", services: services)
    }

    @Test func `a feature that goes, or is new, asks PostgreSQL for nothing; one that may have values does`() throws {
        let store = try TestStore(Self.yaml("n: int64, note: string, x: float64"))
        try store.ingest(
            "stats",
            (0..<300).map { HistoryRow([.int64($0)], at: 1, [.int64($0), .string("note \($0)"), .float64(0.5)]) }
        )
        let fixture = try ServingFixture(store.conninfo)
        func applied(_ yaml: String, reloads: Int, _ comment: Comment) throws {
            let before = fixture.serving.state.reloads
            try store.applyFile(yaml)
            try fixture.catchUp(store.session)
            try fixture.expectOnline(store.session, comment)
            #expect(fixture.serving.state.reloads - before == reloads, comment)
        }
        try applied(Self.yaml("n: int64, x: float64"), reloads: 0, "one goes")
        try store.ingest("stats", [HistoryRow([.int64(7)], at: 2, [.int64(70), .float64(7)])])
        try applied(Self.yaml("m: string, n: int64, x: float64"), reloads: 0, "one is new")
        try store.ingest("stats", [HistoryRow([.int64(8)], at: 2, [.string("m"), .int64(80), .float64(8)])])
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session, "rows in the new columns")
        try applied(
            Self.yaml("n: int64, x: float64", services: "all: [stats.n, stats.x]"),
            reloads: 0,
            "one goes, and no version asks for it"
        )
        try applied(Self.yaml("n: int64, note: string, x: float64"), reloads: 1, "one returns")
        try applied(
            Self.yaml("k: { type: int64, was: n }, note: string, x: float64", services: "all: [stats.k]"),
            reloads: 1,
            "one has another name"
        )
        #expect(try fixture.view("stats").memory?.figures.rows == 300)
    }
}
