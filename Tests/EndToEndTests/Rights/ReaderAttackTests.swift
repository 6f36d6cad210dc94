import Access
import Foundation
import Glibc
import Operations
import Store
import Synchronization
import TestSupport
import Testing

/// A user who may read one view and nothing else, and does its worst: others are answered, the process lives, and its memory
/// stays within what one client may take.
@Suite(.serialized) struct ReaderAttackTests {
    final class Target: Sendable {
        static let shared: Result<Target, any Error> = Result { try Target() }

        let port: Int
        let pid: Int32
        let baseBytes: Int
        let store: ServedStore
        private let served: Mutex<ServedAsof>

        init() throws {
            store = try ServedStore(ReplyAttack.yaml)
            try ReplyAttackTests.Target.fill(store)
            for user in [["ada", "admin"], ["app", "reader", "view:texts"], ["log", "reader", "view:log"]] {
                let added = try store.asof(["user", "add"] + user + ["--password-stdin"], input: "geheim\n")
                try #require(added.status == 0, "\(added.error)")
            }
            let served = try ServedAsof(
                [
                    "-d", store.conninfo, "--resident", "texts,wide,pairs,rates", "--threads", "1", "--log-level",
                    "error",
                ],
                in: store.scratch.path
            )
            (port, pid) = (served.port, served.pid)
            let ada = try Self.client(port, "ada")
            let isLoaded = try Patience.wait(seconds: 60) {
                try ada.run("INFO", "persistence").text?.contains("loading:0") == true
            }
            try #require(isLoaded)
            baseBytes = served.residentBytes
            self.served = Mutex(served)
            atexit { if let target = try? Target.shared.get() { _ = kill(target.pid, SIGKILL) } }
        }

        private static func client(_ port: Int, _ user: String) throws -> RespClient {
            let client = try RespClient(port: port)
            client.setTimeouts(seconds: 120)
            try #require(try client.run("AUTH", user, "geheim") == .simple("OK"))
            return client
        }

        func client(_ user: String) throws -> RespClient { try Self.client(port, user) }

        var isRunning: Bool { served.withLock { $0.isRunning } }

        func pings() -> Pings {
            Pings(port: port, as: ("ada", "geheim"), read: ["FS.GET", "wide", "5", "FEATURES", "1", "f1"])
        }
    }

    /// Runs something hostile while another client is answered; on a machine that is busy with other things an answer may be late,
    /// but not each time.
    private func whileAnswered(_ target: Target, attempts: Int = 3, _ attack: () throws -> Void) throws {
        let pings = target.pings()
        pings.waitForMore(5)
        var worst: [Int] = []
        for _ in 0..<attempts {
            _ = try pings.take()
            try attack()
            worst.append(try pings.take().max() ?? 0)
            if worst.last ?? 0 < ReplyAttackTests.pingMsMax { break }
        }
        _ = try pings.stop()
        #expect(worst.min() ?? 0 < ReplyAttackTests.pingMsMax, "the longest answer of each attempt took \(worst) ms")
        #expect(target.isRunning)
        let grown = ReplyAttackTests.peakBytes(of: target.pid) - target.baseBytes
        #expect(grown < ReplyAttackTests.classBytes, "\(grown >> 20) MiB more than at the start")
    }

    @Test("whatever a reader asks for has its reply, and others are answered", arguments: ReplyAttack.all)
    func attack(attack: ReplyAttack) throws {
        let target = try Target.shared.get()
        let position = try target.store.head()
        try whileAnswered(target) {
            let client = try target.client("app")
            let replies = ReplySkipper(client)
            for command in attack.commands {
                #expect(client.send(RespClient.request(command)))
                _ = try replies.next()
            }
            client.send("DISCARD\r\n")
            _ = try replies.next()
            client.send("PING\r\n")
            #expect(try replies.next() == "+PONG")
        }
        #expect(try target.store.head() == position, "a reader has written")
    }

