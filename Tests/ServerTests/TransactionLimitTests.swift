import Commands
import NIOCore
import RESPServer
import Synchronization
import TestSupport
import Testing
import Wire

/// A transaction has the bounds of one request and of one reply, and holds nobody up for its reads.
@Suite struct TransactionLimitTests {
    private static func bulk(_ bytes: Int) -> String {
        "$\(bytes)\r\n" + String(repeating: "x", count: bytes) + "\r\n"
    }

    private static let refusal = "-FSLIMIT the replies of EXEC together have more than 256 MiB"

    @Test func `replies of EXEC that are too large together are errors from there on, and what is short is told`() {
        let scene = Scene()
        let (large, most) = (10_000_000, 60_000_000)
        scene.send("MULTI\r\nprobe.big \(most)\r\nprobe.big \(large)\r\nPING\r\nprobe.big \(large)\r\nEXEC\r\nPING\r\n")
        let reply = scene.reply()
        #expect(reply.hasPrefix("+OK\r\n" + String(repeating: "+QUEUED\r\n", count: 4) + "*4\r\n$\(most)\r\n"))
        let rest = reply.suffix(1_000)
        #expect(rest.components(of: Self.refusal) == 2)
        #expect(rest.contains("\r\n+PONG\r\n-FSLIMIT"))
        #expect(rest.hasSuffix("\r\n+PONG\r\n"))
        #expect(reply.utf8.count < most + 2_000)
    }

    @Test func `committed writes are told whatever the reads before them took`() {
        let scene = Scene(engine: ProbeCommands.writingEngine())
        scene.send("MULTI\r\nprobe.big 66000000\r\nprobe.big 70000000\r\nprobe.set a\r\nEXEC\r\n")
        scene.take(
            scene.connection.transactionCommitted(
                scene.commits[0].id,
                [{ $0.bulk(String(repeating: "w", count: 500)) }],
                nowNs: 0
            )
        )
        let reply = scene.reply()
        #expect(reply.contains("*3\r\n$66000000\r\n"))
        #expect(reply.hasSuffix("\r\n" + "$500\r\n" + String(repeating: "w", count: 500) + "\r\n"))
        #expect(reply.suffix(1_000).components(of: Self.refusal) == 1)
    }

    @Test func `reads of EXEC that take too long are errors from there on, and writes are told`() {
        var limits = ConnectionLimits()
        limits.transactionReadsNs = 0
        let scene = Scene(engine: ProbeCommands.writingEngine(), limits: limits)
        let late = "-FSLIMIT the reads of EXEC take too long together; queue fewer\r\n"
        scene.send("MULTI\r\nprobe.big 1\r\nprobe.big 2\r\nprobe.set a\r\nprobe.get b\r\nPING\r\nEXEC\r\nPING\r\n")
        _ = scene.reply()
        scene.take(scene.connection.transactionCommitted(scene.commits[0].id, [{ $0.integer(7) }], nowNs: 0))
        #expect(scene.reply() == "*5\r\n$1\r\nx\r\n" + late + ":7\r\n" + late + late + "+PONG\r\n")
        #expect(scene.starts.isEmpty)
        // The next transaction has its own time.
        scene.send("MULTI\r\nprobe.big 1\r\nEXEC\r\n")
        #expect(scene.reply().hasSuffix("*1\r\n$1\r\nx\r\n"))
    }

    @Test func `replies of EXEC that come later count, too, and stand in their places`() {
        let scene = Scene()
        scene.send("MULTI\r\nprobe.get a\r\nprobe.big 5\r\nprobe.get b\r\nPING\r\nprobe.get c\r\nEXEC\r\nPING\r\n")
        #expect(scene.starts.count == 1)
        _ = scene.reply()
        scene.finish(scene.starts[0].id, String(repeating: "x", count: 200 << 20))
        #expect(scene.reply().hasSuffix("x\r\n$5\r\nxxxxx\r\n"))
        #expect(scene.starts.count == 2)
        scene.finish(scene.starts[1].id, String(repeating: "x", count: 60 << 20))
        let reply = scene.reply()
        #expect(reply.hasPrefix(Self.refusal))
        #expect(reply.hasSuffix("\r\n+PONG\r\n"))
        scene.finish(scene.starts[2].id, "third")
        #expect(scene.reply() == "$5\r\nthird\r\n+PONG\r\n")
    }

