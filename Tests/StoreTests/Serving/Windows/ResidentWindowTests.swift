import Features
import Operations
import PointInTime
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store
@testable import Windows

/// Windows in a server's memory, held to the oracle and to what PostgreSQL's events give, while histories grow.
@Suite struct ResidentWindowTests {
    @Test(arguments: 31...38 as ClosedRange<UInt64>)
    func `windows in memory are what the oracle says, at each position`(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed, batches: 5)
        let fixture = try ServingFixture(history.store.conninfo, options: .keepingEvents)
        for round in 0..<8 {
            if round > 0 { try history.extend(batches: 2) }
            try fixture.catchUp(history.store.session)
            let state = try #require(history.states.last)
            for name in ["click_windows", "visit_windows"] {
                let view = try #require(history.store.registry.definitions.view(named: name))
                let resident = try #require(fixture.windows(name).resident)
                for _ in 0..<40 {
                    let (keys, time) = (history.keys(of: view), history.time())
                    let expected = try WindowJoinTests.expected(
                        history,
                        view,
                        keys,
                        at: time,
                        state.position,
                        isKnownAtLabel: false
                    )
                    let got = resident.value(keys, at: time)
                    for (place, feature) in view.features.enumerated() {
                        let value = try #require(expected[feature.name])
                        #expect(
                            got[place].identity == value.identity,
                            """
                            seed \(seed), round \(round), \(name).\(feature.name), keys \(keys), time \(time): \
                            \(got[place].json) instead of \(value.json)
                            """
                        )
                    }
                }
            }
        }
    }

    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          stats: { entities: [user], features: { n: int64 } }
          clicks: { entities: [user], events: { id: click }, features: { click: string, x: float64 } }
          recent:
            entities: [user]
            windows: { of: clicks, features: { n: count over 1h, s: sum(x) over 1h, big: count over lifetime where x > 5 } }
        """

    private static func click(_ user: Int64, at time: Int64, _ id: String, _ x: Double?) -> HistoryRow {
        HistoryRow(
            [.int64(user)],
            at: time,
            isDeleted: x == nil,
            [.string(id), x.map { .float64($0) } ?? .null]
        )
    }

    @Test func `a server's own writes are in its windows when they are acknowledged, beside those of others`() throws {
        let store = try TestStore(Self.yaml)
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        let writer = GroupWriter(into: fixture.serving)
        writer.start()
        defer { writer.stop() }
        var random = SeededRandom(seed: 71)
        let start: Int64 = 1_704_067_200_000_000
        let view = try store.view("clicks")
        var twin: [String: Double] = [:]
        for round in 0..<120 {
            let id = "c\(random.int(0...20))"
            let x = random.oneIn(4) ? nil : Double(random.int(0...9))
            let row = Self.click(1, at: start + Int64(id.utf8.count), id, x)
            if random.oneIn(3) {
                // Another server's, so that positions lie between.
                try store.ingest("clicks", [row])
                if random.oneIn(2) { try store.ingest("stats", [HistoryRow([.int64(1)], at: start, [.int64(1)])]) }
            } else {
                let answer = WriterFixture.Answer()
                let part = RowWrite.Part(view: view, rows: TestStore.viewRows([row, row], view))
                let write = RowWrite([RowWrite.Item(parts: [part], source: nil)])
                writer.submit(WriteJob(write) { answer.set($0) }, client: 1)
                let position = try #require(answer.wait().position)
                #expect(fixture.serving.position >= position)
            }
            twin[id] = x
            let isOwn = fixture.serving.position == (try store.head().position)
            if !isOwn { try fixture.catchUp(store.session) }
            let resident = try #require(fixture.windows("recent").resident)
            let expected: [Value] = [
                .int64(Int64(twin.count)), twin.isEmpty ? .null : .float64(twin.values.reduce(0, +)),
                .int64(Int64(twin.values.count { $0 > 5 })),
            ]
            let got = resident.value([.int64(1)], at: start + 1_000_000)
            #expect(got.map(\.identity) == expected.map(\.identity), "seed 71, round \(round): \(got), \(expected)")
        }
    }

    @Test func `forgotten keys, dropped history and new windows are in memory as in PostgreSQL`() throws {
        let store = try TestStore(Self.yaml)
        let start: Int64 = 1_704_067_200_000_000
        try store.ingest(
            "clicks",
            (0..<40).map { Self.click(Int64($0 % 4), at: start + Int64($0) * 1_000_000, "c\($0)", Double($0)) }
        )
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        func values(_ user: Int64) throws -> [Value] {
            try #require(fixture.windows("recent").resident).value([.int64(user)], at: start + 60_000_000)
        }
        #expect(try values(1) == [.int64(10), .float64(190), .int64(8)])
        let forgetting = try Forgetting(store.session, entity: "user", key: "1", store.registry.definitions)
        #expect(try forgetting.run().state != nil)
        try fixture.catchUp(store.session)
        #expect(try values(1) == [.int64(0), .null, .int64(0)])
        #expect(try values(2) == [.int64(10), .float64(200), .int64(9)])
    }

    @Test func `of many events of one commit, and of many commits, none is missing`() throws {
        let store = try TestStore(Self.yaml)
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        let start: Int64 = 1_704_067_200_000_000
        // More than are applied while readers wait.
        let count = Int(ServingLimits.rowsTogetherMax) + 500
        try store.ingest(
            "clicks",
            (0..<count).map { Self.click(1, at: start + Int64($0 % 977), "c\($0)", 1) }
        )
        for round in 0..<5 {
            try store.ingest("clicks", [Self.click(1, at: start, "c\(round * 977)", nil)])
        }
        try fixture.catchUp(store.session)
        let resident = try #require(fixture.windows("recent").resident)
        let expected: [Value] = [.int64(Int64(count - 5)), .float64(Double(count - 5)), .int64(0)]
        #expect(resident.value([.int64(1)], at: start + 1_000_000) == expected)
        #expect(resident.events.figures.events == count - 5 && resident.events.figures.totals > 0)
    }

    @Test func `events that no window reaches any more go, and what asks for them is told so`() throws {
        let store = try TestStore(Self.yaml.replacing("over lifetime", with: "over 1h"))
        let (start, hour): (Int64, Int64) = (1_704_067_200_000_000, 3_600_000_000)
        let rows = (0..<300).map { Self.click(Int64($0 % 3), at: start + Int64($0), "c\($0)", Double($0 % 9)) }
        try store.ingest("clicks", rows)
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        let resident = try #require(fixture.windows("recent").resident)
        #expect(resident.events.figures.events == 300 && resident.answers(at: start + hour))
        // One key keeps events, one gets late ones of before, which nobody keeps.
        try store.ingest("clicks", [Self.click(1, at: start + 20 * hour, "new", 7)])
        #expect(Patience.wait { resident.events.figures.events == 1 })
        try store.ingest("clicks", [Self.click(2, at: start, "late", 7)])
        try fixture.catchUp(store.session)
        #expect(resident.events.figures.events == 1 && resident.events.figures.keys == 1)
        #expect(!resident.answers(at: start + hour) && resident.answers(at: start + 20 * hour))
        let expected: [Value] = [.int64(1), .float64(7), .int64(1)]
        #expect(resident.value([.int64(1)], at: start + 20 * hour) == expected)
        #expect(resident.value([.int64(2)], at: start + 20 * hour) == [.int64(0), .null, .int64(0)])
        // A server that starts now keeps as much.
        let other = try ServingFixture(store.conninfo, options: .keepingEvents)
        #expect(try #require(other.windows("recent").resident).events.figures.events == 1)
    }

    // MARK: Bounds

    private static func write(_ writer: GroupWriter, _ view: StoredView, _ rows: [HistoryRow]) throws {
        let answer = WriterFixture.Answer()
        let part = RowWrite.Part(view: view, rows: TestStore.viewRows(rows, view))
        writer.submit(WriteJob(RowWrite([RowWrite.Item(parts: [part], source: nil)])) { answer.set($0) }, client: 1)
        _ = try #require(answer.wait().position)
    }

    @Test func `a server that is its store's only writer lets go of events that no window reaches`() throws {
        let store = try TestStore(Self.yaml.replacing("over lifetime", with: "over 1h"))
        let (start, hour): (Int64, Int64) = (1_704_067_200_000_000, 3_600_000_000)
        try store.ingest("clicks", (0..<300).map { Self.click(Int64($0 % 3), at: start + Int64($0), "c\($0)", 1) })
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        let resident = try #require(fixture.windows("recent").resident)
        let writer = GroupWriter(into: fixture.serving)
        writer.start()
        defer { writer.stop() }
        try Self.write(writer, try store.view("clicks"), [Self.click(1, at: start + 20 * hour, "new", 7)])
        #expect(Patience.wait { resident.events.figures.events == 1 })
    }

    private static let two = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          a: { entities: [user], events: { id: e }, features: { e: int64 } }
          b: { entities: [user], events: { id: e }, features: { e: int64 } }
          of_a: { entities: [user], windows: { of: a, features: { n: count over lifetime } } }
          of_b: { entities: [user], windows: { of: b, features: { n: count over lifetime } } }
        """

    @Test func `events that memory has no room for come back when there is room, and go when there is none`() throws {
        let store = try TestStore(Self.two)
        func rows(_ range: Range<Int64>) -> [HistoryRow] {
            range.map { HistoryRow([.int64(1)], at: 1_704_067_200_000_000 + $0, [.int64($0)]) }
        }
        try store.ingest("a", rows(0..<40_000))
        try store.ingest("b", rows(0..<60_000))
        let free = try ServingFixture(store.conninfo, options: .keepingEvents)
        let parts = try ["of_a", "of_b"].map { try #require(free.windows($0).resident).events.figures.bytes }
        var options = ServingOptions.keepingEvents
        let limit = free.serving.totals.bytes - parts[1] / 4
        options.memoryBytesMax = limit
        let fixture = try ServingFixture(store.conninfo, options: options)
        func absence(_ view: String) throws -> EventMemory.Absence? { try fixture.view(view).events[0].absence }
        #expect(try fixture.windows("of_a").resident?.events.figures.events == 40_000)
        #expect(
            try Patience.wait {
                if case .memory(let bytes)? = try absence("b") { bytes > parts[1] / 2 } else { false }
            }
        )
        let told = "windows over view 'b' are computed of what PostgreSQL finds"
        #expect(fixture.events.all.contains { $0.message.contains(told) })
        // There is room now.
        try store.forget("user", "1")
        try store.ingest("b", rows(0..<60_000))
        #expect(try Patience.wait { try absence("b") == nil && fixture.view("b").events[0].figures.events == 60_000 })
        // And then no more, by the server's own commits.
        let writer = GroupWriter(into: fixture.serving)
        writer.start()
        defer { writer.stop() }
        try Self.write(writer, try store.view("a"), rows(0..<60_000))
        #expect(try Patience.wait { try absence("a") != nil || absence("b") != nil })
        #expect(Patience.wait { fixture.serving.totals.bytes <= limit })
    }

    @Test func `nothing waits for events to be loaded`() throws {
        let store = try TestStore(Self.yaml)
        let start: Int64 = 1_704_067_200_000_000
        try store.ingest("clicks", [Self.click(1, at: start, "c", 7)])
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        _ = try fixture.windows("recent")
        let holder = try Session(conninfo: store.conninfo)
        try holder.execute("BEGIN; LOCK TABLE history.clicks IN ACCESS EXCLUSIVE MODE")
        try store.apply(Self.yaml.replacing("count over 1h,", with: "count over 1h, most: max(x) over 1h where x > 6,"))
        try store.ingest("stats", [HistoryRow([.int64(1)], at: start, [.int64(1)])])
        try fixture.catchUp(store.session)
        let events = try fixture.view("clicks").events[0]
        #expect(!events.isReady && events.absence == .waiting)
        try holder.execute("COMMIT")
        let expected: [Value] = [.int64(1), .float64(7), .float64(7), .int64(1)]
        #expect(try #require(fixture.windows("recent").resident).value([.int64(1)], at: start + 1) == expected)
    }

    @Test func `what does not fit 32 bits, or comes faster than it is loaded, is let go`() throws {
        let store = try TestStore(Self.yaml)
        let fixture = try ServingFixture(store.conninfo, options: .keepingEvents)
        let view = try fixture.view("clicks")
        var layout = view.events[0].layout
        layout.bytesMax = 100
        func memory(queuedBytesMax: Int = 1 << 20) -> EventMemory {
            EventMemory(layout, keys: view.events[0].keyLayout.keys, queuedBytesMax: queuedBytesMax)
        }
        func apply(_ ids: [String], to memory: EventMemory, _ position: Int64) {
            let rows = TestStore.viewRows(ids.map { Self.click(1, at: 1, $0, 1) }, view.stored)
            let (batch, keys) = EventRows(rows, of: view, position: position).batch(for: memory)
            memory.apply(batch, keys: keys, positions: Array(repeating: position, count: ids.count), to: position)
        }
        let ready = memory()
        #expect(!ready.isReady && ready.absence == .waiting)
        ready.beginLoading(floor: .min)
        apply(["a"], to: ready, 1)
        #expect(ready.loaded(at: 0) && EventMemory.becomeReady([ready], rowsMax: 1) == .ready && ready.isReady)
        #expect(ready.figures.events == 1 && ready.figures.position == 1)
        for place in 0..<40 where ready.isReady { apply(["id \(place)"], to: ready, Int64(place) + 2) }
        #expect(!ready.isReady && ready.absence == .bytes && ready.figures.events == 0)
        apply(["a"], to: ready, 100)
        #expect(ready.figures.events == 0)
        // One commit is too large.
        let other = memory()
        other.beginLoading(floor: .min)
        #expect(other.loaded(at: 0) && EventMemory.becomeReady([other], rowsMax: 0) == .ready)
        apply((0..<40).map { "id \($0)" }, to: other, 1)
        #expect(other.absence == .bytes)
        let overtaken = memory(queuedBytesMax: 50)
        overtaken.beginLoading(floor: .min)
        apply(["a", "b", "c"], to: overtaken, 1)
        #expect(overtaken.isOvertaken && overtaken.loaded(at: 0))
        #expect(overtaken.takeQueue() == .overtaken)
        #expect(EventMemory.becomeReady([overtaken], rowsMax: 0) == .overtaken && !overtaken.isReady)
    }
}

