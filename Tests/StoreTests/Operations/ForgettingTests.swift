import Features
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Store

@Suite struct ForgettingTests {
    @Test func `an entity is gone from every view of it, hidden ones too, and from no other`() throws {
        let fixture = try RemovalFixture()
        let before = try fixture.store.head().position
        let forgetting = try fixture.forgetting("user", "1")
        let planned = try forgetting.count()
        #expect(try fixture.store.head().position == before, "counting writes nothing")
        let (counts, _, state) = try forgetting.run()
        #expect(counts == planned)
        #expect(
            counts == [
                .init(view: "stats", isRetired: false, historyRows: 4, onlineRows: 1),
                .init(view: "pairs", isRetired: false, historyRows: 8, onlineRows: 2),
                .init(view: "archive", isRetired: true, historyRows: 4, onlineRows: 0),
            ]
        )
        for table in ["history.stats", "history.pairs", "history.archive", "online.stats", "online.pairs"] {
            #expect(try fixture.count(table, where: "user_id = 1") == 0, "\(table)")
            #expect(try fixture.count(table) != 0, "\(table)")
        }
        // Another entity with the same key column is somebody else.
        #expect(try fixture.count("history.robots", where: "user_id = 1") == 4)
        #expect(try forgetting.namesakes() == ["robots"])
        #expect(state?.position == before + 1)
        #expect(try fixture.store.violations() == [])
        let lines = try Ledger(fixture.store.session).lines(view: nil, limit: 3)
        #expect(lines.map(\.kind) == ["forget", "forget", "forget"])
        #expect(lines.map(\.rows) == [4, 8, 4])
        #expect(Set(lines.map(\.position)) == [before + 1])
    }

    @Test(arguments: [("user", "2"), ("item", "é"), ("item", "a")])
    func `ledger, history and online agree after each entity that is forgotten`(entity: String, key: String) throws {
        let fixture = try RemovalFixture()
        #expect(try fixture.forgetting(entity, key).run().state != nil)
        #expect(try fixture.store.violations() == [])
        // Writing goes on, of the same entity, too.
        try fixture.store.ingest("stats", [HistoryRow([.int64(2)], at: 7, [.int64(1), .null])])
        #expect(try fixture.store.violations() == [])
    }

    @Test func `what was never there leaves no trace`() throws {
        let fixture = try RemovalFixture()
        let before = try fixture.store.head()
        let (counts, _, state) = try fixture.forgetting("user", "77").run()
        #expect(counts == [] && state == nil)
        #expect(try fixture.store.head() == before)
        #expect(try fixture.count("asof.removals") == 0)
    }

    @Test func `the key is recorded nowhere, yet whoever has it learns when it was forgotten`() throws {
        let fixture = try RemovalFixture()
        let key = "person-4711@example.org"
        try fixture.store.ingest("items", [HistoryRow([.string(key)], at: 0, [.int64(1)])])
        #expect(try fixture.forgetting("item", key).earlier() == [])
        let state = try fixture.forgetting("item", key).run().state
        let earlier = try fixture.forgetting("item", key).earlier()
        #expect(earlier.map(\.microseconds) == [state?.committedAt])
        #expect(try fixture.forgetting("item", "a").earlier() == [])
        let tables = try fixture.store.session.query(
            "SELECT schemaname || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname IN ('asof', 'history', 'online')"
        )
        for row in 0..<tables.count {
            let table = tables.text(row, 0) ?? ""
            #expect(try fixture.count("\(table) t", where: "t::text LIKE '%person-4711%'") == 0, "\(table)")
        }
        // Without the salt nobody can tell any more, and forgetting still works.
        try fixture.store.session.execute("DELETE FROM asof.key_salt")
        #expect(try fixture.forgetting("item", key).earlier() == [])
        #expect(try fixture.forgetting("item", "a").run().state != nil)
    }

    @Test(arguments: [
        ("users", "1", "no entity 'users'; did you mean 'user'?"), ("user", "x", "expected int64, got 'x'"),
    ])
    func `an entity or key that cannot be is refused`(entity: String, key: String, message: String) throws {
        let fixture = try RemovalFixture()
        let error = #expect(throws: StoreError.self) { try fixture.forgetting(entity, key) }
        #expect("\(error!)".contains(message), "\(error!)")
    }

    @Test func `a writer under way is waited for, and what it wrote is forgotten, too`() throws {
        let fixture = try RemovalFixture()
        let view = try fixture.store.view("stats")
        let writer = try WriteTransaction(
            session: try Session(conninfo: fixture.store.conninfo),
            views: [view]
        )
        _ = try writer.write(
            TestStore.viewRows(
                [HistoryRow([.int64(1)], at: RemovalFixture.january2024 + 9, [.int64(9), .null])],
                view
            ),
            to: view
        )
        let conninfo = fixture.store.conninfo
        let definitions = fixture.store.registry.definitions
        let work = BackgroundWork { () throws(StoreError) in
            try Forgetting(try Session(conninfo: conninfo), entity: "user", key: "1", definitions).run().views
        }
        let waiting =
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
            + "(SELECT oid FROM pg_database WHERE datname = current_database()))"
        while try fixture.store.session.query(waiting).bool(0, 0) != true {}
        _ = try writer.commit()
        #expect(try work.wait().first?.historyRows == 5)
        #expect(try fixture.count("history.stats", where: "user_id = 1") == 0)
        #expect(try fixture.store.violations() == [])
    }
}
