import Features
import PointInTime
import TestSupport
import Testing

@testable import Store

/// How `asof apply` makes online tables.
@Suite struct OnlineTableTests {
    static func yaml(_ features: String, isOnline: Bool = true) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats:
            entities: [user]
            online: \(isOnline)
            features: { \(features) }
        """
    }

    @Test func `a feature that was hidden when the online table was made can be shown again`() throws {
        let store = try TestStore(Self.yaml("a: int64, b: int64"))
        try store.apply(Self.yaml("a: int64"))
        try store.apply(Self.yaml("a: int64", isOnline: false))
        try store.apply(Self.yaml("a: int64"))
        try store.apply(Self.yaml("a: int64, b: int64"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: 1_000_000, [.int64(5), .int64(6)])])
        #expect(try store.violations() == [])
    }

    @Test func `a view may have the name that PostgreSQL gives to the key of another`() throws {
        let store = try TestStore(Self.yaml("a: int64"))
        try store.apply(Self.yaml("a: int64") + "\n  stats_pkey: { entities: [user], features: { a: int64 } }")
        #expect(store.registry.views.map(\.name) == ["stats", "stats_pkey"])
    }
}
