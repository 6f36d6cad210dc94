import Features
import TestSupport
import Testing

@testable import PointInTime

/// The merge of a sorted spine with runs of history, held to a search through all rows.
@Suite struct AsOfJoinTests {
    /// A row of history; its one feature is its number.
    struct Row {
        var keys: [Value]
        var time: Int64
        var position: Int64
        var knownAt: Int64
        var isDeleted: Bool
    }

    struct Case {
        var random: SeededRandom
        var rows: [Row] = []
        var keyTypes: [FeatureType]

        init(seed: UInt64, rows count: Int) {
            random = SeededRandom(seed: seed)
            let shapes: [[FeatureType]] = [[], [.int64], [.string], [.string, .int64], [.int64, .string, .string]]
            keyTypes = shapes[Int(seed) % shapes.count]
            var positions: Set<[Value]> = []
            for _ in 0..<count {
                let time = Int64(random.int(0...40))
                let row = Row(
                    keys: keys(),
                    time: time,
                    position: Int64(random.int(1...9)),
                    knownAt: random.oneIn(3) ? Int64(random.int(0...60)) : time,
                    isDeleted: random.oneIn(8)
                )
                // One batch has one row of an entity and time.
                let identity = row.keys + [.int64(row.time), .int64(row.position)]
                if positions.insert(identity).inserted { rows.append(row) }
            }
        }

        mutating func keys() -> [Value] {
            keyTypes.map { type in
                // One entity has about half of all rows.
                let number = random.oneIn(2) ? 3 : random.int(-2...6)
                return type == .int64
                    ? .int64(number == 5 ? .max : number == -2 ? .min : Int64(number))
                    : .string(["", "a", "ab", "a\u{1}", "é", "b", "abcdefghi", "abcdefghij", "B"][number + 2])
            }
        }

        /// Some of the rows as a run of small groups.
        mutating func run(_ part: [(number: Int, row: Row)]) -> MemoryRun {
            MemoryRun(
                name: "part",
                keys: keyTypes.isEmpty
                    ? [Column(type: .int64, part.map { _ in .int64(0) })]
                    : keyTypes.indices.map { index in Column(type: keyTypes[index], part.map { $0.row.keys[index] }) },
                times: Column(type: .timestamp, values: .int64(part.map(\.row.time))),
                positions: Column(type: .int64, values: .int64(part.map(\.row.position))),
                knownAt: Column(type: .timestamp, values: .int64(part.map(\.row.knownAt))),
                deleted: Column(type: .bool, values: .bool(part.map(\.row.isDeleted))),
                features: [
                    Column(type: .int64, values: .int64(part.map { Int64($0.number) })),
                    Column(type: .string, values: .text(TextValues(part.map { "row \($0.number)" }))),
                ],
                groupRows: random.int(1...7)
            )
        }
    }

