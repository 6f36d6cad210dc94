import Features
import Foundation
import Operations
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// A server whose role may not read one of the views.
@Suite struct DeniedViewTests {
    /// A role with the rights of a reader, and how it connects.
    private static func reader(_ store: TestStore) throws -> (role: String, conninfo: String) {
        let role = "reader_\(UUID().uuidString.prefix(8).lowercased())"
        try store.session.execute("CREATE ROLE \(role) LOGIN")
        try store.session.execute(RoleGrants.statements(of: [.reader], for: role).joined(separator: "\n"))
        return (role, "\(store.conninfo) user='\(role)'")
    }

    @Test func `all else is served and followed, and the view once its rights are given`() throws {
        let store = try TestStore(FollowingTests.yaml)
        try store.ingest("stats", FollowingTests.rows(0..<20, at: 1, 1))
        let weather = HistoryRow([.string("JFK"), .int64(1)], at: 1, [.float64(0.5), .listString([])])
        try store.ingest("weather", [weather])
        let (role, conninfo) = try Self.reader(store)
        try store.session.execute("REVOKE SELECT ON history.weather, online.weather FROM \(role)")
        let fixture = try ServingFixture(conninfo)
        #expect(fixture.serving.state.deniedViews == ["weather"])
        try store.ingest("stats", FollowingTests.rows(0..<20, at: 2, 2))
        try store.ingest("weather", [weather])
        try fixture.catchUp(store.session)
        #expect(try fixture.view("stats").memory?.figures.rows == 20)
        let refused = #expect(throws: StoreError.self) { _ = try fixture.view("weather") }
        let service = #expect(throws: StoreError.self) {
            _ = try fixture.serving.catalog.service(named: Array("model".utf8).span)
        }
        for error in [refused, service] {
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains("view 'weather' cannot be read") && text.contains("asof grant-sql"), "\(text)")
        }
        #expect(fixture.events.all.count { $0.message.contains("view 'weather' cannot be read") } == 1)

        try store.session.execute("GRANT SELECT ON history.weather, online.weather TO \(role)")
        #expect(Patience.wait { fixture.serving.state.deniedViews.isEmpty })
        try fixture.expectOnline(store.session)
        #expect(try fixture.view("weather").memory?.figures.rows == 1)
        #expect(try fixture.serving.catalog.service(named: Array("model".utf8).span).version == 1)

        // Rights that are taken while it runs.
        try store.session.execute("REVOKE SELECT ON history.weather FROM \(role)")
        try store.ingest("weather", [weather])
        #expect(Patience.wait { fixture.serving.state.deniedViews == ["weather"] })
        try store.ingest("stats", FollowingTests.rows(20..<30, at: 3, 3))
        try fixture.catchUp(store.session)
        #expect(try fixture.view("stats").memory?.figures.rows == 30)
        #expect(!fixture.serving.state.isLoading)
    }

    @Test func `windows over its events are refused, too`() throws {
        let store = try TestStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              stats: { entities: [user], features: { n: int64 } }
              clicks: { entities: [user], events: { id: click }, features: { click: string } }
              lately: { entities: [user], windows: { of: clicks, features: { n_1h: count over 1h } } }
            services:
              model: [stats.n, lately.n_1h]
            """
        )
        let (role, conninfo) = try Self.reader(store)
        try store.session.execute("REVOKE SELECT ON history.clicks FROM \(role)")
        let fixture = try ServingFixture(conninfo)
        #expect(fixture.serving.catalog.denied == ["clicks": "clicks", "lately": "clicks"])
        #expect(fixture.serving.catalog.readableView(named: Array("lately".utf8).span) == nil)
        #expect(throws: StoreError.self) { try fixture.serving.catalog.service(named: Array("model".utf8).span) }
        #expect(try fixture.view("stats").memory != nil)
    }
}
