import Commands
import Foundation
import NIOCore
import RESPServer
import Synchronization
import TestSupport
import Testing
import Wire

/// A transaction that takes an event loop long lets other connections have their turns meanwhile.
@Suite struct TransactionTurnTests {
    private static func limits(turnUs: Int64) -> ConnectionLimits {
        var limits = Scene.patientLimits
        limits.turnNs = turnUs * 1_000
        return limits
    }

    private static func sets(_ count: Int, us: Int) -> String {
        "MULTI\r\n" + String(repeating: "probe.slowset \(us)\r\n", count: count)
    }

    @Test func `writes are prepared in turns, then committed together, and what follows waits`() {
        let scene = Scene(engine: ProbeCommands.writingEngine(), limits: Self.limits(turnUs: 2_000))
        scene.isTurning = false
        scene.send(Self.sets(20, us: 500) + "PING\r\nEXEC\r\nECHO behind\r\n")
        #expect(scene.reply().hasSuffix("+QUEUED\r\n"))
        #expect(scene.pauseCount == 1 && scene.commits.isEmpty)
        var longest = Int64(0)
        while scene.commits.isEmpty, scene.pauseCount < 100 {
            let start = Clock.nowNs()
            scene.takeTurn()
            longest = max(longest, Clock.nowNs() - start)
        }
        // 10 ms of work; a machine that is busy makes more turns of it, and longer ones.
        #expect((3...20).contains(scene.pauseCount), "\(scene.pauseCount) turns, the longest \(longest) ns")
        #expect(scene.commits.map(\.writes.count) == [20])
        #expect(scene.reply().isEmpty)
        scene.take(
            scene.connection.transactionCommitted(
                scene.commits[0].id,
                (0..<20).map { number in { $0.integer(Int64(number)) } },
                nowNs: 0
            )
        )
        let numbers = (0..<20).map { ":\($0)\r\n" }.joined()
        #expect(scene.reply() == "*21\r\n\(numbers)+PONG\r\n$6\r\nbehind\r\n")
    }

    @Test func `whether values are being loaded is asked once a turn and once for all reads, not for each command`() {
        let asked = Mutex(0)
        var hooks = EngineHooks()
        hooks.commitTogether = { _, _, _ in }
        hooks.isLoading = {
            asked.withLock { $0 += 1 }
            return false
        }
        let scene = Scene(engine: ProbeCommands.engine(hooks: hooks), limits: Self.limits(turnUs: 2_000))
        scene.send(Self.sets(20, us: 500) + String(repeating: "probe.big 1\r\n", count: 200))
        let before = asked.withLock { $0 }
        scene.send("EXEC\r\n")
        #expect(scene.commits.count == 1)
        let replies = (0..<20).map { _ -> DeferredReply.Body in { $0.integer(7) } }
        scene.take(scene.connection.transactionCommitted(scene.commits[0].id, replies, nowNs: 0))
        #expect(scene.reply().hasSuffix("$1\r\nx\r\n"))
        // EXEC itself is a command, too.
        #expect(asked.withLock { $0 } - before <= scene.pauseCount + 3, "\(scene.pauseCount) pauses")
    }

