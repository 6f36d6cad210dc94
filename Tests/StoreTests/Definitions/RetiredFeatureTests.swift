import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Online
@testable import Operations
@testable import Serving
@testable import Store

/// Features that a view has no longer, and a pinned version still reads.
@Suite struct RetiredFeatureTests {
    private static func yaml(_ email: String, _ columns: String, online: Bool = true) -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], online: \(online), features: { n: int64\(email), score: float64 } }
        services: { svc: [\(columns)] }
        """
    }

    private static let both = yaml(
        ", email: { type: string, pii: true }, level: int32",
        "stats.n, stats.email, stats.level"
    )
    private static let fewer = yaml("", "stats.n")

    /// Expects that online has the latest of history in every column, hidden ones, too.
    private static func expectLatest(_ store: TestStore, _ comment: String = "") throws {
        let view = try StoredView.whole("stats", store.session)
        #expect(view.definition.features.count == 4)
        let columns = "\(view.keyList()), _event_time, _deleted, \(view.featureList())"
        let latest = "SELECT \(columns) FROM (\(view.latestQuery)) l"
        let online = "SELECT \(columns) FROM \(view.onlineTable)"
        let rows = try store.session.query(
            "SELECT count(*) FROM ((\(latest) EXCEPT \(online)) UNION ALL (\(online) EXCEPT \(latest))) d"
        )
        #expect(rows.int64(0, 0) == 0, "\(comment)")
    }

    private static func email(_ reader: FetchedRows, _ view: ServedView, _ user: Int64) throws -> Value? {
        let column = try #require(view.layout.column(of: "email"))
        let read = try reader.read(view, [Column(type: .int64, values: .int64([user]))])
        return read.withReader { reader in reader.row(user).map { $0.value(column, reader.layout) } }
    }

    @Test(arguments: [ServingOptions.Residency.all, .none])
    func `a deletion takes a retired feature's value along`(resident: ServingOptions.Residency) throws {
        let store = try TestStore(Self.both)
        let first: [Value] = [.int64(1), .string("a@example.org, long enough for the heap"), .int32(7), .float64(1)]
        try store.ingest("stats", [1, 2, 3].map { HistoryRow([.int64($0)], at: 1, first) })
        var options = ServingOptions()
        options.resident = resident
        let fixture = try ServingFixture(store.conninfo, options: options)
        try store.apply(Self.fewer)
        try fixture.catchUp(store.session)
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 2, isDeleted: true, [.null, .null])])
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 3, [.int64(2), .null])])
        try store.ingest("stats", [HistoryRow([.int64(2)], at: 0, [.int64(2), .null])])
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session)
        try Self.expectLatest(store)
        let view = try fixture.view("stats")
        #expect((view.memory == nil) == (resident == .none))
        let reader = FetchedRows(store.session)
        #expect(try Self.email(reader, view, 1) == .null)
        // A late row is no newer one.
        #expect(try Self.email(reader, view, 2) == first[1] && Self.email(reader, view, 3) == first[1])
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `whoever writes, retired columns are those of the latest row`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.both)
        func rows(_ count: Int, _ features: () -> [Value]) -> [HistoryRow] {
            (0..<count).map { _ in
                let isDeleted = random.oneIn(5)
                let values = features()
                return HistoryRow(
                    [.int64(Int64(random.int(0...60)))],
                    at: 1_700_000_000_000_000 + Int64(random.int(0...9)),
                    isDeleted: isDeleted,
                    isDeleted ? values.map { _ in .null } : values
                )
            }
        }
        try store.ingest("stats", rows(60) { [.int64(1), .string("a"), .int32(2), .null] })
        let fixture = try ServingFixture(store.conninfo)
        try store.apply(Self.fewer)
        let view = try store.view("stats")
        for (round, count) in [1, 3, 20, 1_200].enumerated() {
            // A server's statement, or its copy where there are many.
            let group = TestStore.viewRows(rows(count) { [.int64(3), .float64(1)] }, view)
            try KnownPartitions.prepare(view, group.eventTimeValues, store.session)
            let transaction = try GroupStatementTests.begun([view], store.session)
            _ = try transaction.writeGroup(group, to: view)
            _ = try transaction.commit()
            try Self.expectLatest(store, "group, round \(round), seed \(seed)")
            try store.ingest("stats", rows(count) { [.int64(4), .null] })
            try Self.expectLatest(store, "ingest, round \(round), seed \(seed)")
            try fixture.catchUp(store.session)
            try fixture.expectOnline(store.session, "round \(round), seed \(seed)")
        }
        try store.session.execute("UPDATE online.stats SET email = 'wrong', level = NULL WHERE user_id % 2 = 0")
        _ = try OnlineRebuild(store.session).run(view)
        try Self.expectLatest(store, "rebuild, seed \(seed)")
        // An online table that is made anew.
        try store.apply(Self.yaml("", "stats.n", online: false))
        try store.apply(Self.fewer)
        try Self.expectLatest(store, "made anew, seed \(seed)")
    }

    @Test func `a feature that returns costs nothing, but for one that was hidden while older releases wrote`() throws {
        let store = try TestStore(Self.both)
        let first: [Value] = [.int64(1), .string("a@example.org"), .int32(7), .float64(1)]
        try store.ingest("stats", [1, 2].map { HistoryRow([.int64($0)], at: 1, first) })
        func returned(_ meanwhile: String) throws -> String {
            try store.apply(Self.fewer)
            try store.session.execute(meanwhile)
            try store.apply(Self.both)
            let rows = try store.session.query("SELECT string_agg(email, ' ' ORDER BY user_id) FROM online.stats")
            return rows.text(0, 0) ?? ""
        }
        // What is online is taken as it is, so no history is read.
        let mark = "UPDATE online.stats SET email = 'left alone' WHERE user_id = 2"
        #expect(try returned(mark) == "a@example.org left alone")
        let older = "UPDATE asof.features SET retired_at = '2000-01-01' WHERE retired_at IS NOT NULL"
        #expect(try returned(older) == "a@example.org a@example.org")
        try Self.expectLatest(store)
    }

    @Test func `a run of a batch view leaves no value of a retired feature under its rows`() throws {
        let batch = try BatchViewStore()
        try batch.add(1, 1)
        try batch.add(2, 1)
        try batch.run(from: BatchViewStore.hour(0), to: BatchViewStore.hour(2))
        try batch.store.apply(
            BatchViewStore.yaml.replacing(", name: string", with: "").replacing(
                ", clicks, name FROM",
                with: ", clicks FROM"
            )
        )
        try batch.add(1, 3)
        try batch.run(to: BatchViewStore.hour(4))
        let rows = try batch.other.query("SELECT name FROM online.stats ORDER BY user_id")
        #expect(rows.count == 2 && rows.isNull(0, 0) && rows.text(1, 0) == "n1")
    }

    @Test func `a retired feature counts as personal`() throws {
        let store = try TestStore(Self.both)
        try store.apply(Self.fewer)
        let plan = try Registry.load(store.session).plan(for: .service(name: "svc", version: 1), store.session).plan
        #expect(plan.roles[0].features.map(\.name) == ["n", "email", "level"])
        #expect(plan.roles[0].features.map(\.isPII) == [false, true, true])
    }
}
