import EmbeddedPostgres
import Features
import Foundation
import Glibc
import Postgres
import Store
import Synchronization
import TestSupport
import Testing

/// Servers are killed, and PostgreSQL goes away and comes back, while clients write.
@Suite(.serialized) struct ServerOutageTests {
    @Test(.timeLimit(.minutes(15)))
    func `a server that is killed twenty times loses no acknowledged write and stores none twice`() throws {
        let store = try ServedStore()
        let clients = NumberedWriters()
        var server = try store.serve()
        clients.port.store(server.port, ordering: .relaxed)
        clients.start(4)
        var random = SeededRandom(seed: 20)
        for _ in 0..<20 {
            #expect(clients.waitForMore(5))
            Patience.pass(microseconds: random.int(0...30_000), "killed at any moment")
            server.stop(SIGKILL)
            server = try store.serve()
            clients.port.store(server.port, ordering: .relaxed)
        }
        #expect(clients.waitForMore(20))
        clients.stop()
        try clients.check(store.session())
        #expect(server.stop().status == 0)
    }

    @Test(.timeLimit(.minutes(15)))
    func `while PostgreSQL is away reads go on and writes fail at once, and both heal by themselves`() throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let store = try ServedStore(cluster: cluster)
        let server = try store.serve()
        let clients = NumberedWriters()
        clients.port.store(server.port, ordering: .relaxed)
        clients.start(3)
        let reader = try server.client()
        #expect(try reader.line("FS.SET marks 5 * n 55").integer != nil)
        for round in 0..<4 {
            #expect(clients.waitForMore(20))
            if round % 2 == 0 { cluster.stop() } else { cluster.crash() }
            let refused = clients.unavailable.load(ordering: .relaxed)
            #expect(Patience.wait(seconds: 10) { clients.unavailable.load(ordering: .relaxed) > refused + 3 })
            for _ in 0..<50 { #expect(try reader.line("FS.GET marks 5") == .array([.bulk("n"), .integer(55)])) }
            let asked = ContinuousClock.now
            let reply = try reader.line("FS.SET marks 6 * n 66")
            #expect(reply.text?.hasPrefix("FSUNAVAILABLE ") == true, "\(reply)")
            #expect(try reader.line("FS.RANGE marks 5 - +").text?.hasPrefix("FSUNAVAILABLE ") == true)
            #expect(ContinuousClock.now - asked < .seconds(2))
            try cluster.start()
            let back = ContinuousClock.now
            #expect(try Patience.wait(seconds: 20) { try reader.line("FS.SET marks 7 * n 7").integer != nil })
            #expect(try Patience.wait(seconds: 20) { try reader.line("FS.RANGE marks 5 - +").items?.count == 1 })
            #expect(ContinuousClock.now - back < .seconds(5))
        }
        clients.stop()
        try clients.check(store.session())
        #expect(server.stop().status == 0)
    }

    @Test func `a server whose store's folder is moved goes on with reads and writes, on new connections, too`() throws
    {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let store = try ServedStore(cluster: cluster)
        let server = try store.serve()
        let clients = try (0..<4).map { _ in try server.client() }
        #expect(try clients[0].line("FS.SET marks 1 * n 1").integer != nil)
        #expect(rename(cluster.data, cluster.data + ".moved") == 0)
        defer { rename(cluster.data + ".moved", cluster.data) }
        for client in clients { #expect(try client.line("FS.SET marks 1 * n 2").integer != nil) }
        _ = try store.session().query(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """
        )
        for (number, client) in clients.enumerated() {
            #expect(try Patience.wait { try client.line("FS.SET marks 1 * n \(number + 10)").integer != nil })
            #expect(try client.line("FS.GET marks 1") == .array([.bulk("n"), .integer(Int64(number) + 10)]))
        }
        #expect(server.stop().status == 0)
    }

    @Test(.timeLimit(.minutes(15)))
    func `a server notices that PostgreSQL was restored to an earlier point, and answers from there`() throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let store = try ServedStore(cluster: cluster)
        let server = try store.serve()
        let client = try server.client()
        for n in 1...5 { #expect(try client.line("FS.SET marks \(n) \(n) n \(n) ALLOW1970").integer != nil) }
        cluster.stop()
        try Subprocess.run(["/bin/cp", "-a", cluster.data, cluster.data + ".earlier"], seconds: 60)
        try cluster.start()
        #expect(try Patience.wait { try client.line("FS.SET marks 1 10 n 100 ALLOW1970").integer != nil })
        #expect(try client.line("FS.SET marks 9 10 n 900 ALLOW1970").integer != nil)
        let last = try #require(try client.line("FS.SET marks 9 11 n 901 ALLOW1970").integer)
        cluster.stop()
        try Subprocess.run(["/bin/rm", "-rf", cluster.data], seconds: 60)
        try Subprocess.run(["/bin/mv", cluster.data + ".earlier", cluster.data], seconds: 60)
        try cluster.start()
        // Somebody else takes the ledger past where the server was, on the other timeline.
        let store2 = try store.session()
        for n in 0..<(last + 2) {
            let view = try store.view("marks")
            let row = HistoryRow([.int64(50 + n)], at: 20, [.int64(n)])
            let ingestion = try TestStore.ingestion(view, like: TestStore.viewRows([row], view), store2)
            try ingestion.append(TestStore.viewRows([row], view))
            _ = try ingestion.finish()
        }
        #expect(
            try Patience.wait(seconds: 30) { try client.line("FS.GET marks 1") == .array([.bulk("n"), .integer(1)]) }
        )
        #expect(try Patience.wait(seconds: 30) { try client.line("FS.GET marks 9") == .array([.bulk("n"), .null]) })
        #expect(
            try Patience.wait(seconds: 30) { try client.line("FS.GET marks 50") == .array([.bulk("n"), .integer(0)]) }
        )
        #expect(try Patience.wait { try client.line("FS.SET marks 1 30 n 300 ALLOW1970").integer != nil })
        #expect(try client.line("FS.GET marks 1") == .array([.bulk("n"), .integer(300)]))
        #expect(server.stop().status == 0)
    }
}
