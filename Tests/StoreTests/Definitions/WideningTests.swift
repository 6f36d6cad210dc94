import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Store
@testable import TrainingSets

/// Features that get a wider type or another name, with their history.
@Suite struct WideningTests {
    private static func yaml(_ features: String, more: String = "", services: String = "svc: [stats.*]") -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], features: { \(features) } }
        \(more)
        services: { \(services) }
        """
    }

    private static func refusal(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return "nothing was refused"
    }

    private static func spine(_ users: [Int64]) -> ColumnBatch {
        ColumnBatch(
            names: ["user_id", "t"],
            columns: [
                Column(type: .int64, values: .int64(users)),
                Column(type: .timestamp, values: .int64(users.map { _ in 1_000_000 })),
            ],
            rowCount: users.count
        )
    }

    private static func types(_ store: TestStore, _ table: String) throws -> String {
        let rows = try store.session.query(
            """
            SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attname !~ '^_'
            """,
            [.text(table)]
        )
        return rows.text(0, 0) ?? ""
    }

    @Test func `tables and their rows get the types and names that are applied, partitions and online tables too`()
        throws
    {
        let store = try TestStore(Self.yaml("a: int32, b: int32, c: int64, d: float32"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 5, [.int32(7), .int32(-8), .int64(9), .float32(0.1)])])
        try store.applyFile(
            Self.yaml("a: int64, bb: { type: float64, was: b }, c: float64, d: { type: float64, description: wide }")
        )
        let expected = "user_id bigint, a bigint, bb double precision, c double precision, d double precision"
        for table in ["history.stats", "history._p1", "online.stats"] {
            #expect(try Self.types(store, table) == expected, "\(table)")
        }
        let row: [Value] = [.int64(7), .float64(-8), .float64(9), .float64(Double(Float(0.1)))]
        #expect(try store.export("svc", spine: Self.spine([1]), labelTime: "t").features(0, of: 4) == row)
        let old = try store.export("svc@1", spine: Self.spine([1]), labelTime: "t")
        #expect(old.features(0, of: 4) == [.int32(7), .int32(-8), .int64(9), .float32(0.1)])
        #expect(old.batch.names.suffix(4) == ["stats__a", "stats__b", "stats__c", "stats__d"])
        // Two columns of one feature, by what it was and by what it is, cannot stand in one version; a name leads to it still.
        #expect(try store.view("stats").feature(called: "b")?.name == "bb")
        #expect(try store.violations().isEmpty)
    }

    @Test func `integers that a float64 does not hold alone are counted, and nothing is changed`() throws {
        let store = try TestStore(Self.yaml("n: int64"))
        let most: Int64 = 9_007_199_254_740_992
        let values = [0, most, -most, most + 1, -most - 1, Int64.max]
        try store.ingest("stats", values.enumerated().map { HistoryRow([.int64(Int64($0))], at: 1, [.int64($1)]) })
        let refusal = Self.refusal { try store.applyFile(Self.yaml("n: float64")) }
        #expect(
            refusal.contains("stats.n  int64 -> float64: 3 rows of its history have integers beyond ±2^53"),
            "\(refusal)"
        )
        #expect(refusal.contains("keep the type, or add a feature under another name"))
        #expect(try Self.types(store, "history.stats") == "user_id bigint, n bigint" && store.registry.version == 1)
        try store.session.execute("DELETE FROM history.stats WHERE abs(n) > \(most)")
        try store.applyFile(Self.yaml("n: float64"))
        let set = try store.export("svc@1", spine: Self.spine([0, 1, 2]), labelTime: "t")
        #expect((0..<3).map { set.features($0, of: 1) } == [[.int64(0)], [.int64(most)], [.int64(-most)]])
    }

    @Test(arguments: [
        ("int32", "int64", Value.int64(2_147_483_648), "its value 2147483648 is no int32"),
        ("int32", "float64", .float64(0.5), "its value 0.5 is no int32"),
        ("int64", "float64", .float64(9_007_199_254_740_994), "is no int64"),
        ("int64", "float64", .float64(.nan), "its value NaN is no int64"),
        ("float32", "float64", .float64(1e39), "is no float32"),
        ("float32", "float64", .float64(1e-60), "is no float32"),
    ])
    func `what a pinned version has no type for is named, with its row`(
        from: String,
        to: String,
        value: Value,
        message: String
    ) throws {
        let store = try TestStore(Self.yaml("n: \(from)"))
        try store.applyFile(Self.yaml("n: \(to)"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [value])])
        let refusal = Self.refusal { _ = try store.export("svc@1", spine: Self.spine([4, 1]), labelTime: "t") }
        #expect(refusal.hasPrefix("row 2 of the spine, column 'stats__n': "), "\(refusal)")
        #expect(refusal.contains(message) && refusal.contains("ask for a newer version"), "\(refusal)")
        let newer = try store.export("svc", spine: Self.spine([1]), labelTime: "t").features(0, of: 1)
        #expect(newer.map(\.identity) == [value.identity])
        // A row that nobody asks for is in nobody's way.
        #expect(try store.export("svc@1", spine: Self.spine([4]), labelTime: "t").features(0, of: 1) == [.null])
    }

    @Test func `float32 of a pinned version are the nearest ones, as those that were stored`() throws {
        let store = try TestStore(Self.yaml("x: float32"))
        try store.applyFile(Self.yaml("x: float64"))
        let values = [0.1, -1e38, .infinity, .nan, -0.0]
        try store.ingest("stats", values.enumerated().map { HistoryRow([.int64(Int64($0))], at: 1, [.float64($1)]) })
        let set = try store.export("svc@1", spine: Self.spine([0, 1, 2, 3, 4]), labelTime: "t")
        let got = (0..<5).map { set.features($0, of: 1)[0].identity }
        #expect(got == values.map { Value.float32(Float($0)).identity })
    }

    @Test func `what is personal is not shown where it does not fit`() throws {
        let store = try TestStore(Self.yaml("n: { type: int32, pii: true }"))
        try store.applyFile(Self.yaml("n: { type: int64, pii: true }"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int64(123_456_789_012)])])
        let refusal = Self.refusal { _ = try store.export("svc@1", spine: Self.spine([1]), labelTime: "t") }
        #expect(refusal.contains("its value is no int32") && !refusal.contains("123456789012"), "\(refusal)")
    }

    @Test func `a name leads to its feature for as long as that is there, and is no other's meanwhile`() throws {
        let store = try TestStore(Self.yaml("a: int64"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int64(1)])])
        try store.applyFile(Self.yaml("b: { type: int64, was: a }"))
        try store.applyFile(Self.yaml("c: { type: int64, was: b }"))
        for version in 1...3 {
            #expect(
                try store.export("svc@\(version)", spine: Self.spine([1]), labelTime: "t").features(0, of: 1) == [
                    .int64(1)
                ]
            )
        }
        let taken = Self.refusal { try store.applyFile(Self.yaml("c: int64, a: int64")) }
        #expect(taken.contains("'c' was called so, and old versions and manifests mean that by it"), "\(taken)")
        // A binary from before does not know the rule, and the store does.
        let reused = Self.refusal {
            try store.session.execute("INSERT INTO asof.features (view, name, type, since) VALUES (1, 'b', 'int64', 4)")
        }
        #expect(reused.contains("the name 'b' was another feature's of the view"), "\(reused)")
        // Back again, by which a version is again what it was.
        try store.applyFile(Self.yaml("a: { type: int64, was: c }"))
        #expect(store.registry.service(named: "svc")?.version == 1)
        #expect(try store.export("svc@3", spine: Self.spine([1]), labelTime: "t").features(0, of: 1) == [.int64(1)])
        // With the feature its names go.
        try store.applyFile(Self.yaml("z: int64"), prunes: true)
        try store.applyFile(Self.yaml("z: int64, b: string"))
        #expect(throws: StoreError.self) { try store.export("svc@2", spine: Self.spine([1]), labelTime: "t") }
    }

    @Test func `a feature that is renamed is not deleted by --prune, and a hidden one may return under another name`()
        throws
    {
        let store = try TestStore(Self.yaml("a: int32, b: int64"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int32(1), .int64(2)])])
        try store.applyFile(Self.yaml("aa: { type: int64, was: a }, b: int64"), prunes: true)
        #expect(
            try store.export("svc", spine: Self.spine([1]), labelTime: "t").features(0, of: 2) == [
                .int64(1), .int64(2),
            ]
        )
        try store.applyFile(Self.yaml("b: int64"))
        try store.applyFile(Self.yaml("b: int64, aaa: { type: float64, was: aa }"))
        #expect(
            try store.export("svc", spine: Self.spine([1]), labelTime: "t").features(0, of: 2) == [
                .int64(2), .float64(1),
            ]
        )
        #expect(
            try store.export("svc@1", spine: Self.spine([1]), labelTime: "t").features(0, of: 2) == [
                .int32(1), .int64(2),
            ]
        )
        #expect(try Self.types(store, "online.stats") == "user_id bigint, aaa double precision, b bigint")
    }

    @Test func `a view that returns may have wider features`() throws {
        let store = try TestStore(Self.yaml("a: int32", more: "  other: { entities: [user], features: { m: int64 } }"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int32(1)])])
        let other =
            "entities: { user: { key: user_id, type: int64 } }\nviews: { other: { entities: [user], features: { m: int64 } } }"
        try store.applyFile(other)
        try store.applyFile(Self.yaml("b: { type: int64, was: a }"))
        #expect(try store.export("svc", spine: Self.spine([1]), labelTime: "t").features(0, of: 1) == [.int64(1)])
        #expect(try store.export("svc@1", spine: Self.spine([1]), labelTime: "t").features(0, of: 1) == [.int32(1)])
    }

    @Test func `an ingest goes on where it ended, whatever its features are called and typed by now`() throws {
        let store = try TestStore(Self.yaml("a: int32, x: float32"))
        func rows(_ count: Int, _ row: (Int) -> [Value]) -> [HistoryRow] {
            (0..<count).map { HistoryRow([.int64(Int64($0))], at: Int64($0), row($0)) }
        }
        let narrow: (Int) -> [Value] = { [.int32(Int32($0)), .float32(Float($0) / 8)] }
        let wide: (Int) -> [Value] = { [.int64(Int64($0)), .float64(Double($0) / 8)] }
        try store.ingest("stats", rows(10, narrow), source: "s")
        try store.applyFile(Self.yaml("aa: { type: int64, was: a }, x: float64"))
        let more = try store.ingest("stats", rows(15, wide), source: "s")
        #expect(more.resumedRows == 10 && more.rows == 5)
        // And again, by what it is called now.
        let again = try store.ingest("stats", rows(16, wide), source: "s")
        #expect(again.resumedRows == 15 && again.rows == 1)
        // Another value before the checkpoint is another file, also one that no narrower type has.
        try store.applyFile(Self.yaml("aa: float64, x: float64"))
        for other in [0.25, 3] {
            let changed = rows(17) { row in
                [row == 2 ? .float64(other) : .float64(Double(row)), .float64(Double(row) / 8)]
            }
            let refusal = Self.refusal { try store.ingest("stats", changed, source: "s") }
            #expect(refusal.contains("source 's' changed"), "\(refusal)")
        }
    }

    @Test func `who read with the types from before is told, and not given other numbers`() throws {
        let store = try TestStore(Self.yaml("n: int64, m: int32"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int64(5), .int32(6)])])
        let spec = try store.spec("svc", spine: Self.spine([1]), labelTime: "t")
        let join = try TrainingSetJoin(spec, sessions: [store.session])
        _ = try join.join(Self.spine([1]))
        try store.applyFile(Self.yaml("n: float64, m: int64"))
        #expect(Self.refusal { _ = try join.join(Self.spine([1])) }.contains("definitions changed meanwhile"))
        let refusal = Self.refusal { try join.finish() }
        #expect(refusal.contains("'stats.n' became float64 while history was read"), "\(refusal)")
    }

    @Test func `a window's condition keeps an integer from becoming a float, and its number of values too`() throws {
        func yaml(_ type: String, _ windows: String = "w: sum(n) over 1h where n / 2 > 1") -> String {
            Self.yaml(
                "m: int64",
                more: """
                      clicks: { entities: [user], events: { id: e }, features: { e: string, n: \(type), l: \(type) } }
                      windows: { entities: [user], windows: { of: clicks, features: { \(windows), t: 'top(l, 2) over 1h' } } }
                    """,
                services: "svc: [windows.*]"
            )
        }
        let store = try TestStore(yaml("int32"))
        try store.applyFile(yaml("int64"))
        let refusal = Self.refusal {
            try store.applyFile(yaml("float64").replacing("top(l, 2) over 1h", with: "max(l) over 1h"))
        }
        #expect(refusal.contains("clicks.n") && refusal.contains("the condition of 'windows__w'"), "\(refusal)")
        #expect(refusal.contains("clicks.l") && refusal.contains("the values of 'windows__t'"), "\(refusal)")
        #expect(store.registry.version == 2)
    }
}
