import Dispatch
import NIOCore
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Serving

/// Which of its waits FS.CHANGES BLOCK gives up when it ends early.
@Suite struct ChangeWaitTests {
    /// Waits whose first has ended, and whose second has begun on another thread, before anybody hears its number.
    private final class OvertakenWaits: Sendable {
        let history: SessionWorkers
        private let count = Mutex<Int64>(0)
        private let held = Mutex<(@Sendable (Serving.Reached) -> Void)?>(nil)
        let cancelled = Mutex<[Int64]>([])

        init(_ history: SessionWorkers) { self.history = history }

        var isHolding: Bool { held.withLock { $0 != nil } }

        func begin(_ finish: @escaping @Sendable (Serving.Reached) -> Void) -> Int64 {
            let number = count.withLock { count in
                count += 1
                return count
            }
            guard number == 1 else {
                held.withLock { $0 = finish }
                return number
            }
            finish(.reached)
            // One of two threads waits here, so that the other one is done with all that it was given before.
            let isPast = DispatchSemaphore(value: 0)
            history.read { _ in
                0
            } finish: { _ in
                isPast.signal()
            }
            #expect(isPast.wait(timeout: .now() + 60) == .success)
            #expect(isHolding)
            return number
        }

        func cancel(_ number: Int64) {
            cancelled.withLock { $0.append(number) }
            guard number > 1 else { return }
            held.withLock { finish in
                defer { finish = nil }
                return finish
            }?(.stopped)
        }
    }

    @Test func `FS.CHANGES gives up its last wait, not the one whose number it hears of last`() throws {
        let store = try WrittenStore()
        let history = SessionWorkers(conninfo: store.store.conninfo, threads: 2)
        history.start()
        defer { history.stop() }
        let waits = OvertakenWaits(history)
        let given = store.writes.source
        let source = FeatureWrites.Source(
            catalog: given.catalog,
            now: given.now,
            whenMoved: { _, _, _, finish in waits.begin(finish) },
            cancelWait: { waits.cancel($0) }
        )
        let engine = Engine(writes: FeatureWrites(source, writer: store.writes.writer, history: history))
        var context = CommandContext(
            reply: ReplyWriter(version: .resp3),
            client: ClientState(id: 1, isAuthenticated: true),
            engine: engine
        )
        let words = ["FS.CHANGES", "stats", "$", "BLOCK", "600000"].map { Array($0.utf8) }
        guard case .deferred(let deferred) = ChangesCommand.changes.run(&context, words: words) else {
            Issue.record("FS.CHANGES does not wait")
            return
        }
        let reply = Mutex<String?>(nil)
        deferred.start { body in
            var writer = ReplyWriter(version: .resp3)
            body(&writer)
            reply.withLock { $0 = String(buffer: writer.buffer) }
        }
        #expect(Patience.wait(seconds: 60) { waits.isHolding })
        // Both threads are here at once, so that the one that began the first wait has gone on.
        let here = Atomic(0)
        let isDone = DispatchSemaphore(value: 0)
        for _ in 0..<2 {
            history.read { _ in
                here.add(1, ordering: .relaxed)
                return Patience.wait(seconds: 60) { here.load(ordering: .relaxed) == 2 }
            } finish: { result in
                #expect((try? result.get()) == true)
                isDone.signal()
            }
        }
        for _ in 0..<2 { #expect(isDone.wait(timeout: .now() + 120) == .success) }
        deferred.cancel?()
        #expect(waits.cancelled.withLock { $0 } == [2])
        #expect(Patience.wait { reply.withLock { $0 } != nil })
        #expect(reply.withLock { $0 }?.hasPrefix("%2\r\n$6\r\ncursor\r\n") == true)
    }
}
