import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// What must not harm the built server: it goes on, its memory stays bounded, others are answered.
@Suite(.serialized) struct HostileInputTests {
    /// One server for all, so that it must survive all.
    final class Target: Sendable {
        static let shared: Result<Target, any Error> = Result { try Target() }

        let port: Int
        private let served: Mutex<ServedAsof>

        init() throws {
            let served = try ServedAsof(["--without-store", "--threads", "2", "--log-level", "error"])
            port = served.port
            self.served = Mutex(served)
            atexit { if let target = try? Target.shared.get() { target.end() } }
        }

        var residentBytes: Int { served.withLock { $0.residentBytes } }
        var isRunning: Bool { served.withLock { $0.isRunning } }
        private func end() { served.withLock { _ = kill($0.pid, SIGKILL) } }
    }

    @Test("hostile input has its outcome, and harms nobody else", arguments: HostileInput.all)
    func outcome(item: HostileInput) throws {
        let target = try Target.shared.get()
        let client = try RespClient(port: target.port)
        client.send(bytes(latin1: item.sent))
        switch item.outcome {
        case .fault(let reason):
            let rest = try latin1(client.untilClosed())
            let last = rest.split(separator: "\r\n").last ?? ""
            #expect(last.hasPrefix("-ERR Protocol error: "), "\(rest.debugDescription)")
            #expect(reason.isEmpty || last.contains(reason), "\(last)")
        case .silence: #expect(try client.untilClosed().isEmpty)
        case .answer(let expected):
            #expect(try client.raw(expected.unicodeScalars.count) == expected)
            #expect(try client.run("ECHO", "on") == .bulk("on"))
        case .replies(let count):
            for _ in 0..<count { _ = try client.reply() }
            if item.testDescription.contains("transaction") { client.send("DISCARD\r\n") }
            client.send("ECHO on\r\n")
            var last = try client.reply()
            if last == .simple("OK") { last = try client.reply() }
            #expect(last == .bulk("on"))
        case .waits: break
        }
        let other = try RespClient(port: target.port)
        #expect(try other.run("PING") == .simple("PONG"))
        #expect(target.isRunning)
    }

    @Test func `there are at least sixty kinds of hostile input`() { #expect(HostileInput.all.count >= 60) }

    @Test func `a thousand connections that declare the maximum take little, and others are answered`() throws {
        let target = try Target.shared.get()
        allowFiles(4_096)
        let other = try RespClient(port: target.port)
        #expect(try other.run("PING") == .simple("PONG"))
        let before = target.residentBytes
        let pings = Pings(port: target.port)
        var clients: [RespClient] = []
        for number in 0..<1_000 {
            let client = try RespClient(port: target.port)
            clients.append(client)
            switch number % 4 {
            case 0: client.send("*1048576\r\n$67108864\r\n" + String(repeating: "x", count: 1_000))
            case 1: client.send("*1048576\r\n" + String(repeating: "$1\r\nx\r\n", count: 100) + "$67108864\r\n")
            case 2: client.send(String(repeating: "x", count: 1_000))
            default: client.send("*2\r\n$4\r\nECHO\r\n$67108864\r\n")
            }
        }
        #expect(try other.run("PING") == .simple("PONG"))
        let grown = target.residentBytes - before
        #expect(grown < 150 << 20, "grown by \(grown >> 20) MiB")
        try expectPrompt(pings)
        for client in clients { client.reset() }
        #expect(try other.run("PING") == .simple("PONG"))
    }

    @Test func `clients that ask and never read hold no more than the limit, and others are answered`() throws {
        let target = try Target.shared.get()
        let before = target.residentBytes
        let pings = Pings(port: target.port)
        let clients = try (0..<4).map { _ in try RespClient(port: target.port) }
        let request = RespClient.request(["ECHO", String(repeating: "x", count: 100_000)])
        for client in clients {
            client.setTimeouts(seconds: 1)
            var sent = 0
            // In the end it is not read any longer.
            while sent < 2_000, client.send(request) { sent += 1 }
            #expect(sent < 2_000)
        }
        pings.waitForMore(50)
        let grown = target.residentBytes - before
        #expect(grown < 4 * 80 << 20, "grown by \(grown >> 20) MiB")
        try expectPrompt(pings)
        for client in clients { client.reset() }
    }

    @Test func `connections that are reset or half closed at any time harm nobody`() throws {
        let target = try Target.shared.get()
        let pings = Pings(port: target.port)
        let sent = Array("*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\nPING\r\nMULTI\r\nPING\r\nEXEC\r\n".utf8)
        for end in 0...sent.count {
            let (reset, half) = (try RespClient(port: target.port), try RespClient(port: target.port))
            reset.send(Array(sent[..<end]))
            reset.reset()
            half.send(Array(sent[..<end]))
            half.closeOutput()
            let answered = try latin1(half.untilClosed())
            #expect("$5\r\nhello\r\n+PONG\r\n+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n".hasPrefix(answered))
        }
        try expectPrompt(pings)
        #expect(target.isRunning)
    }

    /// Nobody waits for those who were hostile: a machine that runs tests is busy with other things, too, but what holds
    /// others up does so for as long as it is there.
    private func expectPrompt(_ pings: Pings) throws {
        pings.waitForMore(20)
        let sorted = try pings.stop().sorted()
        guard let worst = sorted.last else { return #expect(!sorted.isEmpty) }
        #expect(sorted[sorted.count / 2] < 1_000, "median \(sorted[sorted.count / 2]) ms, worst \(worst) ms")
        #expect(worst < 10_000)
    }

    private func allowFiles(_ count: Int) {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0, limit.rlim_cur < rlim_t(count) else { return }
        limit.rlim_cur = min(rlim_t(count), limit.rlim_max)
        setrlimit(files, &limit)
    }
}
