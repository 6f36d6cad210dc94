import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

/// Versions of services keep the rules that they were made with.
@Suite struct ServiceRuleTests {
    private static let second: Int64 = 1_000_000
    private static let start: Int64 = 1_700_000_000_000_000

    private static func yaml(_ rules: String, services: String = "  rank: [stats.x]\n") -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], \(rules)features: { x: int64, y: int64 } }
          other: { entities: [user], features: { z: int64 } }
        services:
        \(services)
        """
    }

    /// Labels every second from the first event on.
    private static let spine = ColumnBatch(
        names: ["user_id", "t"],
        columns: [
            Column(type: .int64, Array(repeating: .int64(1), count: 12)),
            Column(type: .timestamp, values: .int64((0..<12).map { start + $0 * second })),
        ],
        rowCount: 12
    )

    private static func exported(_ features: String, _ store: TestStore) throws -> [Value] {
        try store.export(features, spine: spine, labelTime: "t").batch.columns[2].boxed
    }

    /// `nil` = null.
    private static func values(_ numbers: Int64?...) -> [Value] { numbers.map { $0.map { .int64($0) } ?? .null } }

    private static func store(_ rules: String = "") throws -> TestStore {
        let store = try TestStore(yaml(rules))
        // At 0 s, 5 s.
        try store.ingest(
            "stats",
            [0, 5].map { HistoryRow([.int64(1)], at: start + $0 * second, [.int64($0), .int64(-$0)]) }
        )
        return store
    }

    @Test func `an export of a version follows its rules after ttl, delay and strict have changed`() throws {
        let store = try Self.store()
        let forever = Self.values(0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 5, 5)
        let rules = ["", "ttl: 2s, ", "ttl: 3s, delay: 1s, ", "ttl: 3s, delay: 1s, strict: true, "]
        let expected = [
            forever,
            Self.values(0, 0, 0, nil, nil, 5, 5, 5, nil, nil, nil, nil),
            Self.values(nil, 0, 0, 0, nil, nil, 5, 5, 5, nil, nil, nil),
            Self.values(nil, nil, 0, 0, nil, nil, nil, 5, 5, nil, nil, nil),
        ]
        for (index, rule) in rules.enumerated() {
            if index > 0 { try store.apply(Self.yaml(rule)) }
            #expect(store.registry.service(named: "rank")?.version == index + 1)
            for version in 0...index {
                #expect(try Self.exported("rank@\(version + 1)", store) == expected[version], "rank@\(version + 1)")
            }
            #expect(try Self.exported("rank", store) == expected[index])
            // Of no service: the rules in force.
            #expect(try Self.exported("stats.x", store) == expected[index])
        }
        let stored = try store.session.query("SELECT version, rules FROM asof.services ORDER BY version")
        for (row, rule) in rules.enumerated() {
            let view = try #require(
                try Definitions.parse(yaml: Self.yaml(rule), file: "f.yaml").view(named: "stats")
            )
            #expect(stored.text(row, 1) == ServiceRules(view).fingerprint)
        }
        #expect(Set((0..<4).map { stored.text($0, 1) }).count == 4)
    }

    @Test func `a look-up of a version follows its rules, online and in history`() throws {
        let store = try Self.store("ttl: 2s, ")
        try store.apply(Self.yaml(""))
        let lookup = EntityLookup(store.session)
        func read(_ features: String, _ moment: EntityLookup.Moment, state: LedgerState? = nil) throws -> EntityRow {
            let plan = try store.registry.plan(for: try FeatureSelection(text: features), store.session).plan
            return try lookup.read(plan.roles[0], keys: [.int64(1)], moment, state: state)
        }
        let head = try store.head()
        for state in [nil, head] {
            #expect(try read("rank@1", .latest, state: state).statuses == [.expired])
            #expect(try read("rank@2", .latest, state: state).values == [.int64(5)])
            #expect(try read("stats.x", .latest, state: state).values == [.int64(5)])
        }
        let later = EntityLookup.Moment.at(Timestamp(microseconds: Self.start + 9 * Self.second))
        #expect(try read("rank@1", later).statuses == [.expired])
        #expect(try read("rank", later).values == [.int64(5)])
    }

    @Test func `a version that comes back as it was keeps its number, and others are left alone`() throws {
        let services = "  rank: [stats.x]\n  else: [other.z]\n"
        let store = try TestStore(Self.yaml("ttl: 1h, ", services: services))
        func versions() -> [Int?] { ["rank", "else"].map { store.registry.service(named: $0)?.version } }
        #expect(versions() == [1, 1])
        try store.apply(Self.yaml("ttl: 2h, ", services: services))
        #expect(versions() == [2, 1])
        // The same length in other words is no change of rules.
        try store.apply(Self.yaml("ttl: 120m, ", services: services))
        #expect(versions() == [2, 1])
        try store.apply(Self.yaml("ttl: 1h, ", services: services))
        #expect(versions() == [1, 1])
        try store.apply(Self.yaml("ttl: 1h, strict: true, ", services: services))
        #expect(versions() == [3, 1])
        // Away, its view changed meanwhile, and back as it was in version 2.
        try store.apply(Self.yaml("ttl: 2h, ", services: "  else: [other.z]\n"))
        #expect(versions() == [nil, 1])
        try store.apply(Self.yaml("ttl: 2h, ", services: services))
        #expect(versions() == [2, 1])
        #expect(try Registry.load(store.session).service(named: "rank")?.version == 2)
        #expect(try store.session.query("SELECT count(*) FROM asof.services").int64(0, 0) == 4)
    }

    @Test func `a version reads what is hidden by now, until it is pruned`() throws {
        let store = try Self.store()
        let one = Self.yaml("", services: "  rank: [stats.y]\n")
        try store.apply(one)
        let without = one.replacing("x: int64, ", with: "")
        try store.apply(without)
        #expect(try Self.exported("rank@1", store) == Self.values(0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 5, 5))
        #expect(throws: FeatureSelectionError.self) { try Self.exported("stats.x", store) }
        _ = try Registry.apply(
            try Definitions.parse(yaml: without, file: "f.yaml"),
            prunes: true,
            store.session
        )
        #expect(throws: StoreError.self) { try Self.exported("rank@1", store) }
    }

    /// The service `model` of a random history, whose views get random rules again and again.
    @Test(arguments: 201...206 as ClosedRange<UInt64>)
    func `an export of any version is what the oracle says by the rules of then, by every engine`(seed: UInt64) throws {
        let data = try ScanTests.Data(seed: seed, builds: 2)
        let history = data.history
        var versions: [Int: [String: ViewRules]] = [:]
        func note() throws {
            let definitions = history.store.registry.definitions
            let number = try #require(history.store.registry.service(named: "model")?.version)
            let rules = Dictionary(uniqueKeysWithValues: definitions.views.map { ($0.name, $0.rules) })
            if let before = versions[number] { #expect(before == rules, "version \(number), seed \(seed)") }
            #expect(!versions.contains { $0.key != number && $0.value == rules }, "two numbers, seed \(seed)")
            versions[number] = rules
        }
        try note()
        for step in 0..<6 {
            var definitions = history.store.registry.definitions
            for view in definitions.views.indices where history.random.oneIn(2) {
                // Few, so that some come back.
                definitions.views[view].rules = ViewRules(
                    ttl: history.random.pick([nil, "1s", "4s", "2000000us"]).flatMap { Interval(text: $0) },
                    delay: Interval(microseconds: Int64(history.random.int(0...2)) * Self.second),
                    isStrict: history.random.oneIn(2)
                )
            }
            if step == 4 {
                for view in definitions.views.indices {
                    definitions.views[view].rules = try #require(versions[1]?[definitions.views[view].name])
                }
            }
            try history.store.apply(definitions)
            try note()
            if history.random.oneIn(2) { try history.extend(batches: 2) }
        }
        #expect(versions.count > 2)
        let spine = history.spine(150)
        for (version, rules) in versions.sorted(by: { $0.key < $1.key }) {
            let state = history.random.pick(history.states.suffix(6))
            for engine in [EngineRequest(.probe), try data.request(.scan)] {
                let exported = try history.expectOracle(
                    spine,
                    state,
                    isKnownAtLabel: history.random.oneIn(3),
                    features: "model@\(version)",
                    rules: rules,
                    sessions: data.sessions,
                    engine: engine,
                    blockRows: history.random.int(40...200)
                )
                #expect(exported.join.warnings == [], "seed \(seed)")
            }
        }
    }
}
