import Commands
import NIOCore
import RESPServer
import Testing

/// Beginning, limits and end of a connection, without a socket.
@Suite struct ConnectionTests {
    @Test func `requests are answered in order`() {
        let scene = Scene()
        scene.send("*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nPING x\r\n")
        #expect(scene.reply() == "+PONG\r\n$2\r\nhi\r\n$1\r\nx\r\n")
        #expect(scene.ending == nil)
    }

    @Test func `a protocol error is the last reply, behind those that are pending`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.set a\r\nprobe.set b\r\n*x\r\nPING\r\n")
        #expect(scene.ending == nil)
        scene.send("PING\r\n")
        scene.finish(0, "A")
        scene.finish(1, "B")
        #expect(scene.reply() == "$1\r\nA\r\n$1\r\nB\r\n-ERR Protocol error: invalid multibulk length\r\n")
        #expect(scene.ending == .afterOutput(.protocolError("ERR Protocol error: invalid multibulk length")))
        scene.send("PING\r\n")
        #expect(scene.reply() == "")
    }

    @Test func `QUIT waits for what was asked before and ignores what comes behind it`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.set a\r\nQUIT\r\nprobe.set b\r\n")
        #expect(scene.ending == nil)
        scene.finish(0, "A")
        #expect(scene.reply() == "$1\r\nA\r\n+OK\r\n")
        #expect(scene.ending == .afterOutput(.client))
        #expect(scene.starts.count == 1)
    }

    @Test func `a client that closed its side gets all replies`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.set a\r\nPING\r\nPIN")
        scene.take(scene.connection.inputClosed(nowNs: 0))
        #expect(scene.ending == nil)
        scene.finish(0, "A")
        #expect(scene.reply() == "$1\r\nA\r\n+PONG\r\n")
        #expect(scene.ending == .afterOutput(.client))
    }

    @Test func `a client that goes makes waiting end`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.get a\r\n")
        scene.take(scene.connection.closed())
        #expect(scene.cancelCount == 1)
        scene.finish(0, "late")
        #expect(scene.ending == nil)
    }

    @Test func `work for a reply is given up where the connection is gone, not where its input ends`() {
        let scene = Scene()
        scene.send("probe.large\r\n")
        scene.take(scene.connection.inputClosed(nowNs: 0))
        #expect(scene.cancelCount == 0 && scene.ending == nil)
        scene.take(scene.connection.closed())
        #expect(scene.cancelCount == 1)
    }

    @Test func `a command that begins when its client sends nothing more, or the server stops, waits for nothing`() {
        for isStopping in [false, true] {
            let scene = Scene(engine: ProbeCommands.engine())
            scene.send("probe.get a\r\nprobe.get b\r\n")
            scene.take(
                isStopping ? scene.connection.stopRequested(nowNs: 0) : scene.connection.inputClosed(nowNs: 0)
            )
            #expect(scene.cancelCount == 1)
            scene.finish(scene.starts[0].id, "a")
            #expect(scene.starts.count == 2)
            #expect(scene.cancelCount == 2)
            scene.finish(scene.starts[1].id, "b")
            #expect(scene.reply() == "$1\r\na\r\n$1\r\nb\r\n")
            #expect(scene.ending == .afterOutput(isStopping ? .stopping : .client))
        }
    }

    @Test func `stopping answers what was received and reads no more`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.send("probe.set a\r\nPING\r\n*1\r\n$4\r\nPI")
        scene.take(scene.connection.stopRequested(nowNs: 0))
        #expect(!scene.wantsInput)
        #expect(scene.ending == nil)
        scene.finish(0, "A")
        #expect(scene.reply() == "$1\r\nA\r\n+PONG\r\n")
        #expect(scene.ending == .afterOutput(.stopping))
    }

    @Test func `an idle connection ends at once when the server stops`() {
        let scene = Scene()
        scene.take(scene.connection.stopRequested(nowNs: 0))
        #expect(scene.ending == .afterOutput(.stopping))
    }

    @Test func `HTTP and TLS are closed and nothing is run`() {
        for sent in ["GET / HTTP/1.1\r\nPING\r\n", "\u{16}\u{03}\u{01}", "Host: a\r\nPING\r\n"] {
            let scene = Scene()
            scene.send(sent)
            #expect(scene.ending == .now(.foreign))
            #expect(scene.reply() == "")
        }
    }

    // MARK: Timers

    @Test func `a request that stops coming ends the connection, an idle one does not`() {
        var limits = ConnectionLimits()
        limits.partialFrameTimeoutMs = 1_000
        let scene = Scene(limits: limits)
        scene.send("PING\r\n")
        #expect(scene.passTime(scene.nowMs + 1_000_000, 0) == nil)
        scene.nowMs += 1_000_000
        scene.send("*1\r\n$4\r\n")
        #expect(scene.passTime(scene.nowMs + 999, 0) == nil)
        scene.nowMs += 999
        scene.send("P")
        #expect(scene.passTime(scene.nowMs + 999, 0) == nil)
        #expect(scene.passTime(scene.nowMs + 1_000, 0) == .now(.partialRequest))
    }

    @Test func `a request that waits for our own work is not late`() {
        var limits = ConnectionLimits()
        limits.partialFrameTimeoutMs = 1_000
        limits.waitingBytesMax = 4
        let scene = Scene(engine: ProbeCommands.engine(), limits: limits)
        scene.send("probe.get a\r\nPING\r\nPIN")
        #expect(scene.passTime(scene.nowMs + 5_000, 0) == nil)
        scene.nowMs += 5_000
        scene.finish(0, "A")
        #expect(scene.passTime(scene.nowMs + 999, 0) == nil)
        #expect(scene.passTime(scene.nowMs + 1_000, 0) == .now(.partialRequest))
    }

    @Test func `a client that takes no replies is left after a while, one that takes them slowly is not`() {
        var limits = ConnectionLimits()
        limits.unsentTimeoutMs = 1_000
        let scene = Scene(engine: ProbeCommands.engine(), limits: limits)
        scene.send("probe.big 10000\r\n")
        for step in 1...5 {
            // A byte every 900 ms.
            let ending = scene.passTime(scene.nowMs + Int64(step) * 900, 5_000 - step)
            #expect(ending == nil)
        }
        #expect(scene.passTime(scene.nowMs + 5_000, 4_995) == nil)
        let ending = scene.passTime(scene.nowMs + 5_500, 4_995)
        #expect(ending == .now(.unreadReplies))
    }

    // MARK: Back-pressure

    @Test func `nothing is run or read while too much is unsent`() {
        let scene = Scene(engine: ProbeCommands.engine())
        scene.connection.outputBlocked()
        scene.isTaking = false
        scene.send("PING\r\nPING\r\n")
        #expect(scene.reply() == "")
        #expect(!scene.wantsInput)
        scene.isTaking = true
        scene.take(scene.connection.outputDrained(nowNs: 0))
        #expect(scene.reply() == "+PONG\r\n+PONG\r\n")
        #expect(scene.wantsInput)
    }

    @Test func `replies are given in batches, not collected without bound`() {
        var limits = ConnectionLimits()
        limits.outputBatchBytes = 1_000
        let scene = Scene(engine: ProbeCommands.engine(), limits: limits)
        scene.isTaking = false
        scene.send(String(repeating: "probe.big 400\r\n", count: 100))
        #expect(scene.received.count < 2_000)
        #expect(scene.needsRoom)
        scene.isTaking = true
        scene.take(scene.connection.outputDrained(nowNs: 0))
        #expect(scene.received.count == 100 * (400 + 8))
    }

    @Test func `of very many requests only some run before others have their turn`() {
        var limits = ConnectionLimits()
        limits.batchRequests = 10
        let scene = Scene(limits: limits)
        scene.isTaking = false
        scene.send(String(repeating: "PING\r\n", count: 25) + "PI")
        #expect(scene.reply() == String(repeating: "+PONG\r\n", count: 10))
        #expect(scene.needsRoom && !scene.wantsInput)
        scene.take(scene.connection.outputDrained(nowNs: 0))
        #expect(scene.reply() == String(repeating: "+PONG\r\n", count: 10))
        scene.take(scene.connection.outputDrained(nowNs: 0))
        #expect(scene.reply() == String(repeating: "+PONG\r\n", count: 5))
        #expect(!scene.needsRoom && scene.wantsInput)
        scene.send("NG\r\n")
        #expect(scene.reply() == "+PONG\r\n")
    }

    @Test func `large requests of all connections together are bounded`() {
        var limits = ConnectionLimits()
        limits.uncountedBytesMax = 1_000
        let memory = RequestMemory(bytesMax: 100_000)
        let engine = Engine()
        let client = ClientState(id: 1, isAuthenticated: true)
        var first = ClientConnection(client: client, engine: engine, limits: limits, requestMemory: memory, nowMs: 0)
        var second = ClientConnection(client: client, engine: engine, limits: limits, requestMemory: memory, nowMs: 0)
        let part = ByteBuffer(string: "*2\r\n$4\r\nECHO\r\n$1000000\r\n" + String(repeating: "x", count: 60_000))
        #expect(first.bytesReceived(part, nowNs: 0).ending == nil)
        #expect(memory.bytesTaken > 60_000)
        #expect(second.bytesReceived(part, nowNs: 0).ending == .afterOutput(.requestMemory))
        #expect(String(buffer: second.takeOutput()).hasPrefix("-ERR requests of all clients together"))
        #expect(memory.bytesTaken > 60_000 && memory.bytesTaken <= 100_000)
        _ = first.closed()
        #expect(memory.bytesTaken == 0)
        var third = ClientConnection(client: client, engine: engine, limits: limits, requestMemory: memory, nowMs: 0)
        #expect(third.bytesReceived(part, nowNs: 0).ending == nil)
        _ = third.bytesReceived(ByteBuffer(string: String(repeating: "x", count: 940_000)), nowNs: 0)
        _ = third.closed()
        #expect(memory.bytesTaken == 0)
    }
}
