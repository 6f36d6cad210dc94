import Testing

@testable import Serving

/// What writes may take of a server's memory until they are answered.
@Suite struct WriteBudgetTests {
    @Test func `so many writes may wait and no more, however small they are, and each that is answered makes room`() {
        let budget = WriteBudget()
        for _ in 0..<ServingLimits.pendingWritesMax { #expect(budget.take(1) == nil) }
        #expect(budget.take(1) == "100000 writes of 0 MiB wait for PostgreSQL; send it again later")
        budget.giveBack(1)
        #expect(budget.take(1) == nil && budget.take(0) != nil)
        for _ in 0..<ServingLimits.pendingWritesMax { budget.giveBack(1) }
        #expect(budget.isEmpty)
    }

    @Test func `their bytes have a bound, which only a write that is alone may pass`() {
        let (budget, half) = (WriteBudget(), ServingLimits.pendingBytesMax / 2)
        #expect(budget.take(half) == nil && budget.take(half) == nil)
        #expect(budget.take(1) != nil && budget.raise(half, to: half + 1) != nil)
        budget.giveBack(half)
        #expect(budget.raise(half, to: 3 * half) == nil && budget.take(1) != nil)
        budget.giveBack(3 * half)
        #expect(budget.isEmpty)
    }
}
