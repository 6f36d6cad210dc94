import Features
import Foundation
import PointInTime
import Store
import Synchronization
import TestSupport
import Testing

/// The built `asof serve`, whose store is emptied and restored under it while clients ask.
@Suite struct FilledServerTests {
    private static func info(_ client: RespClient, _ name: String) throws -> String? {
        guard let text = try client.run("INFO").text else { return nil }
        return text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }?
            .dropFirst(name.count + 1).description
    }

    private static func ingest(_ store: ServedStore, _ name: String, _ rows: [HistoryRow]) throws {
        let view = try store.view(name)
        let columns = TestStore.viewRows(rows, view)
        let ingestion = try TestStore.ingestion(view, like: columns, try store.session())
        try ingestion.append(columns)
        _ = try ingestion.finish()
    }

    private static func fill(_ store: ServedStore) throws {
        let start: Int64 = 1_700_000_000_000_000
        try ingest(store, "marks", (0..<2_000).map { HistoryRow([.int64($0)], at: start, [.int64($0 * 3)]) })
        try ingest(
            store,
            "stats",
            (0..<500).map { HistoryRow([.int64($0)], at: start + $0, [.int64($0), .float64(0.5), .string("n\($0)")]) }
        )
    }

    /// What the same command may not be answered a moment later.
    private static func isRetryable(_ reply: Reply) -> Bool {
        ["LOADING ", "FSUNAVAILABLE ", "FSTIMEOUT "].contains { reply.text?.hasPrefix($0) == true }
    }

    /// One client that asks for keys which all exist, and notes what it is answered that is neither LOADING nor right.
    private final class Asker: Sendable {
        let wrong = Mutex<[String]>([])
        let right = Atomic<Int>(0)
        let loading = Atomic<Int>(0)
        private let isDone = Atomic(false)
        private let end = DispatchSemaphore(value: 0)

        init(_ server: ServedAsof) {
            let port = server.port
            Thread.detachNewThread { [self] in
                defer { end.signal() }
                guard let client = try? RespClient(port: port) else {
                    return wrong.withLock { $0.append("no connection") }
                }
                var key = 0
                while !isDone.load(ordering: .relaxed) {
                    key = (key + 17) % 500
                    ask(client, "FS.GET marks \(key)", .array([.bulk("n"), .integer(Int64(key) * 3)]))
                    ask(client, "FS.GET stats \(key) FEATURES 1 name", .array([.bulk("name"), .bulk("n\(key)")]))
                    let time = "2030-01-01T00:00:00Z"
                    ask(client, "FS.ASOF marks \(key) \(time)", .array([.bulk("n"), .integer(Int64(key) * 3)]))
                }
            }
        }

        private func ask(_ client: RespClient, _ line: String, _ expected: Reply) {
            guard let reply = try? client.line(line) else { return wrong.withLock { $0.append("no reply to \(line)") } }
            if reply == expected {
                right.add(1, ordering: .relaxed)
            } else if FilledServerTests.isRetryable(reply) {
                loading.add(1, ordering: .relaxed)
            } else {
                wrong.withLock { $0.append("\(line): \(reply)") }
            }
        }

        func stop() {
            isDone.store(true, ordering: .relaxed)
            end.wait()
        }
    }

    @Test(
        .timeLimit(.minutes(15)),
        arguments: [([], []), (["--jobs=4"], ["--resident", "stats"])] as [([String], [String])]
    )
    func `pg_restore under a server: clients are answered LOADING or what is right, and then everything`(
        jobs: [String],
        options: [String]
    ) throws {
        let store = try ServedStore()
        try Self.fill(store)
        let dump = try StoreDump(of: store.conninfo, in: store.scratch.path, ThrowawayCluster.shared().binaries)
        let server = try store.serve(options)
        let client = try server.client()
        let asker = Asker(server)
        #expect(Patience.wait { asker.right.load(ordering: .relaxed) > 10 })
        for _ in 0..<2 {
            try store.session().dropStore()
            #expect(try Patience.wait { try Self.info(client, "loading") == "1" })
            #expect(try Self.info(client, "loading_reason")?.isEmpty == false)
            for line in ["FS.GET marks 1", "FS.STATS", "FS.VIEWS", "FS.SET marks 1 * n 5", "HGET marks:1 n"] {
                #expect(try client.line(line).text?.hasPrefix("LOADING ") == true)
            }
            // A transaction that was begun before.
            #expect(try client.line("PING") == .simple("PONG"))
            try dump.restore(into: store.conninfo, jobs)
            #expect(try Patience.wait(seconds: 30) { try Self.info(client, "loading") == "0" })
            #expect(try Self.info(client, "loading_reason") == "")
        }
        asker.stop()
        #expect(asker.wrong.withLock { Array($0.prefix(5)) } == [])
        #expect(asker.loading.load(ordering: .relaxed) > 0)
        #expect(try Self.info(client, "lag_positions") == "0")
        #expect(try Self.info(client, "position") == "\(try store.head())")
        for key in 0..<2_000 as Range<Int64> {
            #expect(try client.line("FS.GET marks \(key)") == .array([.bulk("n"), .integer(key * 3)]))
        }
        // Writes go on, with numbers behind those of the dump.
        #expect(try client.line("FS.SET marks 1 * n 5").integer == store.head())
        #expect(try client.line("FS.GET marks 1") == .array([.bulk("n"), .integer(5)]))
        #expect(try store.asof(["check"]).status == 0)
        #expect(server.stop().status == 0)
    }

    /// What was queued while all was well is not answered from a store that is gone.
    @Test func `a transaction whose store went away before EXEC is discarded`() throws {
        let store = try ServedStore()
        try Self.fill(store)
        let server = try store.serve()
        let (client, other) = (try server.client(), try server.client())
        #expect(try client.line("MULTI") == .simple("OK"))
        #expect(try client.line("FS.GET marks 1") == .simple("QUEUED"))
        #expect(try other.line("MULTI") == .simple("OK"))
        #expect(try other.line("PING") == .simple("QUEUED"))
        try store.session().dropStore()
        let third = try server.client()
        #expect(try Patience.wait { try Self.info(third, "loading") == "1" })
        #expect(try client.line("EXEC").text?.hasPrefix("EXECABORT Transaction discarded: LOADING ") == true)
        #expect(try other.line("EXEC") == .array([.simple("PONG")]))
        #expect(server.stop().status == 0)
    }
}
