import Features
import PointInTime
import TestSupport
import Testing

@testable import Windows

/// Windows of events in memory, held to what a scan of the same events gives, while events come, change and go.
@Suite struct ResidentWindowTests {
    private static let features = """
        id: string, x: float64, f: float32, n: int64, i: int32, t: timestamp, s: string, b: bool, \
        y: bytes, v: vector(2), l: list(int64), w: list(string)
        """

    static func events(integerIDs: Bool) throws -> ViewDefinition {
        let definitions = try Definitions.parseWithExpressions(
            yaml: """
                entities: { user: { key: user_id, type: int64 }, place: { key: origin, type: string } }
                views:
                  e:
                    entities: [user, place]
                    events: { id: id }
                    features: { \(integerIDs ? features.replacing("id: string", with: "id: int64") : features) }
                """
        )
        return try #require(definitions.view(named: "e"))
    }

    private static let texts = [
        "count over 1h", "count(x) over 15m", "sum(x) over 1h", "avg(x) over 8h", "min(x) over 1h", "max(x) over 8h",
        "sum(n) over 15m", "avg(n) over 1h", "min(n) over 8h", "max(i) over 15m", "sum(i) over lifetime",
        "sum(f) over 1h", "min(f) over 1h", "avg(f) over lifetime", "min(t) over 1h", "max(t) over lifetime",
        "first(s) over 1h", "last(s) over 15m", "last(v) over 1h", "first(l) over 8h", "last(w) over 1h",
        "first(y) over 1h", "last(b) over 1h", "first(n) over lifetime", "last(n, 3) over 1h", "first(s, 2) over 8h",
        "distinct(s) over 1h", "distinct(x) over 8h", "min(s) over 1h", "max(s) over 15m", "top(s, 2) over 1h",
        "histogram(i) over 15m",
        "approx_distinct(s) over 8h", "approx_distinct(x) over 1h", "approx_quantile(x, 0.5) over 8h",
        "approx_quantile(i, 0.99) over 1h", "variance(x) over 15m", "stddev_pop(n) over 1h",
        "seconds_since_last over 1h",
        "count over lifetime where x > 0", "sum(x) over 1h where s = 'a' or b", "max(x) over 8h where n > 0",
        "seconds_since_last over 8h where s = 'a'", "last(n) over 1h where b", "count over 15m offset 1h",
        "sum(x) over 8h offset 15m where x > 0", "avg(n) over 10d", "count over 30d where user_id = 1 and origin = 'a'",
        "count over 1s", "count over 1d where extract(minute from _event_time) < 30",
    ]

    private struct Event {
        var key: Int
        var origin: String
        var values: [Value]
    }

    private struct Identity: Hashable, Comparable {
        var key: Int
        var time: Int64
        var id: Value
        var origin: String

        static func < (left: Self, right: Self) -> Bool {
            if left.key != right.key { return left.key < right.key }
            if left.time != right.time { return left.time < right.time }
            switch (left.id, right.id) {
            case (.int64(let own), .int64(let other)) where own != other: return own < other
            case (.string(let own), .string(let other)) where own != other:
                return own.utf8.lexicographicallyPrecedes(other.utf8)
            default: return left.origin.utf8.lexicographicallyPrecedes(right.origin.utf8)
            }
        }
    }

    private static let base: Int64 = 1_704_067_200_000_000

    private static func time(_ random: inout SeededRandom) -> Int64 {
        let unit = random.pick([1_000_000, 60_000_000, 900_000_000, 28_800_000_000] as [Int64])
        let edge = base + Int64(random.int(-3...3)) * unit
        return edge + random.pick([-1, 0, 1, 1_000_000, 59_999_999] as [Int64])
    }

