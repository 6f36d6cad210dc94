import TestSupport
import Testing

@testable import Online

@Suite struct ValueHeapTests {
    /// Dead bytes of each block, counted value by value.
    private static func dead(_ values: [(place: UnsafeMutableRawPointer, isDead: Bool)]) -> [UInt: Int] {
        var dead: [UInt: Int] = [:]
        for value in values {
            let block = UInt(bitPattern: value.place) & ~UInt(ValueHeap.blockBytes - 1)
            let bytes = Int(ValueHeap.header(value.place).pointee.capacity) + ValueHeap.headerBytes
            dead[block, default: 0] += value.isDead ? bytes : 0
        }
        return dead
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `the block that is emptied has the most dead bytes but for a 32nd of a block`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var heap = ValueHeap()
        var values: [(place: UnsafeMutableRawPointer, isDead: Bool)] = []
        for _ in 0..<6_000 { values.append((heap.allocate(random.int(16...2_000), row: 0, column: 0), false)) }
        #expect(heap.blockToEmpty() == nil, "nothing is dead")
        var emptied = 0
        while emptied < 15 {
            for _ in 0..<150 {
                let index = random.int(0...values.count - 1)
                guard !values[index].isDead else { continue }
                heap.free(values[index].place)
                values[index].isDead = true
            }
            let dead = Self.dead(values)
            #expect(dead.values.reduce(0, +) == heap.deadBytes, "seed \(seed)")
            guard let block = heap.blockToEmpty() else { continue }
            // The current block has none that is to be emptied: it is the one of the newest value.
            let newest = UInt(bitPattern: values[values.count - 1].place) & ~UInt(ValueHeap.blockBytes - 1)
            let most = dead.filter { $0.key != newest }.values.max() ?? 0
            let found = dead[UInt(bitPattern: block)] ?? 0
            #expect(found > 0 && found >= most - ValueHeap.blockBytes / 32, "seed \(seed)")
            #expect(UInt(bitPattern: block) != newest)

            var living: [UnsafeMutableRawPointer] = []
            var next = heap.values(block)
            while let value = next.next() { living.append(value) }
            values.removeAll { UInt(bitPattern: $0.place) & ~UInt(ValueHeap.blockBytes - 1) == UInt(bitPattern: block) }
            for value in living {
                let bytes = Int(ValueHeap.header(value).pointee.capacity)
                values.append((heap.allocate(bytes, row: 0, column: 0), false))
            }
            heap.release(block)
            emptied += 1
        }
    }

    /// The fastest of some rounds of asking a heap of so many blocks, each with something dead.
    private static func timeToFind(blocks: Int) -> Duration {
        var heap = ValueHeap()
        var values: [UnsafeMutableRawPointer] = []
        for _ in 0..<blocks * 16 { values.append(heap.allocate(16_000, row: 0, column: 0)) }
        for index in stride(from: 0, to: values.count, by: 16) { heap.free(values[index]) }
        var best = Duration.seconds(3_600)
        for _ in 0..<7 {
            let start = ContinuousClock.now
            for _ in 0..<500 { #expect(heap.blockToEmpty() != nil) }
            best = min(best, ContinuousClock.now - start)
        }
        return best
    }

    @Test func `finding a block costs the same however many there are`() {
        // A pass over all blocks would take 64 times as long.
        #expect(Self.timeToFind(blocks: 1_024) < Self.timeToFind(blocks: 16) * 16)
    }
}
