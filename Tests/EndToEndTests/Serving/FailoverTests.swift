import Store
import Synchronization
import TestSupport
import Testing

/// A server that names both hosts of a pair: the first crashes, the other is promoted.
@Suite struct FailoverTests {
    /// A store on a PostgreSQL with a hot standby.
    private struct Pair {
        let first: ThrowawayCluster
        let second: ThrowawayCluster
        let store: ServedStore
        private let database: String

        init() throws {
            first = try ThrowawayCluster.start()
            store = try ServedStore(cluster: first)
            second = try first.standby()
            database = try first.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY datname DESC LIMIT 1"
            )
            try #require(store.conninfo == first.conninfo(database: database))
        }

        /// Both hosts, for whoever writes.
        var conninfo: String {
            "host='\(first.folder),\(second.folder)' dbname=\(database) user=asof target_session_attrs=read-write"
                + " port=\(store.conninfo.firstMatch(of: /port=(\d+)/)?.1 ?? "")"
        }

        func sessionOfSecond() throws -> Session { try Session(conninfo: second.conninfo(database: database)) }

        func promote() throws { try second.execute("SELECT pg_promote(true, 60)") }

        func stop() {
            first.stop()
            second.stop()
        }
    }

    @Test(.timeLimit(.minutes(15)))
    func `with a synchronous standby a failover loses no acknowledged write, and the server goes on`() throws {
        let pair = try Pair()
        defer { pair.stop() }
        try pair.first.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        try pair.first.execute("SELECT pg_reload_conf()")
        let server = try ServedAsof(["-d", pair.conninfo], in: pair.store.scratch.path)
        let reader = try server.client()
        #expect(try Patience.wait(seconds: 60) { try reader.line("FS.SET marks 5 * n 55").integer != nil })
        let clients = NumberedWriters()
        clients.port.store(server.port, ordering: .relaxed)
        clients.start(3)
        #expect(clients.waitForMore(100))
        pair.first.crash()
        for _ in 0..<50 { #expect(try reader.line("FS.GET marks 5") == .array([.bulk("n"), .integer(55)])) }
        try pair.promote()
        #expect(clients.waitForMore(100, seconds: 60))
        clients.stop()
        try clients.check(pair.sessionOfSecond())
        // What the server has is what the new primary has.
        for user in clients.acknowledged.withLock({ $0.suffix(50) }) {
            #expect(try reader.line("FS.GET marks \(user)") == .array([.bulk("n"), .integer(user % 1_000_000)]))
        }
        #expect(server.stop().status == 0)
    }

    @Test(.timeLimit(.minutes(15)))
    func `a failover that lost commits is noticed, and the server answers from what is left`() throws {
        let pair = try Pair()
        defer { pair.stop() }
        let server = try ServedAsof(["-d", pair.conninfo], in: pair.store.scratch.path)
        let client = try server.client()
        #expect(try Patience.wait(seconds: 60) { try client.line("FS.SET marks 1 * n 1").integer != nil })
        #expect(try pair.first.waitForReplay(by: pair.second))
        // The standby hears nothing of what comes now.
        try pair.second.execute("ALTER SYSTEM SET primary_conninfo = ''")
        try pair.second.execute("SELECT pg_reload_conf()")
        #expect(
            try Patience.wait(seconds: 30) {
                try pair.first.execute("SELECT count(*) FROM pg_stat_replication") == "0"
            }
        )
        #expect(try client.line("FS.SET marks 1 * n 2").integer != nil)
        #expect(try client.line("FS.SET marks 2 * n 2").integer != nil)
        #expect(try client.line("FS.GET marks 1") == .array([.bulk("n"), .integer(2)]))
        pair.first.crash()
        try pair.promote()
        #expect(
            try Patience.wait(seconds: 60) { try client.line("FS.GET marks 1") == .array([.bulk("n"), .integer(1)]) }
        )
        #expect(try Patience.wait(seconds: 60) { try client.line("FS.GET marks 2") == .array([.bulk("n"), .null]) })
        #expect(try Patience.wait(seconds: 60) { try client.line("FS.SET marks 2 * n 3").integer != nil })
        #expect(try client.line("FS.GET marks 2") == .array([.bulk("n"), .integer(3)]))
        #expect(try client.run("INFO").text?.contains("timeline_changes:1") == true)
        #expect(server.stop().status == 0)
    }
}
