import Features
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Store

/// What ingests make of values that are not as expected.
@Suite struct ExpectationIngestTests {
    static func yaml(_ ctr: String) -> String {
        """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats:
            entities: [user]
            features:
              ctr: \(ctr)
              name: { type: string, in: [a, b], action: reject }
        """
    }

    static func row(_ user: Int64, _ ctr: Value, _ name: Value = .string("a"), isDeleted: Bool = false) -> HistoryRow {
        HistoryRow([.int64(user)], at: 1_767_225_600_000_000 + user, isDeleted: isDeleted, [ctr, name])
    }

    static func ctrs(_ values: [Double?]) -> [HistoryRow] {
        values.enumerated().map { row(Int64($0.offset), $0.element.map { .float64($0) } ?? .null) }
    }

    /// `feature rows/nulls/warned/refused` of each count, in the order of the batches.
    static func counts(_ store: TestStore) throws -> [String] {
        let rows = try store.session.query(
            """
            SELECT f.name || ' ' || c.rows || '/' || c.nulls || '/' || c.warned || '/' || c.refused
            FROM asof.expectation_counts c JOIN asof.features f ON f.id = c.feature ORDER BY c.batch, f.name
            """
        )
        return (0..<rows.count).compactMap { rows.text($0, 0) }
    }

    static func stored(_ store: TestStore) throws -> Int64? {
        try store.session.query("SELECT count(*) FROM history.stats").int64(0, 0)
    }

