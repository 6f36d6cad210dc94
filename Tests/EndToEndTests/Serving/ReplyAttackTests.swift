import Features
import Foundation
import Glibc
import PointInTime
import Store
import Synchronization
import TestSupport
import Testing

/// Commands that ask for far too much, of a server with a store: each has its reply, the connection goes on, others are
/// answered meanwhile, and the process's memory stays within what its limits come to.
@Suite(.serialized) struct ReplyAttackTests {
    final class Target: Sendable {
        static let shared: Result<Target, any Error> = Result { try Target() }

        let port: Int
        let pid: Int32
        /// Memory after the values were loaded.
        let baseBytes: Int
        private let store: ServedStore
        private let served: Mutex<ServedAsof>

        init() throws {
            store = try ServedStore(ReplyAttack.yaml)
            try Self.fill(store)
            let views = "texts,wide,pairs,rates"
            let served = try store.serve(["--resident", views, "--threads", "1", "--log-level", "error"])
            (port, pid) = (served.port, served.pid)
            baseBytes = served.residentBytes
            self.served = Mutex(served)
            atexit { if let target = try? Target.shared.get() { _ = kill(target.pid, SIGKILL) } }
        }

        static func fill(_ store: ServedStore) throws {
            let session = try store.session()
            let text = String(repeating: "x", count: ReplyAttack.textBytes)
            let elements = (0..<1_000).map { "element \($0)" }
            func ingest(_ name: String, _ rows: [HistoryRow]) throws {
                let view = try store.view(name)
                let columns = TestStore.viewRows(rows, view)
                let ingestion = try TestStore.ingestion(view, like: columns, session)
                try ingestion.append(columns)
                _ = try ingestion.finish()
            }
            try ingest(
                "texts",
                [HistoryRow([.int64(1)], at: 1, [.string(text), .bytes([1, 2]), .int64(7), .listString(elements)])]
            )
            try ingest("cold", [HistoryRow([.int64(1)], at: 1, [.string(text)])])
            for row in 0..<ReplyAttack.logRows {
                try ingest("log", [HistoryRow([.int64(1)], at: Int64(row + 1), [.string(text)])])
            }
            try ingest(
                "wide",
                (0..<1_000).map { user in
                    HistoryRow(
                        [.int64(user)],
                        at: 1,
                        (0..<100).map { .float64(Double($0) + 0.123456789 * Double(user)) }
                    )
                }
            )
            try ingest("rates", [HistoryRow([], at: 1, [.float64(1.25)])])
        }

        var isRunning: Bool { served.withLock { $0.isRunning } }

        /// The most memory that the process ever held, in bytes.
        var peakBytes: Int { ReplyAttackTests.peakBytes(of: pid) }
    }

    /// What one client can make the process hold: two replies of 256 MiB, one in the making and one not yet sent (or the
    /// parts of one and what they are put together to); a read of history, 64 MiB as PostgreSQL sends it, as columns and as
    /// a reply; a request of 64 MiB; and what the allocator keeps of that.
    static let classBytes = (2 * 256 + 3 * 64 + 64 + 128) << 20

    #if DEBUG
    static let pingMsMax = 3_000
    #else
    static let pingMsMax = 100
    #endif

    /// The most memory that a process ever held, in bytes.
    static func peakBytes(of pid: Int32) -> Int {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
    }

    @Test("a command that asks for too much has its reply, and others are answered", arguments: ReplyAttack.all)
    func outcome(attack: ReplyAttack) throws {
        let target = try Target.shared.get()
        let pings = Pings(port: target.port)
        pings.waitForMore(5)
        // On a machine that is busy with other things a ping may be late, but not each time.
        var worst: [Int] = []
        for _ in 0..<3 {
            _ = try pings.take()
            try run(attack, target)
            worst.append(try pings.take().max() ?? 0)
            if worst.last ?? 0 < Self.pingMsMax { break }
        }
        _ = try pings.stop()
        #expect(worst.min() ?? 0 < Self.pingMsMax, "the longest PING of each attempt took \(worst) ms")
        #expect(target.isRunning)
        let grown = target.peakBytes - target.baseBytes
        #expect(grown < Self.classBytes, "\(grown >> 20) MiB more than at the start")
        if ProcessInfo.processInfo.environment["ASOF_ATTACK_FIGURES"] != nil {
            print("\(attack.testDescription): PING \(worst) ms, peak \(grown >> 20) MiB")
        }
    }

    private func run(_ attack: ReplyAttack, _ target: Target) throws {
        let client = try RespClient(port: target.port)
        client.setTimeouts(seconds: 120)
        let replies = ReplySkipper(client)
        var last = ""
        for command in attack.commands {
            #expect(client.send(RespClient.request(command)))
            last = try replies.next()
        }
        #expect(last.hasPrefix(attack.last), "\(last.prefix(300))")
        // In step: the next reply is the next command's.
        client.send("ECHO on\r\n")
        #expect(try replies.next() == "$2")
        client.send("PING\r\n")
        #expect(try replies.next() == "+PONG")
    }

    @Test func `there are at least sixty attacks, and they use every command of features and hashes`() throws {
        #expect(ReplyAttack.all.count >= 60)
        let used = Set(ReplyAttack.all.flatMap { $0.commands.map { $0[0].lowercased() } })
        let client = try RespClient(port: try Target.shared.get().port)
        guard case .array(let table) = try client.run("COMMAND") else {
            Issue.record("COMMAND is no array")
            return
        }
        var names = table.compactMap { entry in
            if case .array(let fields) = entry { fields.first?.text } else { nil }
        }
        names.removeAll { !$0.hasPrefix("fs.") }
        #expect(names.count >= 16, "\(names)")
        names += [
            "exists", "ttl", "pttl", "type", "hget", "hlen", "hmget", "hgetall", "hscan", "scan", "multi", "exec",
        ]
        #expect(names.filter { !used.contains($0) } == [])
    }

    @Test func `a read of history that is cut can be gone on with until its end`() throws {
        let target = try Target.shared.get()
        let client = try RespClient(port: target.port)
        client.setTimeouts(seconds: 60)
        let refused = try client.line("FS.RANGE log 1 - +").text ?? ""
        let words = refused.split(separator: " ").map(String.init)
        let place = try #require(words.firstIndex(of: "COUNT"), "\(refused)")
        let count = try #require(Int(words[place + 1].filter(\.isNumber)))
        #expect((60...64).contains(count))
        let first = try ReplyRows(client, "FS.RANGE log 1 - + COUNT \(count)")
        #expect(first.count == count)
        let rest = try ReplyRows(client, "FS.RANGE log 1 \(count + 1) + COUNT \(count) ALLOW1970")
        #expect(first.count + rest.count == ReplyAttack.logRows)
    }

    /// How many rows a reply of FS.RANGE has.
    private struct ReplyRows {
        let count: Int

        init(_ client: RespClient, _ line: String) throws {
            client.send(RespClient.request(line.split(separator: " ").map(String.init)))
            count = Int(try ReplySkipper(client).next().dropFirst()) ?? -1
        }
    }
}
