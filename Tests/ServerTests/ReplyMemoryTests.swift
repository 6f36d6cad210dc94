import Commands
import Metrics
import Synchronization
import TestSupport
import Testing

@testable import RESPServer

/// What all clients together leave unread of their replies is bounded; those that leave most are closed.
@Suite struct ReplyMemoryTests {
    /// Whom a memory asked to end.
    private final class Asked: Sendable {
        let ids = Mutex<[String]>([])

        func change(_ memory: ReplyMemory, _ id: Int64, _ bytes: Int) {
            let leavers = memory.change(id, to: bytes) { [self] kept in ids.withLock { $0.append("\(id):\(kept)") } }
            for leave in leavers { leave() }
        }

        var all: [String] { ids.withLock { $0 } }
    }

    @Test func `who keeps most is asked to end, once, and as many as must`() {
        let (memory, asked) = (ReplyMemory(bytesMax: 100), Asked())
        asked.change(memory, 1, 40)
        asked.change(memory, 2, 50)
        asked.change(memory, 3, 10)
        #expect(asked.all.isEmpty && memory.bytesKept == 100)
        asked.change(memory, 3, 11)
        #expect(asked.all == ["2:50"] && memory.bytesKept == 51)
        // What it does until it is gone changes nothing.
        asked.change(memory, 2, 500)
        asked.change(memory, 3, 60)
        #expect(asked.all == ["2:50"] && memory.bytesKept == 100)
        asked.change(memory, 2, 0)
        #expect(memory.bytesKept == 100)
        asked.change(memory, 4, 90)
        #expect(asked.all == ["2:50", "4:90"])
        asked.change(memory, 1, 41)
        #expect(asked.all == ["2:50", "4:90", "3:60"] && memory.bytesKept == 41)
        asked.change(memory, 1, 0)
        #expect(memory.bytesKept == 0)
    }

    @Test func `who has been read meanwhile stays, and the next one is asked`() {
        let (memory, asked) = (ReplyMemory(bytesMax: 100), Asked())
        asked.change(memory, 1, 70)
        asked.change(memory, 2, 60)
        #expect(asked.all == ["1:70"])
        for leave in memory.stay(1, keeping: 45) { leave() }
        #expect(asked.all == ["1:70", "2:60"] && memory.bytesKept == 45)
        // Nobody but those that were asked can stay.
        #expect(memory.stay(1, keeping: 500).isEmpty && memory.stay(9, keeping: 500).isEmpty)
        #expect(memory.bytesKept == 45)
    }

    @Test func `who has been read wholly, or is gone, leaves nothing behind`() {
        let (memory, asked) = (ReplyMemory(bytesMax: 100), Asked())
        asked.change(memory, 1, 70)
        asked.change(memory, 2, 60)
        #expect(asked.all == ["1:70"] && memory.holderCount == 2)
        for leave in memory.stay(1, keeping: 0) { leave() }
        #expect(memory.holderCount == 1 && memory.bytesKept == 60)
        // Asked to end, and gone.
        asked.change(memory, 3, 90)
        asked.change(memory, 3, 0)
        asked.change(memory, 2, 0)
        #expect(memory.holderCount == 0 && memory.bytesKept == 0)
    }

    @Test(arguments: [1, 2])
    func `the client that leaves most unread is closed, and the others get all that they asked for`(threads: Int) throws
    {
        var limits = ConnectionLimits()
        limits.replyMemoryBytesMax = 55 << 20
        let server = try TestServer(threads: threads, limits: limits)
        let greedy = try server.client()
        greedy.send("probe.big 50000000\r\n")
        #expect(Patience.wait { server.engine.statistics.sum { $0.bytesOut.total } > 50_000_000 })
        let others = try (0..<3).map { _ in try server.client() }
        for other in others { other.send("probe.big 16000000\r\nPING\r\n") }
        let evicted = { server.engine.statistics.sum { $0.evictedConnections.total } }
        #expect(Patience.wait { evicted() > 0 })
        for other in others { #expect(other.bytes(upTo: "+PONG\r\n").count == 16_000_000 + 20) }
        #expect(evicted() == 1)
        #expect(greedy.bytes(upTo: "never").count < 50_000_000)
        #expect(try server.client().run("INFO", "stats").text?.contains("evicted_clients:1\r\n") == true)
    }

    @Test func `many replies that are not read count, too, whatever their size`() throws {
        var limits = ConnectionLimits()
        limits.replyMemoryBytesMax = 24 << 20
        limits.unsentBytesMax = 16 << 20
        let server = try TestServer(limits: limits)
        let clients = try (0..<4).map { _ in try server.client() }
        let requests = Array(String(repeating: "probe.big 10000\r\n", count: 4_000).utf8)
        for client in clients { client.send(requests) }
        let evicted = { server.engine.statistics.sum { $0.evictedConnections.total } }
        #expect(Patience.wait { evicted() > 0 })
        #expect(try server.client().run("PING") == .simple("PONG"))
        #expect(evicted() < 4)
    }

    @Test func `one client that reads slowly stays, however much it asks for within its own bound`() throws {
        var limits = ConnectionLimits()
        limits.replyMemoryBytesMax = 64 << 20
        let server = try TestServer(limits: limits)
        let client = try server.client()
        client.send("probe.big 50000000\r\nPING\r\n")
        #expect(Patience.wait { server.engine.statistics.sum { $0.bytesOut.total } > 50_000_000 })
        #expect(client.bytes(upTo: "+PONG\r\n").count == 50_000_000 + 20)
        #expect(server.engine.statistics.sum { $0.evictedConnections.total } == 0)
    }

    @Test func `replies that wait behind another one count`() {
        let scene = Scene()
        scene.send("MULTI\r\nprobe.get a\r\nprobe.big 5000\r\nprobe.get b\r\nprobe.big 7000\r\nEXEC\r\n")
        #expect(scene.connection.keptReplyBytes == 5_000 + 7_000 + 2 * 9)
        scene.finish(scene.starts[0].id, "a")
        #expect(scene.connection.keptReplyBytes == 7_000 + 9)
        scene.finish(scene.starts[1].id, "b")
        #expect(scene.connection.keptReplyBytes == 0)
    }
}
