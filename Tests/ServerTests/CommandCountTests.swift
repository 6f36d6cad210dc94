import Commands
import Metrics
import NIOCore
import RESPServer
import Testing
import Wire

/// What is counted of each command, for INFO, LATENCY and /metrics.
@Suite struct CommandCountTests {
    private func totals(_ scene: Scene, _ name: String) throws -> CommandStatistics.Totals {
        let place = try #require((0..<scene.engine.table.count).first { scene.engine.table[$0].name == name })
        return scene.engine.statistics.commands()[place]
    }

    @Test func `a command is done, failed or refused, whenever its reply comes`() throws {
        let scene = Scene(engine: ProbeCommands.writingEngine())
        scene.send("PING\r\nPING\r\nprobe.set BAD\r\nprobe.set a\r\nprobe.set b\r\nprobe.set c d\r\n")
        #expect(try totals(scene, "ping").ends == [2, 0, 0])
        #expect(try totals(scene, "probe.set").ends == [0, 1, 0])
        scene.finish(scene.starts[0].id, "A")
        scene.take(
            scene.connection.replyReady(scene.starts[1].id, { $0.error("FSVALUE no") }, nowNs: 1_000_000_000_000)
        )
        #expect(try totals(scene, "probe.set").ends == [1, 2, 1])
        let calls = try totals(scene, "probe.set")
        #expect(calls.bins.reduce(0, +) == calls.calls)
        // What was not sent is counted all the same.
        scene.send("CLIENT REPLY OFF\r\nPING\r\nECHO a\r\n")
        #expect(try totals(scene, "ping").ends == [3, 0, 0])
        #expect(try totals(scene, "echo").ends == [1, 0, 0])
    }

    @Test func `a transaction is one EXEC, with and without writes`() throws {
        let scene = Scene(engine: ProbeCommands.writingEngine())
        scene.send("MULTI\r\nPING\r\nEXEC\r\n")
        #expect(try totals(scene, "exec").ends == [1, 0, 0])
        scene.send("MULTI\r\nprobe.set a\r\nEXEC\r\n")
        #expect(try totals(scene, "exec").ends == [1, 0, 0])
        scene.take(scene.connection.transactionCommitted(scene.commits[0].id, [{ $0.integer(1) }], nowNs: 0))
        #expect(try totals(scene, "exec").ends == [2, 0, 0])
        scene.send("MULTI\r\nprobe.set BAD\r\nEXEC\r\n")
        #expect(try totals(scene, "exec").ends == [2, 1, 0])
        #expect(try totals(scene, "ping").calls == 0)
    }

    @Test func `durations fall into bins by their upper ends, and shares of them are ends of bins`() {
        let statistics = LoopStatistics(commandCount: 2)
        for us in [0, 50, 51, 1_000, 1_001, 1_000_000, 1_000_001, 9_000_000] as [Int64] {
            statistics.byCommand.add(1, ns: us * 1_000, .done)
        }
        statistics.byCommand.add(1, ns: 0, .refused)
        statistics.byCommand.add(2, ns: 0, .done)
        statistics.byCommand.add(-1, ns: 0, .done)
        let server = ServerStatistics(startedAtMs: 0, commandCount: 2)
        #expect(server.commands().map(\.calls) == [0, 0])
        let loop = server.makeLoop()
        loop.byCommand.add(0, ns: 60_000, .failed)
        loop.byCommand.add(0, ns: 60_000, .done)
        #expect(server.commands()[0].ends == [1, 1, 0])
        #expect(server.commands()[0].bins[1] == 2 && server.commands()[0].ns == 120_000)
        #expect(server.commands()[0].quantileUs(0.99) == 100)
        #expect(server.commands()[1].quantileUs(0.5) == 50)
    }
}
