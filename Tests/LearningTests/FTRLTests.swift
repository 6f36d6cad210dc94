import Learning
import TestSupport
import Testing

/// The rule as it is written down: a dictionary of slots, nothing kept that can be computed.
private struct SlowFTRL {
    let parameters: FTRL.Parameters
    let objective: FTRL.Objective
    var z: [Int: Double] = [:]
    var n: [Int: Double] = [:]

    func weight(_ slot: Int) -> Double {
        let (z, n) = (z[slot] ?? 0, n[slot] ?? 0)
        if abs(z) <= parameters.l1 { return 0 }
        let sign = z < 0 ? -1.0 : 1.0
        return -(z - sign * parameters.l1) / ((parameters.beta + n.squareRoot()) / parameters.alpha + parameters.l2)
    }

    mutating func learn(_ row: [(slot: Int, value: Double)], _ label: Double, _ weight: Double) -> Double {
        let margin = row.reduce(0) { $0 + self.weight($1.slot) * $1.value }
        let p = objective == .logistic ? 1 / (1 + PortableMath.exp(-margin)) : margin
        for (slot, x) in row {
            let g = (p - label) * weight * x
            let old = n[slot] ?? 0
            let sigma = ((old + g * g).squareRoot() - old.squareRoot()) / parameters.alpha
            z[slot] = (z[slot] ?? 0) + (g - sigma * self.weight(slot))
            n[slot] = old + g * g
        }
        return p
    }
}

@Suite struct FTRLTests {
    private static func row(_ random: inout SeededRandom, _ slots: Int) -> [(slot: Int, value: Double)] {
        (0..<random.int(1...8)).map { _ in
            (random.int(0...slots - 1), random.int(0...3) == 0 ? Double(random.int(-300...300)) / 100 : 1)
        }
    }

    private static func sparse(_ row: [(slot: Int, value: Double)]) -> SparseRow {
        var sparse = SparseRow()
        for (slot, value) in row { sparse.append(slot: slot, value) }
        return sparse
    }

    @Test(arguments: FTRL.Objective.allCases, [0.0, 0.7])
    func `predictions and weights equal the slow twin's to the bit`(objective: FTRL.Objective, l1: Double) {
        for seed in 0..<50 {
            var random = SeededRandom(seed: UInt64(seed))
            let slots = random.int(2...40)
            let parameters = FTRL.Parameters(
                alpha: Double(random.int(1...100)) / 100,
                beta: Double(random.int(0...2)),
                l1: l1,
                l2: Double(random.int(0...10))
            )
            var own = FTRL(parameters, objective, slotCount: slots)
            var twin = SlowFTRL(parameters: parameters, objective: objective)
            for _ in 0..<300 {
                let row = Self.row(&random, slots)
                let label = Double(random.int(0...1))
                let weight = Double(random.int(1...3))
                let found = own.learn(Self.sparse(row), label: label, weight: weight)
                let expected = twin.learn(row, label, weight)
                #expect(found.bitPattern == expected.bitPattern, "seed \(seed)")
            }
            for slot in 0..<slots { #expect(own.weight(slot) == twin.weight(slot), "seed \(seed), slot \(slot)") }
        }
    }

    @Test func `a learner that is stopped and restored at any example ends in the same bits`() throws {
        var random = SeededRandom(seed: 9)
        let examples = (0..<400).map { _ in (Self.row(&random, 30), Double(random.int(0...1))) }
        func fresh() -> FTRL { FTRL(FTRL.Parameters(), .logistic, slotCount: 30) }
        var whole = fresh()
        for (row, label) in examples { whole.learn(Self.sparse(row), label: label) }
        for size in [1, 7, 100] {
            var log: [[UInt8]] = []
            var start = 0
            while start < examples.count {
                var learner = fresh()
                for delta in log {
                    let slots = try #require(FTRL.slots(delta))
                    let isRestored = learner.restore(slots)
                    #expect(isRestored)
                }
                for (row, label) in examples[start..<min(start + size, examples.count)] {
                    learner.learn(Self.sparse(row), label: label)
                }
                log.append(FTRL.bytes(learner.takeTouched()))
                start += size
                if start >= examples.count {
                    #expect(FTRL.bytes(learner.learned) == FTRL.bytes(whole.learned), "cuts of \(size)")
                }
            }
        }
    }

    @Test func `bytes that are no state of the model are refused`() {
        var learner = FTRL(FTRL.Parameters(), .squared, slotCount: 4)
        #expect(FTRL.slots([1, 2, 3]) == nil)
        for slot in [FTRL.Slot(slot: 4, z: 1, n: 1), .init(slot: 0, z: .nan, n: 1), .init(slot: 0, z: 0, n: -1)] {
            let isRestored = learner.restore([FTRL.Slot(slot: 1, z: 1, n: 1), slot])
            #expect(!isRestored && learner.learned.isEmpty)
        }
        let isRestored = learner.restore([FTRL.Slot(slot: 3, z: -2, n: 4)])
        #expect(isRestored && learner.learnedCount == 1)
    }

    @Test func `the digest of the state is the same in every build`() {
        var random = SeededRandom(seed: 1)
        var learner = FTRL(FTRL.Parameters(), .logistic, slotCount: 64)
        for _ in 0..<5_000 {
            learner.learn(Self.sparse(Self.row(&random, 64)), label: Double(random.int(0...1)))
        }
        // FNV-1a of the state's bytes.
        let digest = FTRL.bytes(learner.learned).reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        #expect(String(digest, radix: 16) == "323e170e5678003a")
    }
}
