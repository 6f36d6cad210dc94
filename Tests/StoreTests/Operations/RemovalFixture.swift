import Features
import Operations
import Postgres
import Store
import TestSupport

/// A store with a few months of history of users and items, one view of them retired.
struct RemovalFixture {
    let store: TestStore

    static let month: Int64 = 2_678_400_000_000
    static let january2024: Int64 = 1_704_067_200_000_000
    static let february2024 = january2024 + month

    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          item: { key: item, type: string }
          robot: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { n: int64, x: float64 } }
          pairs: { entities: [user, item], features: { n: int64 } }
          items: { entities: [item], features: { n: int64 } }
          robots: { entities: [robot], features: { n: int64 } }
          archive: { entities: [user], online: false, features: { n: int64 } }
        """

    init(retiresArchive: Bool = true) throws {
        store = try TestStore(Self.yaml)
        let times = [Self.january2024, Self.january2024 + 5, Self.february2024, Self.february2024 + Self.month]
        for (index, time) in times.enumerated() {
            let n = Value.int64(Int64(index))
            // User 3 has history in January only.
            let users: [Int64] = time < Self.february2024 ? [1, 2, 3] : [1, 2]
            try store.ingest("stats", users.map { HistoryRow([.int64($0)], at: time, [n, .float64(Double($0))]) })
            try store.ingest(
                "pairs",
                users.map { HistoryRow([.int64($0), .string("a")], at: time, [n]) }
                    + users.map { HistoryRow([.int64($0), .string("é")], at: time + 1, [n]) }
            )
            try store.ingest("items", [HistoryRow([.string("é")], at: time, [n])])
            try store.ingest("robots", users.map { HistoryRow([.int64($0)], at: time, [n]) })
            try store.ingest("archive", users.map { HistoryRow([.int64($0)], at: time, [n]) })
        }
        guard retiresArchive else { return }
        try store.apply(
            Self.yaml.split(separator: "\n").filter { !$0.contains("archive:") }.joined(separator: "\n")
        )
    }

    func count(_ table: String, where condition: String = "true") throws -> Int64? {
        try store.session.query("SELECT count(*) FROM \(table) WHERE \(condition)").int64(0, 0)
    }

    func forgetting(_ entity: String, _ key: String) throws -> Forgetting {
        try Forgetting(store.session, entity: entity, key: key, store.registry.definitions)
    }
}
