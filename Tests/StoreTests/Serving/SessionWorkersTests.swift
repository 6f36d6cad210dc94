import Dispatch
import Postgres
import Store
import Synchronization
import TestSupport
import Testing

@testable import Serving

/// Who of those that ask PostgreSQL has its turn.
@Suite struct SessionWorkersTests {
    @Test func `askers take turns, each one's own in order`() {
        var turns = TakenTurns<Int>()
        for item in 1...5 { turns.append(item, of: "greedy") }
        turns.append(10, of: "modest")
        turns.append(20, of: "third")
        turns.append(11, of: "modest")
        #expect(turns.count == 8 && turns.count(of: "greedy") == 5 && turns.count(of: "nobody") == 0)
        var taken: [Int] = []
        while let item = turns.next(where: { _ in true }) { taken.append(item) }
        #expect(taken == [1, 10, 20, 2, 11, 3, 4, 5])
        #expect(turns.count == 0)
    }

    @Test func `who may not have its turn now keeps its place`() {
        var turns = TakenTurns<Int>()
        for item in 1...3 { turns.append(item, of: "a") }
        turns.append(10, of: "b")
        turns.append(20, of: "c")
        #expect(turns.next { $0 != "a" } == 10)
        #expect(turns.next { $0 == "b" } == nil)
        #expect(turns.next { _ in true } == 1)
        #expect(turns.next { _ in true } == 20)
        #expect(turns.takeAll() == [2, 3])
        #expect(turns.count == 0 && turns.next { _ in true } == nil)
    }

    /// Reads that hold their threads until they are let go.
    private final class Holding: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        let running = Atomic(0)
        let done = Atomic(0)

        func begin(_ count: Int, _ workers: SessionWorkers, of asker: String) {
            for _ in 0..<count {
                workers.read(of: asker) { [self] _ in
                    running.add(1, ordering: .sequentiallyConsistent)
                    _ = gate.wait(timeout: .now() + 60)
                    return 0
                } finish: { [self] _ in
                    done.add(1, ordering: .sequentiallyConsistent)
                }
            }
        }

        func letGo(_ count: Int) { for _ in 0..<count { gate.signal() } }
    }

    @Test func `one asker who has all threads, and much that waits, keeps nobody from being answered`() throws {
        let workers = SessionWorkers(conninfo: try ThrowawayCluster.shared().database(), threads: 2)
        workers.start()
        defer { workers.stop() }
        let greedy = Holding()
        greedy.begin(40, workers, of: "greedy")
        #expect(Patience.wait(seconds: 60) { greedy.running.load(ordering: .sequentiallyConsistent) == 2 })
        for number in 0..<5 {
            let answer = Mutex<Int64?>(nil)
            workers.read(of: "modest") { (session) throws(StoreError) in
                try session.query("SELECT 7::bigint").int64(0, 0)
            } finish: { result in
                answer.withLock { $0 = (try? result.get()) ?? -1 }
            }
            #expect(Patience.wait(seconds: 60) { answer.withLock { $0 } != nil }, "\(number)")
            #expect(answer.withLock { $0 } == 7)
        }
        // The thread that is there for others is none of the greedy one's.
        Patience.pass(microseconds: 100_000, "for a third read to begin, which must not")
        #expect(greedy.running.load(ordering: .sequentiallyConsistent) == 2)
        greedy.letGo(40)
        #expect(Patience.wait(seconds: 60) { greedy.done.load(ordering: .sequentiallyConsistent) == 40 })
    }

    @Test func `of one asker no more wait than leave room for the others`() throws {
        let workers = SessionWorkers(conninfo: try ThrowawayCluster.shared().database(), threads: 1)
        // Not started: all wait.
        let refusals = Mutex<[String]>([])
        func ask(_ count: Int, of asker: String) {
            for _ in 0..<count {
                workers.read(of: asker) { _ in
                    0
                } finish: { result in
                    if case .failure(let error) = result { refusals.withLock { $0.append("\(error)") } }
                }
            }
        }
        ask(ServingLimits.waitingReadsOfUserMax + 1, of: "greedy")
        #expect(refusals.withLock { $0.count } == 1)
        #expect(refusals.withLock { $0.first }?.contains("of this user wait for PostgreSQL already") == true)
        ask(100, of: "modest")
        #expect(refusals.withLock { $0.count } == 1)
        workers.start()
        workers.stop()
    }
}