    @Test func `where nothing more has room, replies that would come later are refused without work`() {
        let scene = Scene()
        scene.send("MULTI\r\nprobe.get a\r\nPING\r\nprobe.get b\r\nprobe.get c\r\nEXEC\r\nPING\r\n")
        _ = scene.reply()
        // All but the few bytes by which a bulk string is counted too high, and the reply behind it takes these.
        scene.finish(scene.starts[0].id, String(repeating: "x", count: WireLimits.replyBytesMax - 60))
        _ = scene.reply()
        scene.finish(scene.starts[1].id, String(repeating: "y", count: 80))
        #expect(scene.starts.count == 2)
        let reply = scene.reply()
        #expect(reply.hasPrefix("$80\r\n"))
        #expect(reply.contains("y\r\n" + Self.refusal))
        #expect(reply.hasSuffix("\r\n+PONG\r\n"))
    }

    @Test func `work of a transaction that begins when its client has gone waits for nothing`() {
        let scene = Scene()
        scene.send("MULTI\r\nprobe.get a\r\nprobe.get b\r\nEXEC\r\n")
        scene.take(scene.connection.inputClosed(nowNs: 0))
        #expect(scene.cancelCount == 1)
        scene.finish(scene.starts[0].id, "a")
        #expect(scene.starts.count == 2)
        #expect(scene.cancelCount == 2)
        scene.finish(scene.starts[1].id, "b")
        #expect(scene.reply().hasSuffix("*2\r\n$1\r\na\r\n$1\r\nb\r\n"))
        #expect(scene.ending == .afterOutput(.client))
    }

    @Test func `the next transaction begins with whole bounds`() {
        let scene = Scene()
        for _ in 0..<3 {
            scene.send("MULTI\r\nprobe.big 60000000\r\nEXEC\r\n")
            #expect(scene.reply().suffix(50).hasSuffix("x\r\n"))
        }
        scene.send("probe.big 260000000\r\nprobe.big 300000000\r\nPING\r\n")
        let reply = scene.reply()
        #expect(reply.hasPrefix("$260000000\r\n"))
        #expect(reply.hasSuffix("x\r\n-\(ReplyLimits.reply.refusal)\r\n+PONG\r\n"))
    }

