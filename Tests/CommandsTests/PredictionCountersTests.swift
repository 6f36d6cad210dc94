import Metrics
import TestSupport
import Testing

@Suite struct PredictionCountersTests {
    @Test func `quantiles are at most an eighth above those of the sorted times`() throws {
        let seed = UInt64.random(in: 0...1_000_000)
        var random = SeededRandom(seed: seed)
        let counters = PredictionCounters()
        #expect(counters.quantile(0.5) == nil)
        var times: [Int] = []
        for _ in 0..<5_000 {
            let us = random.int(0...(1 << random.int(1...24)))
            times.append(us)
            counters.add(rows: 2, fallback: 1, unseen: 3, us: us)
        }
        times.sort()
        for share in [0.01, 0.5, 0.9, 0.99, 1] {
            let exact = times[max(Int((5_000 * share).rounded(.up)) - 1, 0)]
            let found = try #require(counters.quantile(share))
            #expect(
                found >= exact && found <= exact + exact / 8 + 1,
                "seed \(seed): \(share) is \(exact), not \(found)"
            )
        }
        #expect(counters.now.calls == 5_000 && counters.now.rows == 10_000 && counters.now.unseen == 15_000)
        counters.reset()
        #expect(counters.now.calls == 0 && counters.quantile(0.5) == nil)
    }
}
