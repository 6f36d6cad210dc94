import Foundation
import Postgres
import Store
import Synchronization
import TestSupport
import Testing

/// Clients that number their writes and send each again until it is acknowledged, wherever the server is.
///
/// They write view `marks` of ``ServedStore/yaml``, each user once.
final class NumberedWriters: Sendable {
    let port = Atomic<Int>(0)
    let acknowledged = Mutex<[Int64]>([])
    /// How often a write was refused since PostgreSQL was away.
    let unavailable = Atomic<Int>(0)
    private let isDone = Atomic<Bool>(false)
    private let running = DispatchGroup()

    func start(_ count: Int) {
        for source in 1...count {
            running.enter()
            Thread.detachNewThread { [self] in
                run(source)
                running.leave()
            }
        }
    }

    func stop() {
        isDone.store(true, ordering: .relaxed)
        #expect(running.wait(timeout: .now() + 60) == .success)
    }

    /// Waits until as many more writes are acknowledged.
    func waitForMore(_ count: Int, seconds: Double = 30) -> Bool {
        let before = acknowledged.withLock { $0.count }
        return Patience.wait(seconds: seconds) { acknowledged.withLock { $0.count } > before + count }
    }

    /// What was acknowledged is stored, and nothing is stored twice.
    func check(_ session: Session) throws {
        let rows = try session.query(
            "SELECT user_id, count(*) FROM history.marks WHERE user_id >= 1000000 GROUP BY 1"
        )
        var counts: [Int64: Int64] = [:]
        for row in 0..<rows.count { counts[rows.int64(row, 0) ?? -1] = rows.int64(row, 1) ?? 0 }
        #expect(counts.values.allSatisfy { $0 == 1 }, "a write is stored twice")
        let acknowledged = acknowledged.withLock { $0 }
        #expect(acknowledged.allSatisfy { counts[$0] == 1 }, "an acknowledged write is gone")
        #expect(Set(acknowledged).count == acknowledged.count)
    }

    /// - Parameter source: whose numbers are also the users that are written, from `source` × 1,000,000.
    private func run(_ source: Int) {
        var client: RespClient?
        var sequence: Int64 = 0
        while !isDone.load(ordering: .relaxed) {
            let user = Int64(source) * 1_000_000 + sequence
            do {
                if client == nil { client = try RespClient(port: port.load(ordering: .relaxed)) }
                guard let connected = client else { continue }
                let reply = try connected.run(
                    "FS.WRITE",
                    "marks,user_id=\(user) n=\(sequence)i",
                    "SOURCE",
                    "client-\(source)",
                    "SEQ",
                    "\(sequence)"
                )
                guard !reply.isError else {
                    guard reply.text?.hasPrefix("FSUNAVAILABLE") == true || reply.text?.hasPrefix("LOADING") == true
                    else {
                        Issue.record("\(reply)")
                        return
                    }
                    unavailable.add(1, ordering: .relaxed)
                    Patience.pass(microseconds: 2_000, "the pace of a client that is refused")
                    continue
                }
                acknowledged.withLock { $0.append(user) }
                sequence += 1
            } catch {
                client = nil
                Patience.pass(microseconds: 5_000, "the pace of a client that is refused")
            }
        }
    }
}