extension ServingOptions {
    static var keepingEvents: ServingOptions {
        var options = ServingOptions()
        options.keepsEvents = true
        return options
    }
}

extension ServingFixture {
    /// A window view.
    func windows(_ name: String) throws -> ServedView {
        let bytes = Array(name.utf8)
        func found() -> ServedView? { serving.catalog.readableView(named: bytes.span) }
        // Events are loaded beside.
        let isReady = Patience.wait { found()?.resident?.events.isReady == true }
        #expect(isReady, "\(String(describing: found()?.resident?.events.absence)) \(events.all)")
        return try #require(found())
    }
}

extension ResidentRole {
    /// The windows of one entity.
    func value(_ keys: [Value], at time: Int64) -> [Value] {
        EventMemory.withReading([events]) {
            let place: Int
            if events.keyLayout.keyForm == .int64 {
                guard case .int64(let key) = keys.first ?? .int64(0) else { preconditionFailure("the key is int64") }
                place = events.place(key)
            } else {
                var key = EntityKey(events.keyLayout.keys)
                key.append(keys)
                place = key.bytes.withUnsafeBytes { events.place(keyBytes: $0) }
            }
            var budget = WindowBudget(.max)
            return events.values(windows, [place], at: time, budget: &budget)?.values.map { $0.value(0) } ?? []
        }
    }
}
