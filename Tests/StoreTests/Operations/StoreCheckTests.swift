import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Store

@Suite struct StoreCheckTests {
    /// Damage done with SQL, and the property that it breaks.
    struct Damage: Sendable, CustomTestStringConvertible {
        let sql: String
        let property: String
        var testDescription: String { sql }

        init(_ sql: String, breaks property: String) {
            self.sql = sql
            self.property = property
        }
    }

    static let online = "online is the latest of history"
    static let history = "history has the rows that the ledger says"
    static let damages = [
        Damage("UPDATE online.stats SET n = 99 WHERE user_id = 1", breaks: online),
        Damage("UPDATE online.stats SET n = NULL WHERE user_id = 1", breaks: online),
        Damage("UPDATE online.stats SET x = 0 WHERE user_id = 2", breaks: online),
        Damage("UPDATE online.stats SET _deleted = true WHERE user_id = 1", breaks: online),
        Damage("UPDATE online.stats SET _event_time = _event_time - interval '1 us' WHERE user_id = 1", breaks: online),
        Damage("DELETE FROM online.stats WHERE user_id = 3", breaks: online),
        Damage("INSERT INTO online.stats VALUES (77, '2020-01-01', false, 1, 1)", breaks: online),
        Damage(
            "UPDATE history.stats SET n = 99 WHERE user_id = 1 AND _event_time = '1970-01-01 00:00:02+00'",
            breaks: online
        ),
        Damage(
            "DELETE FROM history.stats WHERE user_id = 1 AND _event_time = '1970-01-01 00:00:01+00'",
            breaks: history
        ),
        Damage("INSERT INTO history.stats SELECT * FROM history.stats WHERE user_id = 3", breaks: history),
        Damage(
            "INSERT INTO history.stats SELECT * FROM history.stats WHERE user_id = 3",
            breaks: "a batch has one row for a key and event time"
        ),
        Damage("UPDATE history.stats SET _batch = 1000000 WHERE user_id = 3", breaks: history),
        Damage("UPDATE asof.batches SET rows = rows + 1 WHERE kind = 'data'", breaks: history),
        Damage("DELETE FROM asof.batches WHERE position = 2", breaks: "positions have no gaps"),
        Damage(
            "UPDATE asof.batches SET committed_at = committed_at + interval '1 day' WHERE position = 2",
            breaks: "commit times ascend with positions"
        ),
        Damage(
            "INSERT INTO asof.batches SELECT position, batch, 0, kind, 0, committed_at, gen_random_uuid(), NULL, NULL, "
                + "batch_high FROM asof.batches WHERE position = 3",
            breaks: "a position is one batch with one uid"
        ),
        Damage(
            "UPDATE asof.batches SET batch = (SELECT batch FROM asof.batches WHERE position = 2) WHERE position = 3",
            breaks: "a batch has one position"
        ),
        Damage(
            "UPDATE asof.batches SET batch_high = batch_high + 5 WHERE position = 2",
            breaks: "batch_high is the greatest batch so far"
        ),
        Damage(
            "INSERT INTO asof.ledger_totals VALUES ((SELECT id FROM asof.views), 2, 99, 2)",
            breaks: "kept totals are what its rows add up to"
        ),
        Damage(
            "INSERT INTO asof.removed_rows VALUES (9, (SELECT id FROM asof.views), 1, 1)",
            breaks: "what forget and drop removed adds up"
        ),
    ]