    /// The number of the row that a look-up takes, and whether there was one that was too old.
    static func search(_ rows: [Row], _ keys: [Value], _ label: Int64, _ own: Int64, _ rules: JoinRules) -> (Int?, Bool)
    {
        var best: Int?
        for (number, row) in rows.enumerated() where row.keys == keys {
            guard row.position <= min(own, rules.position ?? .max), row.time <= rules.bound(label) else { continue }
            if rules.isKnownAtLabel, row.knownAt > label { continue }
            if let known = best, (rows[known].time, rows[known].position) > (row.time, row.position) { continue }
            best = number
        }
        guard let found = best else { return (nil, false) }
        if let ttl = rules.ttl, rows[found].time < label - ttl { return (nil, true) }
        return (found, false)
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `every row finds what a search through all rows finds`(seed: UInt64) throws {
        var data = Case(seed: seed, rows: Int(seed) * 5)
        let hasOwnPositions = data.random.oneIn(2)
        let rules = JoinRules(
            ttl: data.random.oneIn(2) ? Int64(data.random.int(0...20)) : nil,
            delay: Int64(data.random.pick([0, 0, 3])),
            isStrict: data.random.oneIn(3),
            isKnownAtLabel: data.random.oneIn(3),
            position: data.random.oneIn(2) ? Int64(data.random.int(0...10)) : nil
        )
        let count = data.random.int(0...150)
        let keys = (0..<count).map { _ in data.keys() }
        let labels: [Value] = (0..<count).map { _ in
            data.random.oneIn(9) ? .null : .timestamp(Timestamp(microseconds: Int64(data.random.int(-2...50))))
        }
        let own: [Value] = (0..<count).map { _ in
            data.random.oneIn(9) ? .null : .int64(Int64(data.random.int(0...9)))
        }
        let spine = SortedSpine(
            keys: data.keyTypes.indices.map { index in Column(type: data.keyTypes[index], keys.map { $0[index] }) },
            labelTimes: Column(type: .timestamp, labels),
            positions: hasOwnPositions ? Column(type: .int64, own) : nil
        )
        let meter = ScanMeter()
        let join = AsOfJoin(
            spine: spine,
            rules: rules,
            features: [(0, .int64), (1, .string)],
            workers: Workers(data.random.int(1...3)),
            meter: meter,
            piecePlacesMin: data.random.int(1...200)
        )
        var parts = [[(number: Int, row: Row)]](repeating: [], count: data.random.int(1...4))
        for (number, row) in data.rows.enumerated() {
            // Cut by time like partitions, or anyhow.
            let part = seed % 2 == 0 ? Int(row.time) * parts.count / 41 : data.random.int(0...parts.count - 1)
            parts[part].append((number, row))
        }
        for part in parts {
            try join.merge(data.run(part), needsPositions: true)
            if data.random.oneIn(2) { try join.keepLastRun() }
        }
        let joined = try join.result(witness: true)
        var counts = JoinCounts()
        for row in 0..<count {
            var found: Int?
            var isExpired = false
            if case .timestamp(let label) = labels[row], !(hasOwnPositions && own[row] == .null) {
                var limit = Int64.max
                if hasOwnPositions, case .int64(let position) = own[row] { limit = position }
                (found, isExpired) = Self.search(data.rows, keys[row], label.microseconds, limit, rules)
            }
            let history = found.map { data.rows[$0] }
            let isMatched = history.map { !$0.isDeleted } ?? false
            if isMatched { counts.matched += 1 } else if isExpired { counts.expired += 1 } else { counts.missing += 1 }
            let context: Comment = "seed \(seed), row \(row), keys \(keys[row]), label \(labels[row].text)"
            #expect(joined.features[0].value(row) == (isMatched ? .int64(Int64(found ?? 0)) : .null), context)
            #expect(joined.features[1].value(row) == (isMatched ? .string("row \(found ?? 0)") : .null), context)
            #expect(joined.eventTimes?.isNull(row) == (history == nil), context)
            #expect(joined.positions?.value(row) == history.map { .int64($0.position) } ?? .null, context)
            #expect(joined.ages.isNull(row) == !isMatched, context)
        }
        #expect(joined.counts == counts)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `rows are put into the order that comparing gives`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let count = random.int(0...3_000) * (seed % 5 == 0 ? 20 : 1)
        let columns = (0..<random.int(1...3)).map { _ in
            let bits = random.int(1...64)
            let start = random.int(0...1) == 0 ? Int64.min : 0
            return (0..<count).map { _ in
                start ^ Int64(truncatingIfNeeded: UInt64.random(in: .min ... .max, using: &random) >> UInt64(64 - bits))
            }
        }
        let expected = (0..<count).sorted { left, right in
            for column in columns where column[left] != column[right] { return column[left] < column[right] }
            return left < right
        }
        let workers = Workers(random.int(1...4))
        #expect(RadixOrder.rows(columns, rowCount: count, workers).map { Int($0) } == expected)
    }

    @Test func `a spine is put in order by several threads as by one`() {
        var random = SeededRandom(seed: 8)
        let count = 150_000
        let users = Column(type: .int64, values: .int64((0..<count).map { _ in Int64(random.int(0...9_000)) }))
        let times = Column(
            type: .timestamp,
            validity: (0..<count).map { $0 % 11 > 0 },
            values: .int64((0..<count).map { _ in Int64(random.int(0...1_000_000)) })
        )
        let (one, three) = (
            SortedSpine(keys: [users], labelTimes: times, positions: users),
            SortedSpine(keys: [users], labelTimes: times, positions: users, workers: Workers(3))
        )
        #expect(three.rows == one.rows)
        #expect(three.labels == one.labels)
        #expect(three.positions == one.positions)
        #expect(three.entities == one.entities)
        #expect(three.entityStarts == one.entityStarts)
        #expect(one.labels == one.rows.map { times.int64Values[Int($0)] })
        #expect(one.rows.count == count - (count + 10) / 11)
    }
}
