import Commands
import Foundation
import Glibc
import Metrics
import Synchronization
import TestSupport
import Testing
import Wire

@testable import RESPServer

/// Limits, timers and the end of a server over real sockets.
@Suite struct ServerLifeTests {
    @Test func `connections above the limit are told so and closed, and may come back`() throws {
        var limits = ConnectionLimits()
        limits.connectionsMax = 3
        let server = try TestServer(threads: 2, limits: limits)
        var clients = try (0..<3).map { _ in try server.client() }
        for client in clients { #expect(try client.run("PING") == .simple("PONG")) }
        let refused = try server.client()
        #expect(try latin1(refused.untilClosed()) == "-ERR max number of clients reached\r\n")
        clients.removeLast()
        let isBack = try Patience.wait {
            let client = try server.client()
            client.send("PING\r\n")
            guard case .simple("PONG")? = try? client.reply() else { return false }
            return true
        }
        #expect(isBack)
    }

    @Test func `a Unix socket at which a server answers is not taken, one at which nobody does is`() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/socket"
        let first = try TestServer(address: .unix(path: path))
        let error = #expect(throws: ServerError.self) { _ = try TestServer(address: .unix(path: path)) }
        #expect(error?.description.contains("something listens there already") == true)
        let client = try RespClient(path: path)
        #expect(try client.run("PING") == .simple("PONG"))
        // As a server leaves it that ends without a word.
        let stale = scratch.path + "/stale"
        #expect(rename(path, stale) == 0)
        let second = try TestServer(address: .unix(path: path))
        first.stop()
        #expect(access(path, F_OK) == 0)
        #expect(try RespClient(path: path).run("PING") == .simple("PONG"))
        let third = try TestServer(address: .unix(path: stale))
        #expect(try RespClient(path: stale).run("PING") == .simple("PONG"))
        third.stop()
        second.stop()
        #expect(access(path, F_OK) != 0 && access(stale, F_OK) != 0)
    }

    @Test func `of servers that find one abandoned socket at once, one has it and is reached there`() throws {
        let scratch = try Scratch()
        for round in 0..<300 {
            let path = scratch.path + "/socket\(round)"
            close(try SocketFile.listen(path))
            #expect(access(path, F_OK) == 0)
            let ready = Atomic<Int>(0)
            let made = Atomic<Int>(0)
            let last = Atomic<Int>(-1)
            DispatchQueue.concurrentPerform(iterations: 2) { _ in
                // Both begin at one moment, as far as there are processors.
                ready.add(1, ordering: .sequentiallyConsistent)
                let end = ContinuousClock.now + .milliseconds(20)
                while ready.load(ordering: .sequentiallyConsistent) < 2, ContinuousClock.now < end {}
                guard let descriptor = try? SocketFile.listen(path) else { return }
                made.add(1, ordering: .sequentiallyConsistent)
                last.store(Int(descriptor), ordering: .sequentiallyConsistent)
            }
            #expect(made.load(ordering: .sequentiallyConsistent) == 1, "round \(round)")
            // Whoever has it is reached there.
            _ = try RespClient(path: path)
            close(CInt(last.load(ordering: .sequentiallyConsistent)))
            unlink(path)
        }
    }

    @Test func `a request that trickles in is given up, an idle connection is not`() throws {
        var limits = ConnectionLimits()
        limits.partialFrameTimeoutMs = 300
        let server = try TestServer(limits: limits)
        let idle = try server.client()
        #expect(try idle.run("PING") == .simple("PONG"))
        let slow = try server.client()
        slow.send("*2\r\n$4\r\nECHO\r\n$1000000\r\nabc")
        #expect(try slow.untilClosed().isEmpty)
        #expect(try idle.run("PING") == .simple("PONG"))
    }

    @Test func `a client that never reads is not read, then left, and holds little`() throws {
        var limits = ConnectionLimits()
        limits.unsentBytesMax = 256 << 10
        limits.unsentTimeoutMs = 500
        let server = try TestServer(limits: limits)
        let greedy = try server.client()
        greedy.setTimeouts(seconds: 2)
        let requests = Array(String(repeating: "probe.big 100000\r\n", count: 5_000).utf8)
        // It is not read for ever: 500 MB would be owed.
        greedy.send(requests)
        let other = try server.client()
        #expect(try other.run("PING") == .simple("PONG"))
        let isLeft = try Patience.wait {
            guard case .bulk(let list) = try other.run("CLIENT", "LIST") else { return false }
            return list.split(separator: "\n").count == 1
        }
        #expect(isLeft)
        #expect(server.engine.statistics.sum { $0.commands.total } < 200)
    }

    @Test func `a slow reader gets everything in the end`() throws {
        var limits = ConnectionLimits()
        limits.unsentBytesMax = 64 << 10
        limits.outputBatchBytes = 10_000
        let server = try TestServer(limits: limits)
        let client = try server.client()
        let count = 300
        client.send(String(repeating: "probe.big 20000\r\n", count: count) + "ECHO end\r\n")
        for number in 0..<count {
            if number % 100 == 0 { Patience.pass(microseconds: 20_000, "the pace of a slow reader") }
            #expect(try client.reply().text?.utf8.count == 20_000)
        }
        #expect(try client.reply() == .bulk("end"))
    }

