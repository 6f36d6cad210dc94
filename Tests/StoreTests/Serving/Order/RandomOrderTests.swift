import Foundation
import Postgres
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// Clients that number their writes and send failed ones again, on two servers whose locks are held, connections are cut
/// and writes are refused; at the end a model of what each client was told is compared with history.
///
/// Odd seeds go over sockets: requests, replies and connections that come and go; even ones to the writers themselves.
@Suite(.serialized) struct RandomOrderTests {
    /// `ASOF_ORDER_SEEDS` = how many.
    static let seedCount = ProcessInfo.processInfo.environment["ASOF_ORDER_SEEDS"].flatMap { Int($0) } ?? 120
    static let threads = 4

    @Test(.timeLimit(.minutes(60)))
    func `nothing is lost, doubled or out of order, whatever is held, refused or cut`() throws {
        let failures = SideBySide.run(Self.threads, seconds: 3_500) { thread in
            let scene = try OrderScene()
            defer { scene.stop() }
            for seed in stride(from: thread, to: Self.seedCount, by: Self.threads) {
                var run = try OrderRun(scene, seed: UInt64(seed))
                try run.play()
                let faults = try OrderModel(run).faults()
                // One is enough to go on from; the seed makes it again.
                guard faults.isEmpty else { throw OrderFault(seed: seed, text: faults.joined(separator: "\n")) }
            }
            let violations = try scene.store.violations()
            guard violations == [] else { throw OrderFault(seed: -1, text: "\(violations)") }
        }
        #expect(failures.isEmpty, "\(failures)")
    }
}

struct OrderFault: Error, CustomStringConvertible {
    var seed: Int
    var text: String
    var description: String { "seed \(seed): \(text)" }
}
