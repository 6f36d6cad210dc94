import Expressions
import Features
import PointInTime
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

/// Derived columns of exports: blocks and pieces of many rows against one row at a time.
@Suite struct DerivedColumnTests {
    private static let second: Int64 = 1_000_000
    private static let start: Int64 = 1_700_000_000_000_000
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], ttl: 5s, features: { x: float64, name: string } }
          hidden: { entities: [user], delay: 1s, features: { y: int64 } }
        services:
          model:
            - stats.x
            - { request: add, type: float64 }
            - { derive: sum, from: "stats.x * 2 + add" }
            - { derive: div, from: "10 / hidden.y" }
            - { derive: text, from: "coalesce(stats.name, 'none') || ':' || user_id::string" }
            - { derive: age, from: "extract(epoch from label_time - hidden._event_time) + sum" }
        """

    private static func store(_ random: inout SeededRandom) throws -> TestStore {
        let store = try TestStore(yaml)
        for view in ["stats", "hidden"] {
            try store.ingest(
                view,
                (0..<60).map { _ in
                    HistoryRow(
                        [.int64(Int64(random.int(0...5)))],
                        at: start + Int64(random.int(0...30)) * second,
                        isDeleted: random.oneIn(8),
                        view == "hidden"
                            ? [random.oneIn(6) ? .null : .int64(Int64(random.int(-1...2)))]
                            : [.float64(Double(random.int(0...9)) / 2), random.oneIn(4) ? .null : .string("é")]
                    )
                }
            )
        }
        return store
    }

    private static func spine(_ rowCount: Int, _ random: inout SeededRandom) -> ColumnBatch {
        ColumnBatch(
            names: ["user_id", "add", "t"],
            columns: [
                Column(
                    type: .int64,
                    (0..<rowCount).map { _ in random.oneIn(20) ? .null : .int64(Int64(random.int(0...6))) }
                ),
                Column(
                    type: .float64,
                    (0..<rowCount).map { _ in random.oneIn(9) ? .null : .float64(Double(random.int(0...9))) }
                ),
                Column(
                    type: .timestamp,
                    (0..<rowCount).map { _ in
                        random.oneIn(30)
                            ? .null
                            : .timestamp(Timestamp(microseconds: start + Int64(random.int(0...35)) * second))
                    }
                ),
            ],
            rowCount: rowCount
        )
    }

    @Test(arguments: [1, 2, 3] as [UInt64], [JoinEngine.probe, .scan])
    func `a row's derived values are those of the row by itself`(seed: UInt64, engine: JoinEngine) throws {
        var random = SeededRandom(seed: seed)
        let store = try Self.store(&random)
        // More than a piece of evaluation, and pieces that do not end with it.
        let spine = Self.spine(seed == 1 ? 40_000 : 700, &random)
        let set = try store.export(
            "model",
            spine: spine,
            labelTime: "t",
            options: JoinOptions(witness: true),
            engine: EngineRequest(engine),
            blockRows: seed == 3 ? 97 : .max
        )
        let plan = set.join.spec.plan
        #expect(
            set.batch.names[3...].prefix(6) == [
                "stats__x", "request__add", "derive__sum", "derive__div", "derive__text", "derive__age",
            ]
        )
        #expect(set.batch["request__add"]?.boxed == spine["add"]?.boxed)
        // What expressions look up and the set does not have, joined by itself.
        let inputs = try store.export(
            "hidden.y,stats.name",
            spine: spine,
            labelTime: "t",
            engine: EngineRequest(engine)
        )
        var errors = 0
        for row in stride(from: 0, to: spine.rowCount, by: seed == 1 ? 61 : 1) {
            func one(_ column: Column?) throws -> Column { try #require(column).slice(row..<row + 1) }
            let isMatched = try !one(inputs.batch["hidden__y"]).isNull(0)
            let hiddenTime = try one(set.batch["hidden__event_time"])
            let lookups: [Column] = try plan.lookups.enumerated().map { index, lookup in
                switch index {
                case 0: try one(set.batch["stats__x"])
                case 1: try one(inputs.batch["hidden__y"])
                case 2: try one(inputs.batch["stats__name"])
                default: hiddenTime
                }
            }
            let label = try one(spine["t"])
            let values = plan.derived.evaluate(
                rowCount: 1,
                labelTimes: label,
                request: {
                    $0 == "add" ? spine.columns[1].slice(row..<row + 1) : spine.columns[0].slice(row..<row + 1)
                },
                lookup: { lookups[$0] }
            )
            errors += values.errorCounts[1]
            for (index, name) in ["derive__sum", "derive__div", "derive__text"].enumerated() {
                #expect(
                    try one(set.batch[name]).boxed == values.columns[index].boxed,
                    "row \(row), \(name), seed \(seed)"
                )
            }
            // The witness also has the time of a tombstone, of which an expression knows nothing.
            if isMatched {
                #expect(try one(set.batch["derive__age"]).boxed == values.columns[3].boxed, "row \(row), seed \(seed)")
            }
        }
        if seed != 1 { #expect(set.join.derivedErrors[1] == errors) }
        #expect(set.join.derivedErrors[1] > 0 && set.join.derivedErrors[0] == 0)
        let ages = try #require(set.batch["derive__age"]).boxed
        #expect(ages.contains { $0 != .null } && ages.contains(.null))
    }

    @Test(arguments: [JoinEngine.probe, .scan])
    func `the event time of a tombstone, or of what has expired, is null to expressions`(engine: JoinEngine) throws {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { stats: { entities: [user], ttl: 5s, features: { x: int64 } } }
            services: { s: [{ derive: t, from: "stats._event_time" }] }
            """
        )
        try store.ingest(
            "stats",
            [
                HistoryRow([.int64(1)], at: Self.start, [.null]),
                HistoryRow([.int64(1)], at: Self.start + 20 * Self.second, isDeleted: true, [.null]),
            ]
        )
        let times = [-1, 0, 5, 6, 20, 21].map { Self.start + $0 * Self.second }
        let spine = ColumnBatch(
            names: ["user_id", "t"],
            columns: [
                Column(type: .int64, Array(repeating: .int64(1), count: times.count)),
                Column(type: .timestamp, values: .int64(times)),
            ],
            rowCount: times.count
        )
        let set = try store.export("s", spine: spine, labelTime: "t", engine: EngineRequest(engine))
        let found = Value.timestamp(Timestamp(microseconds: Self.start))
        #expect(set.batch["derive__t"]?.boxed == [.null, found, found, .null, .null, .null])
    }

    @Test(arguments: [JoinEngine.probe, .scan])
    func `a spine without rows has the columns and no rows`(engine: JoinEngine) throws {
        var random = SeededRandom(seed: 9)
        let store = try Self.store(&random)
        let set = try store.export(
            "model",
            spine: Self.spine(0, &random),
            labelTime: "t",
            engine: EngineRequest(engine)
        )
        #expect(set.batch.columns.map(\.rowCount).allSatisfy { $0 == 0 } && set.batch.columns.count == 9)
    }

    @Test func `what is computed of personal values is personal`() throws {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { stats: { entities: [user], features: { x: int64, name: { type: string, pii: true } } } }
            services:
              s: [stats.x, { derive: n, from: "length(stats.name)" }]
              t: [stats.x, { derive: n, from: "stats.x + 1" }]
            """
        )
        func isPII(_ service: String) throws -> [Bool] {
            try store.registry.plan(for: try FeatureSelection(text: service), store.session).plan.isPII
        }
        #expect(try isPII("s") == [false, true])
        #expect(try isPII("t") == [false, false])
    }
}