    @Test func `a client that closed its side is answered before the connection ends`() throws {
        let server = try TestServer(engine: LaterCommand.engine())
        let client = try server.client()
        client.send("later 200 a\r\nECHO b\r\n")
        client.closeOutput()
        #expect(try latin1(client.untilClosed()) == "$1\r\na\r\n$1\r\nb\r\n")
    }

    @Test func `the last reply arrives though the client goes on sending`() throws {
        let server = try TestServer()
        let client = try server.client()
        client.send("*x\r\n" + String(repeating: "PING\r\n", count: 200_000))
        #expect(try latin1(client.untilClosed()) == "-ERR Protocol error: invalid multibulk length\r\n")
    }

    @Test func `a connection is killed from another`() throws {
        let server = try TestServer(threads: 2)
        let (victim, killer) = (try server.client(), try server.client())
        guard case .integer(let id) = try victim.run("CLIENT", "ID") else {
            Issue.record("no id")
            return
        }
        #expect(try killer.run("CLIENT", "KILL", "ID", "\(id)") == .integer(1))
        #expect(try victim.untilClosed().isEmpty)
        #expect(try Patience.wait { try killer.run("CLIENT", "KILL", "ID", "\(id)") == .integer(0) })
        #expect(try killer.run("CLIENT", "KILL", "nobody:1") == .error("ERR No such client"))
    }

    @Test func `stopping answers what was sent, finishes what is under way, and takes nothing new`() throws {
        let server = try TestServer(engine: LaterCommand.engine(), threads: 2)
        let port = server.port
        let clients = try (0..<10).map { _ in try server.client() }
        let idle = try server.client()
        #expect(try idle.run("PING") == .simple("PONG"))
        for client in clients { client.send("later 300 a\r\nlater 300 b\r\nPING\r\n") }
        #expect(server.stop())
        for client in clients { #expect(try latin1(client.untilClosed()) == "$1\r\na\r\n$1\r\nb\r\n+PONG\r\n") }
        #expect(try idle.untilClosed().isEmpty)
        #expect(throws: RespClient.Failure.self) { try RespClient(port: port) }
    }

    @Test func `stopping ends in bounded time whatever is under way`() throws {
        let server = try TestServer(engine: LaterCommand.engine(), stopSecondsMax: 1)
        let client = try server.client()
        client.send("probe.get never\r\n")
        #expect(try server.client().run("PING") == .simple("PONG"))
        #expect(!server.stop())
        #expect(try client.untilClosed().isEmpty)
    }

    @Test func `a unix socket is served and removed`() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/s"
        let server = try TestServer(address: .unix(path: path))
        let client = try RespClient(path: path)
        #expect(try client.run("PING") == .simple("PONG"))
        let list = try #require(try client.run("CLIENT", "LIST").text)
        #expect(list.contains("laddr=\(path)"), "\(list)")
        server.stop()
        #expect(access(path, F_OK) != 0)
    }

    @Test func `an address in use is an error that says what to do`() throws {
        let server = try TestServer()
        let error = #expect(throws: ServerError.self) {
            try TestServer(address: .tcp(host: "127.0.0.1", port: server.port))
        }
        #expect(error?.description.contains("something listens there already") == true)
    }

    @Test func `slow commands are in the slow log, passwords are not`() throws {
        let server = try TestServer(engine: LaterCommand.engine(slowLogUs: 0))
        let client = try server.client()
        try client.run("AUTH", "default", "secret-word")
        try client.run("later", "50", "a")
        let log = try client.run("SLOWLOG", "GET", "100")
        #expect(!"\(log)".contains("secret-word"))
        let entry = try #require(
            log.items?.first { $0.items?[3] == .array([.bulk("later"), .bulk("50"), .bulk("a")]) }
        )
        guard case .integer(let duration)? = entry.items?[2] else {
            Issue.record("\(entry)")
            return
        }
        #expect(duration >= 50_000)
        #expect(try client.run("SLOWLOG", "RESET") == .simple("OK"))
    }
}

/// `later MS TEXT`: a write that is answered after a while, from another thread.
enum LaterCommand {
    static func engine(slowLogUs: Int64 = -1) -> Engine {
        var settings = EngineSettings()
        settings.slowLogUs = slowLogUs
        let later = Command("later", arity: 3, summary: "", group: .generic, flags: [.write]) { _, arguments in
            let delayMs = arguments.integer(1) ?? 0
            let text = arguments.text(2)
            return .deferred(
                DeferredReply(isWrite: true) { finish in
                    Thread.detachNewThread {
                        Patience.pass(microseconds: Int(delayMs) * 1_000, "what takes long to be done")
                        finish { $0.bulk(text) }
                    }
                }
            )
        }
        return Engine(settings: settings, table: CommandTable(ProbeCommands.table.listed, [later]))
    }
}