    @Test func `reads of history by many connections of one reader leave the others their turn`() throws {
        let target = try Target.shared.get()
        let first = try target.client("log")
        first.send(RespClient.request(["FS.RANGE", "log", "1", "-", "+", "COUNT", "30"]))
        try #require(try ReplySkipper(first).next() == "*30")
        let isOver = Mutex(false)
        let rounds = Atomic(0)
        let threads = (0..<16).map { _ in
            let thread = Thread {
                guard let client = try? target.client("log") else { return }
                let replies = ReplySkipper(client)
                while !isOver.withLock({ $0 }) {
                    client.send(RespClient.request(["FS.RANGE", "log", "1", "-", "+", "COUNT", "30"]))
                    guard (try? replies.next()) != nil else { return }
                    rounds.add(1, ordering: .relaxed)
                }
            }
            thread.start()
            return thread
        }
        #expect(Patience.wait(seconds: 60) { rounds.load(ordering: .relaxed) >= 2 })
        let ada = try target.client("ada")
        var delaysMs: [Int] = []
        for number in 0..<10 {
            let start = ContinuousClock.now
            // Of what is not in memory, and of history.
            let reply = try ada.line(number % 2 == 0 ? "FS.RANGE wide 5 - +" : "FS.GET cold 7")
            #expect(!reply.isError, "\(reply)")
            delaysMs.append(Int((ContinuousClock.now - start) / .milliseconds(1)))
        }
        isOver.withLock { $0 = true }
        #expect(Patience.wait(seconds: 60) { threads.allSatisfy(\.isFinished) })
        // What a read of history may take, its turn included.
        #expect(delaysMs.max() ?? 0 < 10_000, "\(delaysMs)")
        #expect(target.isRunning)
    }

    @Test func `hundreds of waits for changes cost others nothing`() throws {
        let target = try Target.shared.get()
        let waiting = try (0..<300).map { _ in
            let client = try target.client("app")
            client.send(RespClient.request(["FS.CHANGES", "texts", "$", "BLOCK", "3600000"]))
            return client
        }
        try whileAnswered(target) {
            let ada = try target.client("ada")
            #expect(try ada.line("FS.RANGE wide 5 - +").isError == false)
            #expect(try ada.line("FS.SET cold 9 * s x").integer != nil)
        }
        for client in waiting { client.reset() }
    }

    @Test func `guesses by many connections of an address hold up nobody who is in, nor who comes from elsewhere`()
        throws
    {
        let store = try ServedStore()
        for user in [["ada", "admin"], ["app", "reader"]] {
            let added = try store.asof(["user", "add"] + user + ["--password-stdin"], input: "geheim\n")
            try #require(added.status == 0, "\(added.error)")
        }
        let served = try ServedAsof(["-d", store.conninfo, "--threads", "1", "--log-level", "error"], in: "/tmp")
        let app = try served.client()
        #expect(try app.run("AUTH", "app", "geheim") == .simple("OK"))
        let isLoaded = try Patience.wait(seconds: 60) { try !app.line("FS.GET stats 1").isError }
        try #require(isLoaded)
        let pings = Pings(port: served.port, as: ("ada", "geheim"), read: ["FS.GET", "stats", "1"])
        pings.waitForMore(5)
        let guessers = try (0..<200).map { number in
            let client = try RespClient(port: served.port, from: 2)
            client.setTimeouts(seconds: 120)
            for guess in 0..<3 { client.send("AUTH app\(number % 40) guess-\(guess)\r\n") }
            return client
        }
        // From another address, while those wait: a password that was found right before waits for nobody's.
        let other = try served.client()
        #expect(try other.run("AUTH", "ada", "geheim") == .simple("OK"))
        for client in guessers {
            for _ in 0..<3 {
                let reply = try client.reply().text ?? ""
                #expect(reply.hasPrefix("WRONGPASS"), "\(reply)")
            }
        }
        let delaysMs = try pings.stop()
        // What a read of history may take, its turn included.
        #expect(delaysMs.max() ?? 0 < ReplyAttackTests.pingMsMax, "\(delaysMs.max() ?? 0) ms")
        let info = try other.run("INFO", "asof").text ?? ""
        func count(_ name: String) -> Int {
            info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("\(name):") }
                .flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
        }
        // A bucket that has room again, or attempts that were looked at together, are a few more.
        #expect((AccessLimits.addressFailuresMax..<300).contains(count("auth_failures")), "\(info)")
        #expect(count("auth_failures") + count("auth_limited") == 600, "\(info)")
        // The address is kept out as a whole, and no other one.
        #expect(
            try RespClient(port: served.port, from: 2).run("AUTH", "ada", "geheim").text?
                .hasPrefix("WRONGPASS too many failed attempts from this address") == true
        )
        #expect(try RespClient(port: served.port, from: 3).run("AUTH", "ada", "geheim") == .simple("OK"))
        #expect(served.stop().status == 0)
    }
}