    private func store() throws -> TestStore {
        let store = try TestStore(
            """
            entities:
              user: { key: user_id, type: int64 }
            views:
              stats: { entities: [user], features: { n: int64, x: float64 } }
            """
        )
        try store.ingest(
            "stats",
            [
                HistoryRow([.int64(1)], at: 1_000_000, [.int64(1), .null]),
                HistoryRow([.int64(1)], at: 2_000_000, [.int64(2), .null]),
                HistoryRow([.int64(2)], at: 2_000_000, [.int64(2), .float64(.nan)]),
            ]
        )
        try store.ingest("stats", [HistoryRow([.int64(3)], at: 1_000_000, [.null, .null])])
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 0, isDeleted: true, [.null, .null])])
        return store
    }

    @Test(arguments: damages)
    func `damage is found`(damage: Damage) throws {
        let store = try store()
        #expect(try store.violations() == [])
        try store.session.execute(damage.sql)
        let found = try store.violations()
        let finding = found.first { $0.property == damage.property && $0.violations > 0 }
        #expect(finding?.examples.isEmpty == false, "found \(found)")
    }

    @Test(
        arguments: [
            ("UPDATE online.stats SET n = 99 WHERE user_id = 1", online, "user_id=1 (other values)"),
            (
                "DELETE FROM online.stats WHERE user_id = 3", online,
                "user_id=3 (history 1970-01-01 00:00:01+00, online none)"
            ),
            (
                "DELETE FROM history.stats WHERE user_id = 1 AND _event_time = '1970-01-01 00:00:01+00'", history,
                "batch 2: the ledger has 3 rows, history 2, of user_id=1, user_id=2"
            ),
            (
                "INSERT INTO history.stats SELECT * FROM history.stats WHERE user_id = 3",
                "a batch has one row for a key and event time",
                "user_id=3 at 1970-01-01 00:00:01+00, batch 3: 2 rows"
            ),
            ("DELETE FROM asof.batches WHERE position IN (2, 3)", "positions have no gaps", "positions 2 to 3"),
            (
                "INSERT INTO asof.ledger_totals VALUES ((SELECT id FROM asof.views), 2, 99, 2)",
                "kept totals are what its rows add up to", "view stats: kept 99 rows, the ledger has 3"
            ),
        ]
    )
    func `what breaks a property is named`(_ sql: String, _ property: String, _ example: String) throws {
        let store = try store()
        try store.session.execute(sql)
        let found = try store.violations()
        #expect(found.first { $0.property == property }?.examples == [example], "\(found)")
    }

    @Test func `of many violations a few are named, with keys as asof get reads them`() throws {
        let store = try TestStore(
            """
            entities: { shop: { key: shop, type: string }, town: { key: town, type: string } }
            views: { sales: { entities: [shop, town], features: { n: int64 } } }
            """
        )
        let shops = ["a,b", "c=d", "e f", "g", "h", "i", "j"]
        try store.ingest("sales", shops.map { HistoryRow([.string($0), .string("t")], at: 1_000_000, [.int64(1)]) })
        try store.session.execute("UPDATE online.sales SET n = 2")
        let found = try store.violations()
        #expect(found.map(\.violations) == [7])
        #expect(
            found.first?.examples == [
                #"shop=a\,b,town=t (other values)"#, #"shop=c\=d,town=t (other values)"#,
                #"shop=e\ f,town=t (other values)"#, "shop=g,town=t (other values)", "shop=h,town=t (other values)",
            ]
        )
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `the pass that leaves out what is older counts what the whole history says`(seed: UInt64) throws {
        print("StoreCheckTests seed \(seed)")
        var random = SeededRandom(seed: seed)
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { stats: { entities: [user], partition: day, features: { n: int64, s: string } } }
            """
        )
        for _ in 0..<6 {
            let rows = (0..<40).map { _ in
                HistoryRow(
                    [.int64(Int64(random.int(1...25)))],
                    at: Int64(random.int(0...4)) * 43_200_000_000,
                    isDeleted: random.oneIn(8),
                    [.int64(Int64(random.int(0...3))), .null]
                )
            }
            try store.ingest(
                "stats",
                rows.map { row in
                    row.isDeleted ? HistoryRow(row.keys, at: row.eventTime, isDeleted: true, [.null, .null]) : row
                }
            )
        }
        let view = try store.view("stats")
        for round in 0..<12 {
            let user = "WHERE user_id = \(random.int(1...25))"
            let times = "_event_time = _event_time \(random.oneIn(2) ? "+" : "-") interval '12 hours'"
            try store.session.execute(
                random.pick([
                    "UPDATE online.stats SET n = n + 1 \(user)", "UPDATE online.stats SET \(times) \(user)",
                    "DELETE FROM online.stats \(user)", "UPDATE online.stats SET _deleted = NOT _deleted \(user)",
                    "DELETE FROM history.stats \(user) AND n = 2",
                ])
            )
            let slow = try store.session.query(
                """
                SELECT count(*) FROM (\(view.latestQuery)) h FULL JOIN online.stats o ON h.user_id = o.user_id
                WHERE (h._event_time, h._deleted, h.n, h.s) IS DISTINCT FROM (o._event_time, o._deleted, o.n, o.s)
                """
            )
            let found = try StoreCheck(store.session).run([view]).first { $0.property == Self.online }
            #expect(found?.violations == slow.int64(0, 0).map { Int($0) }, "seed \(seed), round \(round)")
        }
    }

    @Test func `a view whose tables are written anew behind the snapshot is looked at again`() throws {
        func yaml(_ features: String) -> String {
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { stats: { entities: [user], features: { \(features) } } }
            """
        }
        let store = try TestStore(yaml("n: int32, x: float64"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1, [.int32(1), .float64(0.5)])])
        let other = try Session(conninfo: store.conninfo)
        func apply(_ features: String) {
            do {
                _ = try Registry.apply(try Definitions.parse(yaml: yaml(features), file: "features.yaml"), other)
            } catch { Issue.record(error) }
        }
        var rounds = 0
        let findings = try StoreCheck(store.session).run {
            rounds += 1
            if rounds == 1 { apply("n: int64, x: float64") }
        }
        #expect(rounds == 2 && findings.allSatisfy { $0.violations == 0 }, "\(findings)")
        // A name that is there no more is no fault of the store either.
        rounds = 0
        let renamed = try StoreCheck(store.session).run(named: ["stats"]) {
            rounds += 1
            if rounds == 1 { apply("n: int64, y: { type: float64, was: x }") }
        }
        #expect(rounds <= 2 && renamed.allSatisfy { $0.violations == 0 }, "\(renamed)")
        try store.session.execute("UPDATE online.stats SET n = 7")
        rounds = 0
        #expect(try StoreCheck(store.session).run { rounds += 1 }.contains { $0.violations == 1 } && rounds == 1)
    }

    @Test func `a check names every property that it looked at`() throws {
        let store = try store()
        let findings = try StoreCheck(store.session).run(store.registry.views)
        #expect(Set(Self.damages.map(\.property)) == Set(findings.map(\.property)))
    }
}
