import Features
import PointInTime
import TestSupport
import Testing

/// A run without some of its rows is the run that would have been made of the others.
@Suite struct RemainingRunTests {
    private struct World {
        let columns: [Column]
        private let isText: Bool

        func key(_ number: Int) -> Value { Self.key(number, isText) }

        private static func key(_ number: Int, _ isText: Bool) -> Value {
            isText ? .string(text(number)) : .int64(Int64(number))
        }

        private static func text(_ number: Int) -> String { String(repeating: "k", count: number % 5) + "\(number)" }

        private static func isBefore(_ left: Int, _ right: Int, _ isText: Bool) -> Bool {
            isText ? text(left).utf8.lexicographicallyPrecedes(text(right).utf8) : left < right
        }

        /// Keys, time, event, position, known at, deleted, feature; in the order of a run.
        init(_ random: inout SeededRandom, isText: Bool) {
            self.isText = isText
            let count = random.int(0...300)
            let rows = (0..<count).map { (key: random.int(0...12), time: random.int(0...20), number: $0) }
                .sorted { left, right in
                    if left.key != right.key { return Self.isBefore(left.key, right.key, isText) }
                    if left.time != right.time { return left.time < right.time }
                    return Self.isBefore(left.number, right.number, isText)
                }
            let type: FeatureType = isText ? .string : .int64
            columns = [
                Column(type: type, rows.map { Self.key($0.key, isText) }),
                Column(type: .timestamp, values: .int64(rows.map { Int64($0.time) })),
                Column(type: type, rows.map { Self.key($0.number, isText) }),
                Column(type: .int64, values: .int64(rows.map { Int64($0.number) })),
                Column(type: .timestamp, values: .int64(rows.map { Int64($0.time * 2) })),
                Column(type: .bool, rows.map { .bool($0.number % 3 == 0) }),
                Column(type: .string, rows.map { $0.number % 7 == 0 ? .null : .string("value \($0.number)") }),
            ]
        }

        func run(_ columns: [Column], groupRows: Int) -> MemoryRun {
            MemoryRun(
                name: "rows",
                keys: [columns[0]],
                times: columns[1],
                events: columns[2],
                positions: columns[3],
                knownAt: columns[4],
                deleted: columns[5],
                features: [columns[6]],
                groupRows: groupRows
            )
        }
    }

    /// Keys, times and the like of all rows, in order; what is known of groups must hold for them.
    private func order(_ run: any HistoryRun) throws -> [String] {
        try run.groups.enumerated().flatMap { number, group in
            let order = try run.order(ofGroup: number, with: [.positions, .knownAt, .events])
            #expect(order.rowCount == group.rowCount && group.rowCount > 0)
            #expect(Array(order.values(0).prefix(1)) == group.firstKeys)
            #expect(Array(order.values(group.rowCount - 1).prefix(1)) == group.lastKeys)
            #expect(order.times.min() == group.times.lowerBound && order.times.max() == group.times.upperBound)
            return (0..<order.rowCount).map { "\(order.values($0))" }
        }
    }

    /// What is gathered of all rows, every second one twice.
    private func values(_ run: any HistoryRun) throws -> [String] {
        try run.groups.enumerated().flatMap { number, group in
            let rows = (0..<Int32(group.rowCount)).flatMap { row -> [Int32] in row % 2 == 0 ? [row, row] : [row] }
            var columns = [Column(emptyOf: .int64), Column(emptyOf: .bool), Column(emptyOf: .string)]
            try rows.withUnsafeBufferPointer { rows in
                try run.append(.position, ofGroup: number, rows: rows, to: &columns[0])
                try run.append(.deleted, ofGroup: number, rows: rows, to: &columns[1])
                try run.append(.feature(0), ofGroup: number, rows: rows, to: &columns[2])
            }
            let texts = rows.indices.map { row in "\(columns.map { $0.value(row) })" }
            return rows.indices.filter { $0 == 0 || rows[$0] != rows[$0 - 1] }.map { texts[$0] }
        }
    }

    @Test(arguments: [false, true])
    func `it gives what a run of the remaining rows gives, wherever rows are missing`(isText: Bool) throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SeededRandom(seed: seed)
        for round in 0..<200 {
            let world = World(&random, isText: isText)
            let count = world.columns[1].rowCount
            var removed: [Range<Int>] = []
            var next = random.int(0...10)
            while next < count {
                let end = min(count, next + random.int(1...(random.oneIn(4) ? 120 : 6)))
                removed.append(next..<end)
                next = end + random.int(1...40)
            }
            let gone = Set(removed.flatMap { Array($0) })
            let kept = (0..<count).filter { !gone.contains($0) }.map { Int32($0) }
            let groupRows = random.int(1...50)
            let remaining = try RemainingRun(world.run(world.columns, groupRows: groupRows), without: removed)
            let comment: Comment = "seed \(seed), round \(round)"
            #expect(remaining.groups.reduce(0) { $0 + $1.rowCount } == kept.count, comment)
            let twin = world.run(world.columns.map { $0.gather(kept) }, groupRows: 50)
            #expect(try order(remaining) == (try order(twin)), comment)
            #expect(try values(remaining) == (try values(twin)), comment)
            for key in 0..<14 {
                let found = try remaining.rows(whoseKey: 0, is: world.key(key)).flatMap { Array($0) }
                let slow = kept.indices.filter { world.columns[0].value(Int(kept[$0])) == world.key(key) }
                #expect(found == slow, comment)
            }
        }
    }
}