    static func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: ["reject", "stop"])
    func `a value out of bounds ends an ingest with its row, value and what was expected`(_ action: String) throws {
        let store = try TestStore(Self.yaml("{ type: float64, min: 0, max: 1, action: \(action) }"))
        let error = Self.message { try store.ingest("stats", Self.ctrs([0.5, 1, nil, 1.5, -1])) }
        let stop = action == "stop" ? " (action: stop); nothing of its batch is stored" : ""
        #expect(error == "row 4: feature 'ctr': expected 0.0 to 1.0, got 1.5\(stop)")
        #expect(try Self.stored(store) == 0)
        #expect(try Self.counts(store).isEmpty)
    }

    @Test func `warned values are stored and counted, and the first is told of with its row`() throws {
        let store = try TestStore(Self.yaml("{ type: float64, min: 0, max: 1, action: warn }"))
        let summary = try store.ingest("stats", Self.ctrs([0.5, .nan, nil, 1.5, -1]))
        #expect(summary.warned == 3)
        #expect(
            summary.expectationWarnings == [
                """
                view 'stats': 3 of 5 values are not as expected, and stored: the first in row 2: feature 'ctr': expected 0.0 \
                to 1.0, got NaN
                """
            ]
        )
        #expect(try Self.stored(store) == 5)
        #expect(try Self.counts(store) == ["ctr 5/1/3/0"])
        // Where all is well there is nothing to write.
        try store.ingest("stats", Self.ctrs([0.5]))
        #expect(try Self.counts(store).count == 1)
    }

    @Test func `rows set aside are counted with the batch behind them, once, by what they failed first`() throws {
        let store = try TestStore(Self.yaml("{ type: float64, min: 0, max: 1, max_null: 50% }"))
        let rows = [
            Self.row(1, .float64(0.5)), Self.row(2, .float64(7), .string("z")), Self.row(3, .null, .string("z")),
            Self.row(4, .null), Self.row(5, .float64(1), .string("b")),
        ]
        let view = try store.view("stats")
        let columns = TestStore.viewRows(rows, view)
        var options = IngestionOptions()
        options.skipsBadRows = true
        let ingestion = try TestStore.ingestion(view, like: columns, store.session, source: "s", options: options)
        let checked = ingestion.check(InputRows(columns, of: view))
        let faults = checked.faults.map(\.fault)
        #expect(faults.map(\.row) == [1, 2])
        #expect(faults.map(\.feature) == ["ctr", "name"])
        #expect(faults[1].reason == "feature 'name': expected one of \"a\", \"b\", got \"z\"")
        try ingestion.append(checked)
        let summary = try ingestion.finish()
        #expect(summary.rows == 3 && summary.rejected == 2)
        #expect(try Self.counts(store) == ["ctr 4/1/0/1", "name 4/0/0/1"])

        // The checkpoint has consumed what was set aside.
        let again = try TestStore.ingestion(view, like: columns, store.session, source: "s")
        let known = again.check(InputRows(columns, of: view))
        #expect(again.resumesAt == 5 && known.faults.isEmpty)
        try again.append(known)
        #expect(try again.finish().resumedRows == 5)
        #expect(try Self.counts(store).count == 2)
        #expect(try store.violations() == [])
    }

    @Test func `what stops a batch is never set aside, and says its row among those that are`() throws {
        let yaml = Self.yaml("{ type: float64, max: 1, action: stop }")
        let store = try TestStore(yaml)
        let rows = [
            Self.row(1, .float64(0.5), .string("z")), Self.row(2, .float64(0.5)),
            Self.row(3, .float64(7), .string("z")),
        ]
        let view = try store.view("stats")
        let columns = TestStore.viewRows(rows, view)
        var options = IngestionOptions()
        options.skipsBadRows = true
        let ingestion = try TestStore.ingestion(view, like: columns, store.session, options: options)
        let checked = ingestion.check(
            InputRows(columns, of: view, undecodable: [UndecodableRow(offset: 1, text: [])])
        )
        #expect(checked.faults.map(\.fault.row) == [0])
        let error = Self.message { try ingestion.append(checked) }
        #expect(error.hasPrefix("row 4: feature 'ctr': expected at most 1.0, got 7.0 (action: stop)"), "\(error)")
        #expect(try Self.stored(store) == 0)
    }

    @Test func `of a row that fails several expectations one that stops comes before one that does not`() throws {
        let yaml = Self.yaml("{ type: float64, max: 1 }").replacing(
            "in: [a, b], action: reject",
            with: "in: [a], action: stop"
        )
        let store = try TestStore(yaml)
        let columns = TestStore.viewRows([Self.row(1, .float64(7), .string("z"))], try store.view("stats"))
        let faults = RowChecks(view: try store.view("stats"), now: 1_800_000_000_000_000).inspect(columns).faults
        #expect(faults.count == 1 && faults[0].isStop && faults[0].feature == "name")
        // What is no row at all is that, whatever its values are.
        let null = HistoryRow([.null], at: 0, [.float64(7), .string("z")])
        let other = RowChecks(view: try store.view("stats"), now: 1_800_000_000_000_000)
            .inspect(TestStore.viewRows([null], try store.view("stats"))).faults
        #expect(other.count == 1 && other[0].feature == nil && !other[0].isStop)
    }

    @Test(arguments: ["reject", "stop", "warn"])
    func `a batch with too many nulls is refused as a whole, or stored with a warning`(_ action: String) throws {
        let store = try TestStore(Self.yaml("{ type: float64, max_null: 5%, action: \(action) }"))
        try store.ingest("stats", Self.ctrs((0..<100).map { $0 < 5 ? nil : 0.5 }))
        // Nothing can be said of a few rows.
        try store.ingest("stats", Self.ctrs((0..<99).map { _ in nil }))
        #expect(try Self.counts(store) == ["ctr 100/5/0/0", "ctr 99/99/0/0"])
        let many = Self.ctrs((0..<100).map { $0 < 6 ? nil : 0.5 })
        let text = "feature 'ctr' of view 'stats' is null in 6 of the batch's 100 rows (6.00%); its max_null is 5%"
        if action == "warn" {
            #expect(try store.ingest("stats", many).expectationWarnings == [text])
            #expect(try Self.stored(store) == 299)
        } else {
            #expect(Self.message { try store.ingest("stats", many) }.hasPrefix(text))
            #expect(try Self.stored(store) == 199)
        }
    }

    @Test func `of a batch that another run has stored there is nothing to warn of`() throws {
        let store = try TestStore(Self.yaml("{ type: float64, max_null: 5%, action: warn }"))
        let view = try store.view("stats")
        let columns = TestStore.viewRows(Self.ctrs((0..<100).map { $0 < 6 ? nil : 0.5 }), view)
        let other = try Session(conninfo: store.conninfo)
        let runs = try [store.session, other].map {
            try TestStore.ingestion(view, like: columns, $0, source: "s")
        }
        let summaries = try runs.map { run in
            try run.append(columns)
            return try run.finish()
        }
        #expect(summaries.map(\.rows) == [100, 0] && summaries.map(\.resumedRows) == [0, 100])
        #expect(summaries[0].expectationWarnings.count == 1)
        #expect(summaries[1].expectationWarnings == [])
    }

    @Test func `with no null allowed each null row is refused by itself`() throws {
        let store = try TestStore(Self.yaml("{ type: float64, max_null: 0% }"))
        let error = Self.message { try store.ingest("stats", Self.ctrs([0.5, nil])) }
        #expect(error == "row 2: feature 'ctr': expected a value, got null (max_null 0%)")
    }

    @Test func `tombstones are not checked, and rows that are stored already stay`() throws {
        let store = try TestStore(Self.yaml("float64"))
        try store.ingest("stats", [Self.row(1, .float64(7))])
        try store.apply(Self.yaml("{ type: float64, max: 1, max_null: 0% }"))
        try store.ingest("stats", [Self.row(1, .null, .null, isDeleted: true)])
        #expect(try Self.stored(store) == 2)
        #expect(Self.message { try store.ingest("stats", [Self.row(2, .float64(7))]) }.contains("at most 1.0, got 7.0"))
    }

    @Test func `values of a feature with pii are in no message`() throws {
        let store = try TestStore(Self.yaml("{ type: float64, max: 1, pii: true }"))
        let error = Self.message { try store.ingest("stats", Self.ctrs([123.25])) }
        #expect(error == "row 1: feature 'ctr': expected at most 1.0, got a value that is not shown (pii)")
    }

    @Test func `an ingest under way when expectations change stores nothing more by the old ones`() throws {
        let store = try TestStore(Self.yaml("float64"))
        let view = try store.view("stats")
        let columns = TestStore.viewRows(Self.ctrs([7]), view)
        let ingestion = try TestStore.ingestion(view, like: columns, store.session)
        let other = try Session(conninfo: store.conninfo)
        let new = try Definitions.parse(yaml: Self.yaml("{ type: float64, max: 1 }"), file: "f.yaml")
        _ = try Registry.apply(new, other)
        try ingestion.append(columns)
        #expect(Self.message { _ = try ingestion.finish() }.contains("changed"))
        #expect(try Self.stored(store) == 0)
    }

    @Test func `old counts are deleted, and those of a pruned view or feature`() throws {
        let store = try TestStore(Self.yaml("{ type: float64, max: 1, action: warn }"))
        try store.ingest("stats", Self.ctrs([7]))
        try store.ingest("stats", Self.ctrs([8]))
        try store.session.execute(
            "UPDATE asof.batches SET committed_at = committed_at - interval '31 days' WHERE position <= 2"
        )
        try store.ingest("stats", Self.ctrs([9]))
        try store.session.transaction(.write, of: "a test") { () throws(StoreError) in
            try ExpectationCounts.dropOld(store.session)
        }
        #expect(try Self.counts(store).count == 2)
        let status = try StoreStatus.read(store.session).expectations
        #expect(status.map(\.name) == ["stats.ctr", "stats.name"])
        #expect(status[0].warned == 2 && status[0].rows == 2 && status[0].lastFailedAt != nil)
        #expect(status[1].rows == 0 && status[1].lastFailedAt == nil)
        let rest =
            "entities: { user: { key: user_id, type: int64 } }\nviews: { o: { entities: [user], features: { x: bool } } }"
        _ = try Registry.apply(try Definitions.parse(yaml: rest, file: "f.yaml"), prunes: true, store.session)
        #expect(try store.session.query("SELECT count(*) FROM asof.expectation_counts").int64(0, 0) == 0)
    }
}
