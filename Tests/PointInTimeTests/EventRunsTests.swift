import Features
import Synchronization
import TestSupport
import Testing

@testable import PointInTime

/// The merge of a sorted spine with all runs of a view of events.
@Suite struct EventRunsTests {
    private struct Event {
        let key: Int64
        let time: Int64
        let id: Int64
        let position: Int64
        let knownAt: Int64
        let isDeleted: Bool
    }

    /// A run that counts how often groups are decoded.
    private final class CountedRun: HistoryRun {
        private let run: any HistoryRun
        private let decoded: Mutex<Int>

        init(_ run: MemoryRun) {
            self.run = run
            decoded = Mutex(0)
        }

        var decodedCount: Int { decoded.withLock { $0 } }
        var name: String { run.name }
        var groups: [HistoryGroup] { run.groups }

        func order(ofGroup group: Int, with parts: GroupParts) throws(HistoryRunError) -> GroupOrder {
            decoded.withLock { $0 += 1 }
            return try run.order(ofGroup: group, with: parts)
        }

        func append(
            _ field: HistoryField,
            ofGroup group: Int,
            rows: UnsafeBufferPointer<Int32>,
            to column: inout Column
        ) throws(HistoryRunError) {
            try run.append(field, ofGroup: group, rows: rows, to: &column)
        }
    }

    private static func run(_ events: [Event], groupRows: Int) -> MemoryRun {
        MemoryRun(
            name: "events",
            keys: [Column(type: .int64, values: .int64(events.map(\.key)))],
            times: Column(type: .timestamp, values: .int64(events.map(\.time))),
            events: Column(type: .int64, values: .int64(events.map(\.id))),
            positions: Column(type: .int64, values: .int64(events.map(\.position))),
            knownAt: Column(type: .timestamp, values: .int64(events.map(\.knownAt))),
            deleted: Column(type: .bool, values: .bool(events.map(\.isDeleted))),
            features: [Column(type: .int64, values: .int64(events.map { $0.id * 1_000 + $0.position }))],
            groupRows: groupRows
        )
    }

    @Test func `a group of which several pieces have rows is decoded once`() throws {
        // Twelve runs, as many months, each with events of all keys in one group.
        let runs = (0..<12).map { month in
            CountedRun(
                Self.run(
                    (0..<100).map { key in
                        Event(
                            key: Int64(key),
                            time: Int64(month),
                            id: Int64(month),
                            position: 1,
                            knownAt: 0,
                            isDeleted: false
                        )
                    },
                    groupRows: 1_000
                )
            )
        }
        func read(keptRowsMax: Int) throws -> (pieces: Int, decoded: Int, rows: Int) {
            let before = runs.reduce(0) { $0 + $1.decodedCount }
            let history = EventRuns(
                runs,
                keys: [.int64],
                event: .int64,
                of: EventRuns.Entities(
                    keys: [Column(type: .int64, values: .int64((0..<100).map(Int64.init)))],
                    after: [Int64](repeating: .min, count: 100),
                    until: [Int64](repeating: .max, count: 100)
                ),
                position: nil,
                parts: [],
                keptRowsMax: keptRowsMax,
                meter: ScanMeter()
            )
            let pieces = history.pieces(rowsMax: 60)
            let rows = try pieces.reduce(0) { $0 + (try history.rows(of: $1).count) }
            return (pieces.count, runs.reduce(0) { $0 + $1.decodedCount } - before, rows)
        }
        #expect(try read(keptRowsMax: 1_200) == (20, 12, 1_200))
        // Without room each piece decodes what it needs.
        #expect(try read(keptRowsMax: 0) == (20, 240, 1_200))
    }

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func `a place finds the newest event that it knows, however many later ones it does not`(seed: UInt64) throws {
        print("EventRunsTests seed \(seed)")
        var random = SeededRandom(seed: seed)
        let hasPositions = seed % 2 == 0
        var events: [Event] = []
        var seen: Set<[Int64]> = []
        for _ in 0..<random.int(1...900) {
            let time = Int64(random.int(0...300))
            let event = Event(
                key: Int64(random.int(0...2)),
                time: time,
                id: Int64(random.int(0...2)),
                position: Int64(random.int(1...40)),
                knownAt: time + Int64(random.pick([0, 0, 5, 400])),
                isDeleted: random.oneIn(4)
            )
            if seen.insert([event.key, event.time, event.id, event.position]).inserted { events.append(event) }
        }
        let places = 60
        let keys = (0..<places).map { _ in Int64(random.int(0...3)) }
        let labels = (0..<places).map { _ in Int64(random.int(0...600)) }
        let own = (0..<places).map { _ in Int64(random.int(0...41)) }
        let spine = SortedSpine(
            keys: [Column(type: .int64, values: .int64(keys))],
            labelTimes: Column(type: .timestamp, values: .int64(labels)),
            positions: hasPositions ? Column(type: .int64, values: .int64(own)) : nil
        )
        let join = AsOfJoin(
            spine: spine,
            rules: JoinRules(ttl: nil, delay: 0, isStrict: false, isKnownAtLabel: !hasPositions, position: nil),
            features: [(0, .int64)],
            workers: Workers(1),
            meter: ScanMeter()
        )
        let cut = random.int(0...events.count)
        try join.mergeEvents(
            [Self.run(Array(events[..<cut]), groupRows: 50), Self.run(Array(events[cut...]), groupRows: 70)].filter {
                !$0.groups.isEmpty
            },
            keys: [.int64],
            event: .int64,
            rowsMax: random.pick([20, 500, 10_000])
        )
        let joined = try join.result(witness: false)
        for place in 0..<places {
            let known = events.filter { event in
                event.key == keys[place] && event.time <= labels[place]
                    && (hasPositions ? event.position <= own[place] : event.knownAt <= labels[place])
            }
            let versions = Dictionary(grouping: known) { [$0.time, $0.id] }.values.compactMap { versions in
                versions.max { $0.position < $1.position }
            }
            let best = versions.filter { !$0.isDeleted }.max { ($0.time, $0.id) < ($1.time, $1.id) }
            let expected: Value = best.map { .int64($0.id * 1_000 + $0.position) } ?? .null
            #expect(joined.features[0].value(place) == expected, "seed \(seed), place \(place)")
        }
    }
}
