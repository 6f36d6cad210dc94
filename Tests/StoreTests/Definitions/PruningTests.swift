import Features
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Store

@Suite struct PruningTests {
    static func yaml(_ stats: String?, more: String = "") -> String {
        "entities: { user: { key: user_id, type: int64 } }\nviews:\n  other: { entities: [user], features: { n: int64 } }\n"
            + (stats.map { "  stats: { entities: [user]\(more), features: { \($0) } }\n" } ?? "")
    }

    private static func store() throws -> TestStore {
        let store = try TestStore(yaml("n: int64, x: float64"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 5, [.int64(1), .float64(2)])])
        try store.ingest("other", [HistoryRow([.int64(1)], at: 5, [.int64(1)])])
        return store
    }

    private static func prune(_ store: TestStore, _ yaml: String) throws -> Registry {
        try Registry.apply(try Definitions.parse(yaml: yaml, file: "f"), prunes: true, store.session).0
    }

    private static func items(_ store: TestStore, _ yaml: String) throws -> [String] {
        try Pruning(store.session, to: try Definitions.parse(yaml: yaml, file: "f")).items.map(\.name)
    }

    private static func exists(_ store: TestStore, _ table: String) throws -> Bool? {
        try store.session.query("SELECT to_regclass('\(table)') IS NOT NULL").bool(0, 0)
    }

    @Test(arguments: [true, false])
    func `a view that the definitions lack is deleted, retired before or now`(isRetiredBefore: Bool) throws {
        let store = try Self.store()
        if isRetiredBefore { try store.apply(Self.yaml(nil)) }
        #expect(try Self.items(store, Self.yaml(nil)) == ["stats"])
        let head = try store.head().position
        let registry = try Self.prune(store, Self.yaml(nil))
        #expect(registry.views.map(\.name) == ["other"] && registry.retired == RetiredDefinitions())
        #expect(try store.head().position == head + 1)
        #expect(try Self.exists(store, "history.stats") == false && Self.exists(store, "online.stats") == false)
        for table in ["partitions", "features", "sources", "views"] {
            let column = table == "views" ? "id" : "view"
            let rows = try store.session.query(
                "SELECT count(*) FROM asof.\(table) t WHERE NOT EXISTS (SELECT FROM asof.views v WHERE v.id = t.\(column))"
            )
            #expect(rows.int64(0, 0) == 0, "\(table)")
        }
        #expect(try StoreCheck(store.session).run(registry.views).filter { $0.violations != 0 } == [])
        // The name is free again, for other keys and types.
        try store.apply(Self.yaml("n: string"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 5, [.string("a")])])
        #expect(try store.violations() == [])
    }

    @Test(arguments: [true, false])
    func `a feature that the definitions lack is deleted, retired before or now`(isRetiredBefore: Bool) throws {
        let store = try Self.store()
        if isRetiredBefore { try store.apply(Self.yaml("n: int64")) }
        #expect(try Self.items(store, Self.yaml("n: int64")) == ["stats.x"])
        let registry = try Self.prune(store, Self.yaml("n: int64"))
        #expect(registry.retired == RetiredDefinitions())
        let columns = try store.session.query(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'stats' AND column_name = 'x'"
        )
        #expect(columns.int64(0, 0) == 0)
        try store.apply(Self.yaml("n: int64"))
        try store.ingest("stats", [HistoryRow([.int64(2)], at: 9, [.int64(1)])])
        #expect(try store.violations() == [])
    }

    @Test func `the audit says what was pruned, and whose definitions came`() throws {
        let store = try Self.store()
        try store.applyFile("project: team\nentities: { e: { key: k, type: int64 } }\n")
        _ = try Self.prune(store, Self.yaml("n: int64") + "# x goes\n")
        _ = try Self.prune(store, Self.yaml(nil))
        let rows = try store.session.query(
            """
            SELECT concat_ws(' | ', action, subject, detail) FROM asof.audit WHERE action IN ('definitions', 'drop')
            ORDER BY at, action
            """
        )
        let lines = (0..<rows.count).map { rows.text($0, 0) ?? "" }
        #expect(lines.contains("definitions | team | version 2"), "\(lines)")
        #expect(lines.contains("definitions | version 3, pruned stats.x"), "\(lines)")
        #expect(
            lines.contains { $0 == "drop | stats" || $0.hasPrefix("drop | stats | ") && $0.hasSuffix("rows") },
            "\(lines)"
        )
    }

    @Test func `nothing to prune changes nothing`() throws {
        let store = try Self.store()
        let head = try store.head()
        _ = try Self.prune(store, Self.yaml("n: int64, x: float64"))
        #expect(try store.head() == head)
    }

    @Test func `retired data that fits returns, data that does not makes room`() throws {
        let store = try Self.store()
        try store.apply(Self.yaml(nil))
        #expect(try Self.items(store, Self.yaml("n: int64, x: float64")) == [])
        #expect(try Self.items(store, Self.yaml("n: int64, x: string")) == ["stats.x"])
        #expect(try Self.items(store, Self.yaml("n: int64", more: ", partition: day")) == ["stats"])
        // Without pruning this is refused.
        #expect(throws: StoreError.self) { try store.apply(Self.yaml("n: int64, x: string")) }
        let registry = try Self.prune(store, Self.yaml("n: int64, x: string"))
        let view = try registry.view(named: "stats")
        let rows = try store.session.query("SELECT n, x FROM \(view.historyTable)")
        #expect(rows.int64(0, 0) == 1 && rows.isNull(0, 1))
        #expect(try StoreCheck(store.session).run(registry.views).filter { $0.violations != 0 } == [])
    }

    @Test func `a type change of a feature in use stays refused`() throws {
        let store = try Self.store()
        let error = #expect(throws: StoreError.self) { try Self.prune(store, Self.yaml("n: string, x: float64")) }
        #expect("\(error!)".contains("int64 -> string"), "\(error!)")
        #expect(try Self.exists(store, "history.stats") == true)
    }

    @Test func `apply refuses a column beyond PostgreSQL's limit before PostgreSQL does`() throws {
        let store = try Self.store()
        // Columns that were added and dropped count: 1,592 of them leave room for two.
        let adds = (0..<1_592).map { "ADD c\($0) bool" }.joined(separator: ", ")
        let drops = (0..<1_592).map { "DROP c\($0)" }.joined(separator: ", ")
        try store.session.execute("ALTER TABLE history.stats \(adds); ALTER TABLE history.stats \(drops)")
        try store.apply(Self.yaml("n: int64, x: float64, y: bool"))
        let error = #expect(throws: StoreError.self) {
            try store.apply(Self.yaml("n: int64, x: float64, y: bool, z: bool"))
        }
        #expect("\(error!)".contains("a dropped column still counts"), "\(error!)")
    }
}
