import Features
import Postgres
import TestSupport
import Testing

@testable import Operations
@testable import Serving
@testable import Store

/// When a store is whole, while it is restored piece by piece.
@Suite struct StoreAgreementTests {
    private static func gap(_ session: Session, isSuspect: Bool) throws -> String? {
        try session.transaction(.load) { () throws(StoreError) in try StoreAgreement(session).gap(isSuspect: isSuspect)
        }
    }

    /// Tables without which something would be served wrong, or could not be written.
    private static func needed(_ items: [StoreDump.Item], _ session: Session) throws -> Set<StoreDump.Item> {
        let asof = ["batches", "definitions", "features", "migrations", "partitions", "services", "store", "views"]
        return try Set(
            items.filter { item in
                let words = item.name.split(separator: " ")
                if item.name.hasPrefix("SEQUENCE SET asof batch_numbers ") { return true }
                guard item.name.hasPrefix("TABLE DATA "), words.count > 3 else { return false }
                let (schema, table) = (String(words[2]), String(words[3]))
                if schema == "asof" { return asof.contains(table) }
                return try session.query("SELECT EXISTS (SELECT FROM \(schema).\"\(table)\")").bool(0, 0) == true
            }
        )
    }

    /// Removals, so that what was stored and what is there differ.
    private static func history(seed: UInt64) throws -> RandomHistory {
        let history = try RandomHistory(seed: seed, batches: 12)
        _ = try Forgetting(history.store.session, entity: "user", key: "1", history.store.registry.definitions).run()
        return history
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `rows that come table by table agree with nothing until all that matter are there`(seed: UInt64) throws {
        let history = try Self.history(seed: seed)
        let (scratch, cluster) = (try Scratch(), try ThrowawayCluster.shared())
        let dump = try StoreDump(of: history.store.conninfo, in: scratch.path, cluster.binaries)
        let conninfo = try cluster.database()
        // All keys and indexes are there: only rows tell.
        try dump.restore(into: conninfo, ["--schema-only"])
        var random = SeededRandom(seed: seed)
        var left = try dump.items().filter(\.isData)
        left.shuffle(using: &random)
        var needed = try Self.needed(left, history.store.session)
        #expect(needed.count > 12)
        let session = try Session(conninfo: conninfo)
        while let item = left.popLast() {
            #expect(try Self.gap(session, isSuspect: true) != nil || needed.isEmpty, "\(needed.map(\.name))")
            try dump.restore(into: conninfo, ["--data-only", "--disable-triggers"], items: [item])
            needed.remove(item)
        }
        #expect(try Self.gap(session, isSuspect: true) == nil)
        #expect(try Self.gap(session, isSuspect: false) == nil)
    }

    @Test(arguments: [4, 5] as [UInt64])
    func `a store without its keys and indexes is not whole, whatever rows it has`(seed: UInt64) throws {
        let history = try Self.history(seed: seed)
        let (scratch, cluster) = (try Scratch(), try ThrowawayCluster.shared())
        let dump = try StoreDump(of: history.store.conninfo, in: scratch.path, cluster.binaries)
        let conninfo = try cluster.database()
        let session = try Session(conninfo: conninfo)
        #expect(try Self.gap(session, isSuspect: false) != nil, "an empty database")
        try dump.restore(into: conninfo, ["--section=pre-data"])
        var random = SeededRandom(seed: seed)
        var data = try dump.items().filter(\.isData)
        data.shuffle(using: &random)
        while !data.isEmpty {
            #expect(try Self.gap(session, isSuspect: false) != nil)
            let some = Array(data.prefix(random.int(1...20)))
            data.removeFirst(some.count)
            try dump.restore(into: conninfo, ["--section=data"], items: some)
        }
        #expect(try Self.gap(session, isSuspect: false) != nil)
        try dump.restore(into: conninfo, ["--section=post-data", "--jobs=2"])
        for isSuspect in [false, true] { #expect(try Self.gap(session, isSuspect: isSuspect) == nil) }
        // What a server stores from now on, it stores whole.
        let view = try history.store.view("stats")
        let rows = TestStore.viewRows(
            [HistoryRow([.int64(9)], at: 1, view.definition.features.map { _ in .null })],
            view
        )
        let ingestion = try TestStore.ingestion(view, like: rows, session)
        try ingestion.append(rows)
        _ = try ingestion.finish()
        for isSuspect in [false, true] { #expect(try Self.gap(session, isSuspect: isSuspect) == nil) }
    }

    @Test func `an invalid index of somebody else is no gap, one of the store's own is`() throws {
        let store = try TestStore(FollowingTests.yaml)
        try store.ingest("stats", FollowingTests.rows(0..<50, at: 1, 1))
        try store.session.execute("CREATE INDEX by_n ON ONLY history.stats (n)")
        #expect(try Self.gap(store.session, isSuspect: false) == nil)
        let id = try store.view("stats").id
        for (name, columns) in [("_v\(id)_batch", "_batch"), ("_v\(id)_key", "user_id, _event_time DESC, _batch DESC")]
        {
            try store.session.execute(
                "DROP INDEX history.\"\(name)\"; CREATE INDEX \"\(name)\" ON ONLY history.stats (\(columns))"
            )
            let gap = try Self.gap(store.session, isSuspect: false)
            #expect(gap == "view 'stats': partitions of its history have no index", "\(name)")
            try store.session.execute(
                "DROP INDEX history.\"\(name)\"; CREATE INDEX \"\(name)\" ON history.stats (\(columns))"
            )
            #expect(try Self.gap(store.session, isSuspect: false) == nil)
        }
    }

    @Test func `a store that only Asof wrote is whole in every state, and its rows are not counted`() throws {
        let store = try TestStore(FollowingTests.yaml)
        #expect(try Self.gap(store.session, isSuspect: true) == nil)
        for n in 1...3 as ClosedRange<Int64> { try store.ingest("stats", FollowingTests.rows(0..<50, at: n, n)) }
        try store.ingest("rates", [HistoryRow([], at: 1, [.float32(1)])])
        for key in ["7", "8"] {
            _ = try Forgetting(store.session, entity: "user", key: key, store.registry.definitions).run()
            #expect(try Self.gap(store.session, isSuspect: true) == nil)
        }
        // No commit does that, and a failover does not either: nobody pays for counting after one.
        try store.session.execute("DELETE FROM history.stats WHERE user_id = 3 AND n = 1")
        #expect(try Self.gap(store.session, isSuspect: true) == nil)
        // The same in a copy that was restored is counted.
        let (scratch, cluster) = (try Scratch(), try ThrowawayCluster.shared())
        let conninfo = try cluster.database()
        try StoreDump(of: store.conninfo, in: scratch.path, cluster.binaries).restore(into: conninfo)
        let copy = try Session(conninfo: conninfo)
        let gap = try Self.gap(copy, isSuspect: true)
        #expect(gap?.contains("view 'stats' has 144 rows by the ledger, and 143 in history") == true, "\(gap ?? "")")
        #expect(try Self.gap(copy, isSuspect: false) == nil)
    }
}
