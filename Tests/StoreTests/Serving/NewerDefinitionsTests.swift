import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing

@testable import Online
@testable import Operations
@testable import Serving
@testable import Store

/// Definitions of a newer asof: a server goes on with those it has, and nobody takes half of them.
@Suite struct NewerDefinitionsTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], ttl: 30d, description: Clicks, tags: { team: a }, features: { n: int64, x: float64 } }
          marks: { entities: [user], source: { sql: "SELECT * FROM raw WHERE event_time >= :from AND event_time < :to" }, features: { v: vector(3) } }
        services:
          model: [stats.n, { view: marks, as: other, keys: { user_id: buddy }, features: [v] }]
        """

    private static func rows(_ number: Int64) -> [HistoryRow] {
        (0..<20).map { HistoryRow([.int64($0)], at: number, [.int64($0 + number), .float64(0)]) }
    }

    /// Puts a document in force as a newer asof would; further statements in the same commit.
    private static func apply(_ document: String, more: String = "SELECT 1", _ session: Session) throws {
        try session.begin(.write)
        try session.execute(
            """
            INSERT INTO asof.definitions SELECT (jsonb_populate_record(d, jsonb_build_object(
                'version', version + 1, 'document', \(document)))).*
            FROM asof.definitions d ORDER BY version DESC LIMIT 1;
            \(more)
            """
        )
        let ledger = Ledger(session)
        let batch = try ledger.takeBatch().batch
        _ = try ledger.commit(batch: batch, [LedgerEntry(view: 0, kind: .definitions, rows: 0)])
    }

    private static func warnings(_ fixture: ServingFixture) -> [String] {
        fixture.events.all.filter { $0.level == .warning }.map { "\($0.message)" }
    }

    /// Takes back the last document.
    private static func takeBack(_ session: Session) throws {
        try session.execute("DELETE FROM asof.definitions WHERE version = (SELECT max(version) FROM asof.definitions)")
    }

    @Test(arguments: [
        ("jsonb_set(document, '{views,0,colour}', '\"blue\"')", "views.0.colour"),
        ("jsonb_set(document, '{views,0,features,0,type}', '\"decimal(9)\"')", "views.0.features.0.type"),
        ("jsonb_set(document, '{views,0,missing}', '\"guess\"')", "views.0.missing"),
        ("jsonb_set(document, '{windows}', '[1]')", "windows"),
    ])
    func `a server goes on with what it has, follows rows, and says so once`(document: String, field: String) throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("stats", Self.rows(1))
        let fixture = try ServingFixture(store.conninfo)
        let memory = try fixture.view("stats").memory
        try Self.apply(document, store.session)
        try fixture.catchUp(store.session)
        for number in 2...4 as ClosedRange<Int64> {
            try store.ingest("stats", Self.rows(number))
            try fixture.catchUp(store.session)
            try fixture.expectOnline(store.session, "\(number)")
        }
        let state = fixture.serving.state
        let newer = try #require(state.newerDefinitions)
        #expect(newer.version == 2 && !newer.stopsFollowing && newer.reason.contains("'\(field)'"), "\(newer)")
        #expect(fixture.serving.catalog.version == 1)
        #expect(try fixture.view("stats").memory === memory && state.reloads == 0)
        #expect(state.downSince == nil && state.connections == 1)
        #expect(Self.warnings(fixture).count == 1)
        #expect(Self.warnings(fixture).first?.contains("version 2") == true)
        // What takes rows away is followed, too.
        _ = try Forgetting(store.session, entity: "user", key: "7", store.registry.definitions).run()
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session, "forgotten")

        // This binary takes no part of them, and changes none.
        do {
            try store.apply(Self.yaml)
            Issue.record("they were applied over")
        } catch {
            #expect("\(error)".contains("'\(field)'") && "\(error)".contains("use a newer asof"), "\(error)")
        }

        // They are readable again: the next change is taken as any other.
        try Self.takeBack(store.session)
        try store.apply(Self.yaml.replacing("n: int64,", with: "n: int64, y: bool,"))
        try fixture.catchUp(store.session)
        #expect(fixture.serving.state.newerDefinitions == nil)
        #expect(try fixture.view("stats").layout.columns.map(\.feature) == ["n", "y", "x"])
        try fixture.expectOnline(store.session, "readable")
        #expect(Self.warnings(fixture).count == 1)
    }

    @Test func `where tables have changed too, a server stays where it is, and does not try again and again`() throws {
        let store = try TestStore(Self.yaml)
        try store.ingest("stats", Self.rows(1))
        let fixture = try ServingFixture(store.conninfo)
        try fixture.catchUp(store.session)
        let reached = fixture.serving.state.reached
        try Self.apply(
            "jsonb_set(document, '{views,0,colour}', '\"blue\"')",
            more: "UPDATE asof.features SET retired_at = now() WHERE name = 'x'",
            store.session
        )
        for number in 2...4 as ClosedRange<Int64> {
            try store.ingest("stats", Self.rows(number))
            let head = try store.head().position
            #expect(Patience.wait { fixture.serving.state.head == head })
        }
        let state = fixture.serving.state
        #expect(state.newerDefinitions?.stopsFollowing == true && state.reached == reached && state.lag == 4)
        #expect(state.downSince == nil && state.connections == 1 && Self.warnings(fixture).count == 1)
        #expect(Self.warnings(fixture).first?.contains("position \(reached.position)") == true)
        let row = try fixture.view("stats").memory?.withReader { $0.row(7)?.eventTime }
        #expect(row == 1)

        try Self.takeBack(store.session)
        try store.session.execute("UPDATE asof.features SET retired_at = NULL")
        try store.apply(Self.yaml.replacing("Clicks", with: "More clicks"))
        try fixture.catchUp(store.session)
        try fixture.expectOnline(store.session)
        #expect(fixture.serving.state.newerDefinitions == nil)
    }

    /// The objects of a document, as paths.
    private static func objects(_ value: Any, _ path: [String] = []) -> [[String]] {
        if let fields = value as? [String: Any] {
            return [path] + fields.sorted { $0.key < $1.key }.flatMap { objects($0.value, path + [$0.key]) }
        }
        guard let items = value as? [Any] else { return [] }
        return items.enumerated().flatMap { objects($0.element, path + ["\($0.offset)"]) }
    }

    @Test(arguments: [NewerDefinitionsTests.yaml, RandomHistory.yaml])
    func `a document is read back whole, and an unknown field in any of its objects is found`(yaml: String) throws {
        let definitions = try Definitions.parseWithExpressions(yaml: yaml)
        let text = try JSONDocument.encode(definitions)
        #expect(try JSONDocument.definition(Definitions.self, from: text, in: "here") == definitions)
        let session = try Session(conninfo: ThrowawayCluster.shared().database())
        let objects = Self.objects(try JSONSerialization.jsonObject(with: Data(text.utf8)))
        #expect(objects.count > 5)
        for path in objects {
            let planted = try session.query(
                "SELECT jsonb_set($1::text::jsonb, ($2::text)::text[], '7')::text",
                [.text(text), .text("{\((path + ["later"]).joined(separator: ","))}")]
            )
            let place = (path + ["later"]).joined(separator: ".")
            do {
                _ = try JSONDocument.definition(Definitions.self, from: planted.text(0, 0) ?? "", in: "here")
                Issue.record("\(place) was passed over")
            } catch {
                #expect("\(error)".contains("'\(place)'"), "\(error)")
            }
        }
    }
}
