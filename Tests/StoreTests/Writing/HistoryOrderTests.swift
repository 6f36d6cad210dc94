import Features
import PointInTime
import TestSupport
import Testing

@testable import Store

@Suite struct HistoryOrderTests {
    enum Keys: CaseIterable { case int64, string, both, stringsOnly, none }

    private func columns(_ keys: Keys, _ count: Int, _ random: inout SeededRandom) -> [Column] {
        func integers() -> Column {
            Column(type: .int64, values: .int64((0..<count).map { _ in random.pick([.min, -2, -1, 0, 1, .max]) }))
        }
        func texts() -> Column {
            Column(type: .string, (0..<count).map { _ in .string(random.pick(RandomHistory.words)) })
        }
        switch keys {
        case .int64: return [integers()]
        case .string: return [texts()]
        case .both: return [integers(), texts()]
        case .stringsOnly: return [texts(), texts()]
        case .none: return []
        }
    }

    /// The order by the rule as one would say it: bytes of strings, signed integers, then time, then place.
    private func isBefore(_ left: Int, _ right: Int, _ keys: [Column], _ times: [Int64], _ moved: [UInt16]?) -> Bool {
        for column in keys {
            switch (column.value(left), column.value(right)) {
            case (.int64(let a), .int64(let b)) where a != b: return a < b
            case (.string(let a), .string(let b)) where Array(a.utf8) != Array(b.utf8):
                return a.utf8.lexicographicallyPrecedes(b.utf8)
            default: continue
            }
        }
        // What was moved up less is later.
        func finer(_ row: Int) -> Int { -Int(moved?[row] ?? 0) }
        return (times[left], finer(left), left) < (times[right], finer(right), right)
    }

    @Test(arguments: Keys.allCases, 1...8 as ClosedRange<UInt64>)
    func `rows lie as a simple sort puts them, of equal ones the last`(keys: Keys, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let count = random.int(0...300)
        let columns = columns(keys, count, &random)
        let times = (0..<count).map { _ in random.pick([.min, -1, 0, 1, 2, 3, .max] as [Int64]) }
        let moved = seed % 2 == 0 ? nil : (0..<count).map { _ in UInt16(random.int(0...2)) }
        func entity(_ row: Int) -> [[UInt8]] { columns.map { $0.value(row).identity } }
        let sorted = (0..<count).sorted { isBefore($0, $1, columns, times, moved) }
        var survivors: [Int32] = []
        var newest: [Int32] = []
        for (index, row) in sorted.enumerated() {
            let next = index + 1 < count ? sorted[index + 1] : nil
            let isSameEntity = next.map { entity($0) == entity(row) } ?? false
            if isSameEntity, let next, times[next] == times[row] { continue }
            survivors.append(Int32(row))
            if !isSameEntity { newest.append(Int32(row)) }
        }
        var order = HistoryOrder(keys: columns, eventTimes: times, movedNs: moved)
        #expect(order.rows == survivors)
        #expect(order.newest == newest)
        #expect(order.duplicateCount == count - survivors.count)

        let partitionOf = (0..<count).map { _ in Int32(random.int(0...3)) }
        order.group(by: partitionOf, partitionCount: 4)
        var grouped: [Int32] = []
        for partition in 0..<4 as Range<Int32> { grouped += survivors.filter { partitionOf[Int($0)] == partition } }
        #expect(order.rows == grouped)
    }
}