    @Test func `queued commands together have the arguments of one request`() {
        let scene = Scene()
        let names = Array(repeating: "a", count: 30_000)
        scene.send("MULTI\r\n")
        for _ in 0..<3 { scene.send(RespClient.request(["COMMAND", "INFO"] + names)) }
        let reply = scene.reply()
        #expect(
            reply.hasPrefix(
                "+OK\r\n+QUEUED\r\n+QUEUED\r\n-FSLIMIT the commands of a transaction together have more than"
            )
        )
        scene.send("EXEC\r\n")
        #expect(scene.reply() == "-EXECABORT Transaction discarded because of previous errors.\r\n")
    }

    /// Where the first queued command's name is.
    private static func place(_ client: ClientState) -> UnsafePointer<UInt8>? {
        guard let transaction = client.transaction, let first = transaction.commands.first else { return nil }
        return transaction.arguments(first)[0].withUnsafeBufferPointer { $0.baseAddress }
    }

    @Test func `a command is queued behind the others without copying them`() throws {
        let scene = Scene()
        scene.send("MULTI\r\nPING\r\n")
        var place = try #require(Self.place(scene.client))
        var moves = 0
        for _ in 0..<10_000 {
            scene.send("PING\r\n")
            let next = try #require(Self.place(scene.client))
            if next != place { moves += 1 }
            place = next
        }
        // Only where memory grows, by a factor each time.
        #expect(moves < 40)
    }

    @Test func `what is queued counts as memory of requests that are not complete`() {
        let memory = RequestMemory(bytesMax: 8 << 20)
        let client = ClientState(id: 1, isAuthenticated: true)
        var connection = ClientConnection(
            client: client,
            engine: ProbeCommands.engine(),
            limits: ConnectionLimits(),
            requestMemory: memory,
            nowMs: 0
        )
        _ = connection.bytesReceived(ByteBuffer(string: "MULTI\r\n"), nowNs: 0)
        let request = RespClient.request(["ECHO", String(repeating: "x", count: 1 << 20)])
        var counts: [Int] = []
        var isEnded = false
        for _ in 0..<20 where !isEnded {
            let actions = connection.bytesReceived(ByteBuffer(bytes: request), nowNs: 0)
            counts.append(memory.bytesTaken)
            isEnded = actions.ending != nil
        }
        #expect(isEnded)
        #expect(counts.max() ?? 0 > 2 << 20)
        #expect(memory.bytesTaken == 0)
        #expect(String(buffer: connection.takeOutput()).contains("-ERR requests of all clients together are too large"))
    }

    @Test func `memory of a transaction is given back when it has run`() {
        let memory = RequestMemory(bytesMax: 64 << 20)
        let client = ClientState(id: 1, isAuthenticated: true)
        var connection = ClientConnection(
            client: client,
            engine: ProbeCommands.engine(),
            limits: ConnectionLimits(),
            requestMemory: memory,
            nowMs: 0
        )
        for end in ["EXEC\r\n", "DISCARD\r\n", "RESET\r\n"] {
            _ = connection.bytesReceived(ByteBuffer(string: "MULTI\r\n"), nowNs: 0)
            let request = RespClient.request(["ECHO", String(repeating: "x", count: 4 << 20)])
            _ = connection.bytesReceived(ByteBuffer(bytes: request), nowNs: 0)
            #expect(memory.bytesTaken >= 4 << 20)
            _ = connection.bytesReceived(ByteBuffer(string: end), nowNs: 0)
            #expect(memory.bytesTaken == 0, "\(end)")
            connection.outputTaken()
            _ = connection.outputDrained(nowNs: 0)
        }
    }

    @Test func `memory of a transaction is given back when its client goes away`() {
        let memory = RequestMemory(bytesMax: 64 << 20)
        var connection = ClientConnection(
            client: ClientState(id: 1, isAuthenticated: true),
            engine: ProbeCommands.engine(),
            limits: ConnectionLimits(),
            requestMemory: memory,
            nowMs: 0
        )
        _ = connection.bytesReceived(ByteBuffer(string: "MULTI\r\n"), nowNs: 0)
        let request = RespClient.request(["ECHO", String(repeating: "x", count: 4 << 20)])
        _ = connection.bytesReceived(ByteBuffer(bytes: request), nowNs: 0)
        #expect(memory.bytesTaken >= 4 << 20)
        _ = connection.closed()
        #expect(memory.bytesTaken == 0)
    }

    /// - Returns: a connection whose transaction, `bytes` in one piece with EXEC, is being committed, and EXEC's number.
    private static func committing(_ memory: RequestMemory, bytes: Int) throws -> CommittingConnection {
        var connection = ClientConnection(
            client: ClientState(id: 1, isAuthenticated: true),
            engine: ProbeCommands.writingEngine(),
            limits: ConnectionLimits(),
            requestMemory: memory,
            nowMs: 0
        )
        var sent = Array("MULTI\r\n".utf8)
        sent += RespClient.request(["probe.set", String(repeating: "x", count: bytes)])
        sent += Array("EXEC\r\n".utf8)
        let actions = connection.bytesReceived(ByteBuffer(bytes: sent), nowNs: 0)
        return CommittingConnection(connection: connection, commit: try #require(actions.commit?.id))
    }

    private struct CommittingConnection: ~Copyable {
        var connection: ClientConnection
        let commit: Int64
    }

    @Test func `memory of a transaction counts until it is committed`() throws {
        let memory = RequestMemory(bytesMax: 64 << 20)
        var scene = try Self.committing(memory, bytes: 4 << 20)
        #expect(memory.bytesTaken >= 4 << 20)
        let actions = scene.connection.transactionCommitted(scene.commit, [{ $0.integer(7) }], nowNs: 0)
        #expect(actions.ending == nil)
        #expect(memory.bytesTaken == 0)
        #expect(String(buffer: scene.connection.takeOutput()).hasSuffix("*1\r\n:7\r\n"))
        var gone = try Self.committing(memory, bytes: 4 << 20)
        #expect(memory.bytesTaken >= 4 << 20)
        _ = gone.connection.closed()
        #expect(memory.bytesTaken == 0)
        _ = gone.connection.transactionCommitted(gone.commit, [{ $0.integer(7) }], nowNs: 0)
        #expect(memory.bytesTaken == 0)
    }

    @Test func `a transaction that is committed while there is no room for it is told, and its connection ends`() throws
    {
        let memory = RequestMemory(bytesMax: 2 << 20)
        var scene = try Self.committing(memory, bytes: 4 << 20)
        #expect(memory.bytesTaken == 0)
        let actions = scene.connection.transactionCommitted(scene.commit, [{ $0.integer(7) }], nowNs: 0)
        #expect(actions.ending == .afterOutput(.requestMemory))
        let reply = String(buffer: scene.connection.takeOutput())
        #expect(reply.contains("*1\r\n:7\r\n-ERR requests of all clients together are too large"))
        #expect(memory.bytesTaken == 0)
    }

    // MARK: One position

    /// An engine whose changes a test counts and makes.
    private final class Changes: Sendable {
        let count = Mutex<UInt64?>(2)
        let locks = Mutex(0)
        let runs = Mutex(0)

        func engine(_ onRun: @escaping @Sendable (Changes, _ run: Int) -> Void) -> Engine {
            var hooks = EngineHooks()
            hooks.changeCount = { [self] in count.withLock { $0 } }
            hooks.readTogether = { [self] body in
                locks.withLock { $0 += 1 }
                body()
                return true
            }
            let table = CommandTable(
                CommandTable.all.listed,
                [
                    Command("probe.read", arity: 1, summary: "", group: .generic, flags: [.readonly]) {
                        [self] context, _ in
                        let run = runs.withLock { runs in
                            runs += 1
                            return runs
                        }
                        context.reply.integer(Int64(run))
                        onRun(self, run)
                        return .replied
                    }
                ]
            )
            return Engine(settings: EngineSettings(), hooks: hooks, table: table)
        }
    }

    @Test func `reads of a transaction hold no lock while nothing is applied`() {
        let changes = Changes()
        let scene = Scene(engine: changes.engine { _, _ in })
        scene.send("MULTI\r\nprobe.read\r\nprobe.read\r\nEXEC\r\n")
        #expect(scene.reply().hasSuffix("*2\r\n:1\r\n:2\r\n"))
        #expect(changes.locks.withLock { $0 } == 0)
    }

    @Test func `reads between which something was applied run again, and only the last are sent`() {
        let changes = Changes()
        let scene = Scene(engine: changes.engine { changes, run in if run == 1 { changes.count.withLock { $0 = 4 } } })
        scene.send("PING\r\nMULTI\r\nprobe.read\r\nprobe.read\r\nEXEC\r\n")
        #expect(scene.reply().hasSuffix("+QUEUED\r\n*2\r\n:3\r\n:4\r\n"))
        #expect(changes.locks.withLock { $0 } == 0)
    }

    @Test func `where changes do not end, the last reads hold them up`() {
        let changes = Changes()
        let scene = Scene(
            engine: changes.engine { changes, run in changes.count.withLock { $0 = UInt64(run) * 2 + 2 } }
        )
        scene.send("MULTI\r\nprobe.read\r\nprobe.read\r\nEXEC\r\n")
        let runs = changes.runs.withLock { $0 }
        #expect(scene.reply().hasSuffix("*2\r\n:\(runs - 1)\r\n:\(runs)\r\n"))
        #expect(changes.locks.withLock { $0 } == 1)
    }

    @Test func `commands that are no reads run once`() {
        let changes = Changes()
        let scene = Scene(
            engine: changes.engine { changes, run in changes.count.withLock { $0 = UInt64(run) * 2 + 2 } }
        )
        scene.send("MULTI\r\nprobe.read\r\nCLIENT SETNAME x\r\nEXEC\r\n")
        #expect(scene.reply().hasSuffix("*2\r\n:1\r\n+OK\r\n"))
        #expect(changes.runs.withLock { $0 } == 1)
    }
}

extension StringProtocol {
    /// How often a text occurs.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