    @Test func `a write that cannot be done undoes those of other turns, and is told in EXEC's place`() {
        let abandoned = Mutex(0)
        var hooks = EngineHooks()
        hooks.commitTogether = { _, _, _ in }
        hooks.abandon = { writes, client in abandoned.withLock { $0 += client == 7 ? writes.count : 1_000 } }
        let scene = Scene(engine: ProbeCommands.engine(hooks: hooks), limits: Self.limits(turnUs: 300))
        scene.send(Self.sets(3, us: 500) + "probe.slowset x\r\nprobe.slowset 500\r\nEXEC\r\nPING\r\n")
        #expect(scene.pauseCount >= 3)
        #expect(scene.commits.isEmpty)
        #expect(
            scene.reply().hasSuffix(
                "+QUEUED\r\n-EXECABORT Transaction discarded: probe.slowset: FSVALUE bad value\r\n+PONG\r\n"
            )
        )
        #expect(abandoned.withLock { $0 } == 4)
    }

    @Test(arguments: [true, false])
    func `a transaction whose client goes away between turns is not committed`(isKilled: Bool) {
        let scene = Scene(engine: ProbeCommands.writingEngine(), limits: Self.limits(turnUs: 300))
        scene.isTurning = false
        scene.send(Self.sets(3, us: 500) + "EXEC\r\n")
        #expect(scene.pauseCount == 1)
        if isKilled {
            scene.take(scene.connection.killed(nowNs: 0))
            #expect(scene.ending == .now(.killed))
        } else {
            scene.take(scene.connection.closed())
        }
        for _ in 0..<10 { scene.takeTurn() }
        #expect(scene.commits.isEmpty)
    }

    @Test func `a client that closes its side, and a server that stops, get the whole transaction`() {
        for isStopping in [true, false] {
            let scene = Scene(engine: ProbeCommands.writingEngine(), limits: Self.limits(turnUs: 300))
            scene.isTurning = false
            scene.send(Self.sets(3, us: 500) + "EXEC\r\n")
            scene.take(
                isStopping
                    ? scene.connection.stopRequested(nowNs: 0) : scene.connection.inputClosed(nowNs: 0)
            )
            #expect(scene.ending == nil)
            scene.isTurning = true
            scene.takeTurn()
            #expect(scene.commits.map(\.writes.count) == [3])
            _ = scene.reply()
            let replies = (0..<3).map { _ -> DeferredReply.Body in { $0.integer(7) } }
            scene.take(scene.connection.transactionCommitted(scene.commits[0].id, replies, nowNs: 0))
            #expect(scene.reply() == "*3\r\n:7\r\n:7\r\n:7\r\n")
            #expect(scene.ending == .afterOutput(isStopping ? .stopping : .client))
        }
    }

    @Test func `CLIENT REPLY OFF keeps the reply of a transaction of several turns`() {
        let scene = Scene(engine: ProbeCommands.writingEngine(), limits: Self.limits(turnUs: 300))
        scene.send("CLIENT REPLY OFF\r\n" + Self.sets(3, us: 500) + "PING\r\nEXEC\r\nCLIENT REPLY ON\r\nPING\r\n")
        #expect(scene.pauseCount >= 2)
        let replies = (0..<3).map { _ -> DeferredReply.Body in { $0.integer(7) } }
        scene.take(scene.connection.transactionCommitted(scene.commits[0].id, replies, nowNs: 0))
        #expect(scene.reply() == "+OK\r\n+PONG\r\n")
    }

    @Test func `a transaction for whose writes there is no memory any more is given up`() {
        let memory = RequestMemory(bytesMax: 2 << 20)
        let scene = Scene(
            engine: ProbeCommands.writingEngine(),
            limits: Self.limits(turnUs: 300),
            requestMemory: memory
        )
        scene.isTurning = false
        let text = String(repeating: "7", count: 700_000)
        // Together in one piece with EXEC, so that MULTI itself was not refused.
        scene.send(
            "MULTI\r\n"
                + (0..<4).map { _ in "probe.slowset 500\r\n*2\r\n$4\r\nECHO\r\n$700000\r\n\(text)\r\n" }.joined()
                + "EXEC\r\nPING\r\n"
        )
        #expect(scene.pauseCount == 1)
        #expect(scene.commits.isEmpty)
        scene.isTurning = true
        scene.takeTurn()
        let reply = scene.reply()
        #expect(scene.commits.isEmpty)
        #expect(reply.contains("-EXECABORT Transaction discarded: requests of all clients together are too large"))
        #expect(scene.ending == .afterOutput(.requestMemory))
        #expect(memory.bytesTaken == 0)
    }

    @Test func `reads that were disturbed and took long run again in another turn`() {
        let count = Mutex<UInt64>(2)
        let locks = Mutex(0)
        var hooks = EngineHooks()
        hooks.changeCount = { count.withLock { $0 } }
        hooks.readTogether = { body in
            locks.withLock { $0 += 1 }
            body()
            return true
        }
        let table = CommandTable(
            CommandTable.all.listed,
            [
                Command("probe.read", arity: 1, summary: "", group: .generic, flags: [.readonly]) { context, _ in
                    ProbeCommands.spin(us: 3_000)
                    count.withLock { $0 += 2 }
                    context.reply.integer(5)
                    return .replied
                }
            ]
        )
        var settings = EngineSettings()
        settings.slowLogUs = -1
        let engine = Engine(settings: settings, hooks: hooks, table: table)
        let scene = Scene(engine: engine, limits: Self.limits(turnUs: 2_000))
        scene.isTurning = false
        scene.send("PING\r\nMULTI\r\nprobe.read\r\nEXEC\r\nPING\r\n")
        #expect(scene.pauseCount == 1 && locks.withLock { $0 } == 0)
        #expect(scene.reply() == "+PONG\r\n+OK\r\n+QUEUED\r\n")
        scene.takeTurn()
        #expect(locks.withLock { $0 } == 1)
        #expect(scene.reply() == "*1\r\n:5\r\n+PONG\r\n")
    }

    /// While `isApplying`, no two reads find one position.
    private static func scene(_ isApplying: @escaping @Sendable () -> Bool, waitNs: Int64) -> Scene {
        var hooks = EngineHooks()
        hooks.changeCount = { isApplying() ? nil : 2 }
        hooks.readTogether = { body in
            guard !isApplying() else { return false }
            body()
            return true
        }
        let read = Command("probe.read", arity: 1, summary: "", group: .generic, flags: [.readonly]) { context, _ in
            context.reply.integer(5)
            return .replied
        }
        var limits = Scene.patientLimits
        limits.transactionWaitNs = waitNs
        let table = CommandTable(CommandTable.all.listed, [read])
        let engine = Engine(settings: EngineSettings(), hooks: hooks, table: table)
        let scene = Scene(engine: engine, limits: limits)
        scene.isTurning = false
        return scene
    }

    @Test func `reads of EXEC wait beside others for a large commit that is being applied`() {
        let isApplying = Mutex(true)
        let scene = Self.scene({ isApplying.withLock { $0 } }, waitNs: 60_000_000_000)
        scene.send("MULTI\r\nprobe.read\r\nPING\r\nprobe.read\r\nEXEC\r\nPING\r\n")
        for pause in 1...3 {
            #expect(scene.pauseCount == pause && scene.waitCount == pause)
            #expect(pause > 1 || scene.reply() == "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n")
            scene.takeTurn()
        }
        #expect(scene.reply() == "")
        isApplying.withLock { $0 = false }
        scene.takeTurn()
        #expect(scene.reply() == "*3\r\n:5\r\n+PONG\r\n:5\r\n+PONG\r\n")
    }

    @Test func `reads of EXEC are refused, and nothing else is, where the wait is too long`() {
        let scene = Self.scene({ true }, waitNs: 0)
        scene.send("MULTI\r\nprobe.read\r\nPING\r\nEXEC\r\nPING\r\n")
        let reply = scene.reply()
        let expected = "+QUEUED\r\n*2\r\n-FSTIMEOUT a commit of many rows is being applied"
        #expect(reply.contains(expected) && reply.hasSuffix(": ask again\r\n+PONG\r\n+PONG\r\n"), "\(reply)")
        #expect(scene.pauseCount == 0)
    }

    @Test func `while a long transaction is prepared, others are answered, over sockets`() throws {
        var hooks = EngineHooks()
        hooks.commitTogether = { writes, _, finish in
            let count = Int64(writes.count)
            finish(writes.map { _ in { $0.integer(count) } })
        }
        let server = try TestServer(engine: ProbeCommands.engine(hooks: hooks))
        let other = try server.client()
        // Safe: this thread leaves it alone until the other one is done with it.
        nonisolated(unsafe) let client = try server.client()
        client.setTimeouts(seconds: 60)
        // 4 s of the event loop.
        let count = 2_000
        client.send(Self.sets(count, us: 2_000) + "EXEC\r\n")
        for _ in 0..<count + 1 { _ = try client.reply() }
        var (longest, asked) = (Duration.zero, 0)
        let isDone = Mutex(false)
        let reader = Thread {
            let items = (try? client.reply())?.items
            #expect(items?.count == count && items?.first == .integer(Int64(count)))
            isDone.withLock { $0 = true }
        }
        reader.start()
        while !isDone.withLock({ $0 }) {
            let start = ContinuousClock.now
            #expect(try other.run("PING") == .simple("PONG"))
            longest = max(longest, ContinuousClock.now - start)
            asked += 1
        }
        #expect(longest < .milliseconds(1_500), "the longest of \(asked) took \(longest)")
        #expect(asked > 20)
        #expect(try client.run("PING") == .simple("PONG"))
    }

    @Test func `a transaction that is too large is refused over sockets, and the connection goes on`() throws {
        var hooks = EngineHooks()
        hooks.commitTogether = { writes, _, finish in finish(writes.map { _ in { $0.integer(1) } }) }
        let server = try TestServer(engine: ProbeCommands.engine(hooks: hooks), limits: Scene.patientLimits)
        // Safe: another thread sends while this one reads.
        nonisolated(unsafe) let client = try server.client()
        client.setTimeouts(seconds: 60)
        func run(_ count: Int) -> Substring {
            let sending = Thread {
                client.send("MULTI\r\n" + String(repeating: "probe.set a\r\n", count: count) + "EXEC\r\nPING\r\n")
            }
            sending.start()
            let text = String(decoding: client.bytes(upTo: "+PONG\r\n"), as: UTF8.self)
            let queued = "+OK\r\n" + String(repeating: "+QUEUED\r\n", count: 100_000)
            #expect(text.hasPrefix(queued))
            return text.dropFirst(queued.count)
        }
        // One command more than a transaction has.
        let refused = run(100_001)
        #expect(refused.hasPrefix("-FSLIMIT a transaction has more than 100000 commands"))
        #expect(refused.hasSuffix("\r\n-EXECABORT Transaction discarded because of previous errors.\r\n+PONG\r\n"))
        // As many as it has are run.
        #expect(run(100_000) == "*100000\r\n" + String(repeating: ":1\r\n", count: 100_000) + "+PONG\r\n")
        // Replies that are too much together are errors in their places.
        client.send("MULTI\r\n" + String(repeating: "probe.big 30000000\r\n", count: 4) + "EXEC\r\nPING\r\n")
        let bytes = client.bytes(upTo: "+PONG\r\n")
        #expect((60_000_000..<60_002_000).contains(bytes.count))
        let end = String(decoding: bytes.suffix(1_000), as: UTF8.self)
        #expect(end.ranges(of: "\r\n-FSLIMIT the replies of EXEC together").count == 2, "\(end.suffix(600))")
    }
}
