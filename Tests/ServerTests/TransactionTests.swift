import Commands
import NIOCore
import RESPServer
import Synchronization
import Testing
import Wire

@Suite struct TransactionTests {
    @Test func `queued commands run at EXEC, and their replies are one array`() {
        let scene = Scene()
        scene.send("MULTI\r\nPING\r\nECHO a\r\n")
        #expect(scene.reply() == "+OK\r\n+QUEUED\r\n+QUEUED\r\n")
        scene.send("EXEC\r\nPING\r\n")
        #expect(scene.reply() == "*2\r\n+PONG\r\n$1\r\na\r\n+PONG\r\n")
        scene.send("MULTI\r\nEXEC\r\n")
        #expect(scene.reply() == "+OK\r\n*0\r\n")
    }

    @Test func `writes are committed together, then reads run, all in order`() {
        let scene = Scene(engine: ProbeCommands.writingEngine())
        scene.send("MULTI\r\nPING 1\r\nprobe.set a\r\nprobe.get g\r\nprobe.set b\r\nPING 2\r\nEXEC\r\nPING 3\r\n")
        #expect(scene.reply() == "+OK\r\n" + String(repeating: "+QUEUED\r\n", count: 5))
        #expect(scene.commits.count == 1)
        #expect((scene.commits[0].writes as? [ProbeCommands.Write])?.map(\.text) == ["a", "b"])
        #expect(scene.starts.isEmpty)
        scene.take(
            scene.connection.transactionCommitted(
                scene.commits[0].id,
                [{ $0.integer(41) }, { $0.integer(42) }],
                nowNs: 0
            )
        )
        // The read that takes time holds back what stands behind it.
        #expect(scene.reply() == "*5\r\n$1\r\n1\r\n:41\r\n")
        #expect(scene.starts.count == 1)
        scene.finish(scene.starts[0].id, "G")
        #expect(scene.reply() == "$1\r\nG\r\n:42\r\n$1\r\n2\r\n$1\r\n3\r\n")
    }

    @Test func `EXEC waits for writes before it`() {
        let scene = Scene(engine: ProbeCommands.writingEngine())
        scene.send("probe.set x\r\nMULTI\r\nprobe.set a\r\nEXEC\r\n")
        #expect(scene.starts.count == 1 && scene.commits.isEmpty)
        scene.finish(0, "X")
        #expect(scene.commits.count == 1)
        scene.take(scene.connection.transactionCommitted(scene.commits[0].id, [{ $0.integer(1) }], nowNs: 0))
        #expect(scene.reply() == "$1\r\nX\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n")
    }

    @Test func `a command that is refused while queueing breaks the transaction`() {
        for bad in ["nosuch", "ECHO", "HELLO 3", "CLIENT nosuch"] {
            let scene = Scene()
            scene.send("MULTI\r\n\(bad)\r\nPING\r\n")
            let queued = scene.reply()
            #expect(queued.hasPrefix("+OK\r\n-ERR ") && queued.hasSuffix("\r\n+QUEUED\r\n"), "\(queued)")
            scene.send("EXEC\r\nEXEC\r\n")
            #expect(
                scene.reply()
                    == "-EXECABORT Transaction discarded because of previous errors.\r\n-ERR EXEC without MULTI\r\n"
            )
        }
    }

    @Test func `a write that cannot be done undoes the whole transaction`() {
        let scene = Scene(engine: ProbeCommands.writingEngine())
        scene.send("MULTI\r\nprobe.set a\r\nprobe.set BAD\r\nPING\r\nEXEC\r\nPING\r\n")
        #expect(scene.commits.isEmpty)
        #expect(
            scene.reply().hasSuffix(
                "-EXECABORT Transaction discarded: probe.set: FSVALUE bad value\r\n+PONG\r\n"
            )
        )
        scene.send("MULTI\r\nprobe.alone\r\nEXEC\r\n")
        #expect(scene.reply().hasSuffix("-EXECABORT Transaction discarded: probe.alone cannot be part of one here\r\n"))
    }

    @Test func `while latest values are loaded, the refusal says what is loaded`() {
        var hooks = EngineHooks()
        hooks.isLoading = { true }
        hooks.loadingReason = { _ in "1 of 3 views are loaded" }
        let scene = Scene(engine: ProbeCommands.engine(hooks: hooks))
        let refusal =
            "LOADING the latest values are being loaded (1 of 3 views are loaded); 'loading' in INFO tells when that is done; "
            + "try again soon\r\n"
        scene.send("PING\r\nprobe.loading\r\nMULTI\r\nprobe.loading\r\n")
        #expect(scene.reply().hasPrefix("+PONG\r\n-\(refusal)"))
    }

    @Test func `the writes of a transaction that is not run are given up`() {
        let given = Mutex<[[String]]>([])
        var hooks = EngineHooks()
        hooks.commitTogether = { _, _, _ in }
        hooks.abandon = { writes, _ in
            given.withLock { $0.append((writes as? [ProbeCommands.Write])?.map(\.text) ?? []) }
        }
        let scene = Scene(engine: ProbeCommands.engine(hooks: hooks))
        scene.send("MULTI\r\nprobe.set a\r\nprobe.set BAD\r\nprobe.set c\r\nEXEC\r\n")
        #expect(scene.commits.isEmpty)
        #expect(given.withLock { $0 } == [["a", "c"]])
    }

    @Test func `DISCARD and RESET forget what is queued`() {
        let scene = Scene()
        scene.send("MULTI\r\nPING\r\nDISCARD\r\nDISCARD\r\n")
        #expect(scene.reply() == "+OK\r\n+QUEUED\r\n+OK\r\n-ERR DISCARD without MULTI\r\n")
        scene.send("MULTI\r\nMULTI\r\nPING\r\nRESET\r\nEXEC\r\n")
        #expect(
            scene.reply()
                == "+OK\r\n-ERR MULTI calls can not be nested\r\n+QUEUED\r\n+RESET\r\n-ERR EXEC without MULTI\r\n"
        )
    }

    @Test func `reads of a transaction run within one reading`() {
        let calls = Mutex<[Int]>([])
        var hooks = EngineHooks()
        hooks.readTogether = { body in
            calls.withLock { $0.append(1) }
            body()
            calls.withLock { $0.append(2) }
            return true
        }
        let scene = Scene(engine: ProbeCommands.engine(hooks: hooks))
        scene.send("MULTI\r\nPING\r\nprobe.loading\r\nEXEC\r\n")
        #expect(calls.withLock { $0 } == [1, 2])
        // What reads nothing waits for nobody.
        scene.send("MULTI\r\nPING\r\nPING\r\nEXEC\r\n")
        #expect(calls.withLock { $0 } == [1, 2])
    }

    @Test func `a muted transaction is run and sends nothing`() {
        let scene = Scene(engine: ProbeCommands.writingEngine())
        scene.send("CLIENT REPLY OFF\r\nMULTI\r\nprobe.set a\r\nPING\r\nprobe.get b\r\nEXEC\r\n")
        #expect(scene.commits.count == 1)
        scene.take(scene.connection.transactionCommitted(scene.commits[0].id, [{ $0.integer(1) }], nowNs: 0))
        scene.finish(scene.starts[0].id, "B")
        scene.send("CLIENT REPLY ON\r\n")
        #expect(scene.reply() == "+OK\r\n")
    }
}