    @Test(arguments: (1...8).map { ($0, $0 % 2 == 1) } as [(UInt64, Bool)])
    func `values of memory are those of a scan, whatever came late, was corrected or deleted`(
        seed: UInt64,
        integerIDs: Bool
    ) throws {
        var random = SeededRandom(seed: seed)
        let view = try Self.events(integerIDs: integerIDs)
        let windows = try Self.texts.map { try EventWindow($0, of: view) }
        let types = Dictionary(uniqueKeysWithValues: view.features.map { ($0.name, $0.type) })
        var layout = try #require(
            EventLayout(windows, identity: [types["id"] ?? .int64, .string]) {
                types[$0] ?? ($0 == "user_id" ? .int64 : .string)
            }
        )
        // So small that blocks and groups of them are made, halved and put together all the time; seldom as they are.
        if !random.oneIn(4) { (layout.blockRows, layout.groupBlocks) = (random.int(2...9), random.int(2...5)) }
        let delay = Interval(microseconds: random.pick([0, 1, 1_000_000]))
        let resident = ResidentWindows(windows, delay: delay, isStrict: random.oneIn(2), layout: layout)
        let strict = ResidentWindows(windows, delay: delay, isStrict: true, layout: layout)
        var keys = [KeyEvents](repeating: KeyEvents(), count: 3)
        var twin: [Identity: Event] = [:]
        var history: [(identity: Identity, event: Event?, position: Int64)] = []
        var position: Int64 = 0
        for step in 1...64 {
            // Now and then many of one minute, so that there are tiles of each level.
            let burst = random.oneIn(6) ? Self.time(&random) : nil
            let known = twin.keys.sorted()
            for _ in 0..<(burst == nil ? random.int(1...6) : 90) {
                var identity = Identity(
                    key: random.int(0...1),
                    time: burst.map { $0 + Int64(random.int(0...20)) * 1_000_000 } ?? Self.time(&random),
                    id: integerIDs
                        ? .int64(Int64(random.int(-2...40)))
                        : .string(random.pick(["", "a", "ab", "B", "é", "abcdefgh"])),
                    origin: random.pick(["a", "ab", ""])
                )
                if !known.isEmpty, random.oneIn(4) { identity = random.pick(known) }
                let isDeleted = random.oneIn(5)
                let values = view.features.map { feature -> Value in
                    if feature.name == "id" { return identity.id }
                    if feature.name == "s" {
                        return random.oneIn(6) ? .null : .string(random.pick(["a", "b", "", "ü"]))
                    }
                    if feature.name == "x" { return random.oneIn(6) ? .null : .float64(random.float()) }
                    return random.value(feature.type)
                }
                let event = isDeleted ? nil : Event(key: identity.key, origin: identity.origin, values: values)
                let batch = Self.batch([(identity, event, values)], view, layout)
                let isApplied = keys[identity.key].apply(batch, 0, layout)
                #expect(isApplied)
                twin[identity] = event
                position += 1
                history.append((identity, event, position))
            }
            if step == 41 {
                // What nobody reaches any more goes, for windows that end.
                let floor = Self.time(&random) - 28_800_000_000 * 4
                for key in keys.indices { keys[key].removeFirst(upTo: floor, layout) }
                twin = twin.filter { $0.key.time > floor }
                history = history.filter { $0.identity.time > floor }
            }
            guard step % 16 == 0 else { continue }
            if step == 64 { #expect(keys.reduce(0) { $0 + $1.totalsCount } > 2) }
            let loaded = try Self.loaded(history.shuffled(using: &random), view, layout, &random)
            for (events, name) in [(keys, "applied"), (loaded, "loaded")] {
                for (plan, isStrict) in [(resident, nil), (strict, true)] as [(ResidentWindows, Bool?)] {
                    for _ in 0..<3 {
                        let time = Self.time(&random) + random.pick([0, 3_600_000_000, 900_000_000, 864_000_000_000])
                        let asked = [random.int(0...1), 2, -1, random.int(0...1)]
                        var budget = WindowBudget(.max)
                        let got = try #require(plan.values(asked, in: events, at: time, budget: &budget))
                        let expected = Self.expected(
                            windows,
                            twin,
                            view,
                            asked,
                            plan.boundsOfAll,
                            time
                        )
                        for (place, window) in windows.enumerated() {
                            let same =
                                got.values[place].boxed.map(\.identity) == expected.values[place].boxed.map(\.identity)
                            #expect(
                                same,
                                """
                                seed \(seed), step \(step), \(name), strict \(isStrict ?? false), \(window.text) at \(time): \
                                \(got.values[place].boxed) instead of \(expected.values[place].boxed)
                                """
                            )
                            if !same { return }
                        }
                        #expect(got.eventTimes == expected.times, "seed \(seed), step \(step), \(name)")
                    }
                }
            }
        }
    }

    private static func batch(
        _ rows: [(identity: Identity, event: Event?, values: [Value])],
        _ view: ViewDefinition,
        _ layout: EventLayout
    ) -> EventBatch {
        func column(_ name: String) -> Column {
            if name == "user_id" { return Column(type: .int64, rows.map { .int64(Int64($0.identity.key)) }) }
            if name == "origin" { return Column(type: .string, rows.map { .string($0.identity.origin) }) }
            let place = view.features.firstIndex { $0.name == name } ?? 0
            return Column(type: view.features[place].type, rows.map { $0.values[place] })
        }
        return EventBatch(
            layout,
            times: rows.map(\.identity.time),
            identity: [column("id"), column("origin")],
            isDeleted: rows.map { $0.event == nil },
            column: column
        )
    }

    private static func loaded(
        _ history: [(identity: Identity, event: Event?, position: Int64)],
        _ view: ViewDefinition,
        _ layout: EventLayout,
        _ random: inout SeededRandom
    ) throws -> [KeyEvents] {
        var loading = [LoadingEvents](repeating: LoadingEvents(), count: 3)
        return try loading.indices.map { key in
            loading[key] = LoadingEvents()
            let rows = history.filter { $0.identity.key == key }
            let values = rows.map { row in
                row.event?.values ?? view.features.map { $0.name == "id" ? row.identity.id : .null }
            }
            let all = batch(zip(rows, values).map { ($0.identity, $0.event, $1) }, view, layout)
            for (place, row) in rows.enumerated() {
                let isLoaded = loading[key].append(all, place, position: row.position, layout)
                #expect(isLoaded)
            }
            return try #require(loading[key].events(layout))
        }
    }

    private static func expected(
        _ windows: [EventWindow],
        _ twin: [Identity: Event],
        _ view: ViewDefinition,
        _ asked: [Int],
        _ bounds: [WindowBounds],
        _ time: Int64
    ) -> (values: [Column], times: [Int64]) {
        let sorted = twin.keys.sorted()
        var rows: [Identity] = []
        var groups: [WindowGroup] = []
        for (place, key) in asked.enumerated() {
            let first = rows.count
            rows += sorted.filter { $0.key == key }
            groups.append(WindowGroup(events: first..<rows.count, requests: place..<place + 1))
        }
        let scan = WindowScan(
            times: rows.map(\.time),
            requests: Array(repeating: time, count: asked.count),
            groups: groups
        )
        let eventTimes = Column(type: .timestamp, values: .int64(rows.map(\.time)))
        var times = [Int64](repeating: .min, count: asked.count)
        let values = zip(windows, bounds).map { window, bounds in
            let result = window.run(scan, scan.spans(bounds), eventTimes: eventTimes) { name in
                if name == FeatureColumn.eventTimeName { return eventTimes }
                if name == "user_id" { return Column(type: .int64, rows.map { .int64(Int64($0.key)) }) }
                if name == "origin" { return Column(type: .string, rows.map { .string($0.origin) }) }
                let place = view.features.firstIndex { $0.name == name } ?? 0
                return Column(type: view.features[place].type, rows.map { twin[$0]?.values[place] ?? .null })
            }
            for row in asked.indices where !result.eventTimes.isNull(row) {
                times[row] = max(times[row], result.eventTimes.int64Values[row])
            }
            return result.values
        }
        return (values, times)
    }

    // MARK: Bounds

    static func simple(_ texts: [String], keyCount: Int = 1) throws -> EventLayout {
        let view = try events(integerIDs: true)
        let types = Dictionary(uniqueKeysWithValues: view.features.map { ($0.name, $0.type) })
        let windows = try texts.map { try EventWindow($0, of: view) }
        let layout = EventLayout(windows, keyCount: keyCount, identity: [.int64]) { types[$0] ?? .int64 }
        return try #require(layout)
    }

    static func batch(
        _ layout: EventLayout,
        _ rows: [(time: Int64, id: Int64)],
        isDeleted: Bool = false
    ) -> EventBatch {
        EventBatch(
            layout,
            times: rows.map(\.time),
            identity: [Column(type: .int64, values: .int64(rows.map(\.id)))],
            isDeleted: rows.map { _ in isDeleted }
        ) { name in
            name == "s"
                ? Column(type: .string, rows.map { .string("text \($0.id)") })
                : Column(type: .float64, values: .float64(rows.map { Double($0.id) }))
        }
    }

    /// Where the records of each block lie.
    private static func places(_ events: KeyEvents) -> Set<UnsafeRawPointer?> {
        Set(
            events.groups.flatMap { group in
                group.blocks.map { block in block.records.withUnsafeBytes { $0.baseAddress } }
            }
        )
    }

    @Test(arguments: ["late", "corrected", "deleted"])
    func `an event that is late, corrected or deleted moves two blocks at most, whatever its key has`(
        what: String
    ) throws {
        let layout = try Self.simple(["sum(x) over lifetime", "last(s) over 1h"])
        var loading = LoadingEvents()
        let all = (0..<60_000).map { (time: Int64($0) * 2, id: Int64($0)) }
        let batch = Self.batch(layout, all)
        for row in all.indices {
            let isLoaded = loading.append(batch, row, position: 1, layout)
            #expect(isLoaded)
        }
        var events = try #require(loading.events(layout))
        #expect(events.groups.count > 2)
        for time: Int64 in [0, 60_000, 119_998] {
            let kept = events
            let row = what == "late" ? (time: time - 1, id: Int64(7)) : (time: time, id: time / 2)
            let isApplied = events.apply(Self.batch(layout, [row], isDeleted: what == "deleted"), 0, layout)
            #expect(isApplied)
            #expect(Self.places(events).subtracting(Self.places(kept)).count <= 2)
            #expect(events.count == kept.count + (what == "late" ? 1 : what == "deleted" ? -1 : 0))
            withExtendedLifetime(kept) {}
        }
    }

    @Test func `bytes that 32 bits do not count are refused, and not written`() throws {
        var layout = try Self.simple(["last(s) over 1h"])
        layout.bytesMax = 100
        let rows = (0..<20).map { (time: Int64($0), id: Int64($0)) }
        #expect(Self.batch(layout, rows).isTooLarge)
        #expect(!Self.batch(layout, Array(rows[..<5])).isTooLarge)
        var (events, loading) = (KeyEvents(), LoadingEvents())
        var applied = 0
        while applied < 20, events.apply(Self.batch(layout, [rows[applied]]), 0, layout) { applied += 1 }
        #expect(applied == 10)
        var loaded = 0
        while loaded < 20, loading.append(Self.batch(layout, [rows[loaded]]), 0, position: 1, layout) { loaded += 1 }
        #expect(loaded == 11)
        // What a correction replaced makes room again.
        var corrected = KeyEvents()
        for _ in 0..<50 {
            let isApplied = corrected.apply(Self.batch(layout, [rows[3]]), 0, layout)
            #expect(isApplied)
        }
        #expect(corrected.count == 1)
    }

    @Test func `layouts of other numbers of keys are others`() throws {
        let texts = ["sum(x) over 1h"]
        #expect(try Self.simple(texts) == Self.simple(texts))
        #expect(try Self.simple(texts) != Self.simple(texts, keyCount: 2))
    }
}
