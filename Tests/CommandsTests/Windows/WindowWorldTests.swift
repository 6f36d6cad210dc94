import Dispatch
import Features
import Foundation
import Online
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Commands
@testable import Serving
@testable import Store

/// Whatever may happen to windows in memory, one after the other at random, while somebody reads: commits of this server and of
/// others, late events, corrections, deletions, forgotten keys, other windows, loads that have no room and get it, events that
/// go. What is answered is what a slow definition says, and byte for byte what PostgreSQL's events give.
@Suite struct WindowWorldTests {
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `whatever happens, windows are those of the slow definition and of PostgreSQL`(seed: UInt64) throws {
        let world = try WindowWorld(seed: seed)
        let end = ContinuousClock.now + .seconds(60)
        let reader = world.startReader()
        defer { reader.stop() }
        var standings: Set<String> = []
        for round in 0..<20 where ContinuousClock.now < end {
            switch round {
            case 6: try world.commit(WindowWorld.eventsMax / 2 + 1)
            case 12: for user in 1...3 { try world.forget(Int64(user)) }
            default: for _ in 0..<world.random.int(1...4) { try world.change() }
            }
            try world.settle()
            standings.formUnion(try world.standings())
            for _ in 0..<5 { try world.compare("seed \(seed), round \(round)") }
        }
        reader.stop()
        // All of it has happened.
        #expect(standings.isSuperset(of: ["clicks: ready", "visits: ready"]), "seed \(seed): \(standings)")
        #expect(standings.contains { $0.hasSuffix("no room") }, "seed \(seed): \(standings)")
        #expect(reader.count > 1, "seed \(seed)")
    }
}

/// Two servers of a store, one with events in memory, and what the store should have.
private final class WindowWorld {
    let store: TestStore
    let memory: WindowServer
    let database: WindowServer
    let now: Int64
    var random: SeededRandom
    private let writer: GroupWriter
    private var events = SlowWindows()
    private var nextID: Int64 = 0
    private var commits: Int64 = 0
    private var variant = 0

    private static let minute: Int64 = 60_000_000
    /// Events of both views that are kept.
    static let eventsMax = 400

    /// Windows that are there, and others that come and go.
    private static func yaml(_ variant: Int) -> String {
        let clicks = variant % 2 == 1 ? ", kinds: distinct(tag) over 2h" : ""
        let visits = variant / 2 == 1 ? ", most: max(x) over 90m where x > 2" : ""
        return """
            entities: { user: { key: user_id, type: int64 } }
            views:
              profiles: { entities: [user], features: { age: int64 } }
              clicks: { entities: [user], events: { id: click }, features: { click: int64, x: float64, tag: string } }
              visits: { entities: [user], events: { id: visit }, features: { visit: string, x: float64 } }
              per_click:
                entities: [user]
                windows:
                  of: clicks
                  features: { n: count over lifetime, s: sum(x) over lifetime, recent: "last(tag, 3) over lifetime"\(clicks) }
              per_visit: { entities: [user], windows: { of: visits, features: { c: count over 1h, t: sum(x) over 2h\(visits) } } }
            services: { board: [per_click.n, per_click.s, per_visit.c, profiles.age] }
            """
    }

    init(seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        store = try TestStore(Self.yaml(0))
        now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        memory = try WindowServer(store.conninfo, .all, eventsMax: Self.eventsMax)
        database = try WindowServer(store.conninfo, .none)
        writer = GroupWriter(into: memory.serving)
        writer.start()
    }

    deinit { writer.stop() }

    // MARK: What happens

    func change() throws {
        switch random.int(0...11) {
        case 0, 1: try forget(Int64(random.int(1...3)))
        case 2:
            variant = random.int(0...3)
            try store.apply(Self.yaml(variant))
        case 3: try commit(random.int(40...100))
        default: try commit(random.pick([1, 1, 2, 5, 12]))
        }
    }

    func forget(_ user: Int64) throws {
        try store.forget("user", "\(user)")
        events.forget(user)
    }

    /// A commit of this server or of another one: events of which the values of a user's add up to nothing, and a profile.
    func commit(_ count: Int) throws {
        var clicks: [HistoryRow] = []
        var visits: [HistoryRow] = []
        for _ in 0..<count {
            let isOld = random.oneIn(3)
            if let pair = isOld ? events.pair(&random) : nil {
                // Corrected, or deleted; perhaps it was before.
                clicks += put(pair, random.oneIn(2) ? nil : Double(random.int(1...9)))
            } else {
                let user = Int64(random.int(1...3))
                let times = (0..<2).map { _ in now - Int64(random.int(0...200)) * Self.minute }
                clicks += put(
                    SlowWindows.Pair(user: user, times: times, ids: [nextID, nextID + 1]),
                    Double(random.int(1...9))
                )
                nextID += 2
            }
            let visit = "v\(random.int(0...40))"
            let key = SlowWindows.Key(
                user: Int64(random.int(1...3)),
                time: now - Int64(random.int(0...8)) * 20 * Self.minute,
                id: visit
            )
            let x = random.oneIn(4) ? nil : Double(random.int(0...5))
            events.visits[key] = x
            visits.append(
                HistoryRow([.int64(key.user)], at: key.time, isDeleted: x == nil, [.string(visit), .float64(x ?? 0)])
            )
        }
        commits += 1
        let profiles = (1...3).map { HistoryRow([.int64($0)], at: now, [.int64(commits)]) }
        if random.oneIn(2) {
            try store.ingest("clicks", clicks)
            try store.ingest("visits", visits)
            return
        }
        let parts = try [("clicks", clicks), ("visits", visits), ("profiles", profiles)].map { name, rows in
            let view = try store.view(name)
            return RowWrite.Part(view: view, rows: TestStore.viewRows(rows, view))
        }
        let done = DispatchSemaphore(value: 0)
        writer.submit(WriteJob(RowWrite([RowWrite.Item(parts: parts, source: nil)])) { _ in done.signal() }, client: 1)
        done.wait()
    }

    private func put(_ pair: SlowWindows.Pair, _ x: Double?) -> [HistoryRow] {
        let tag = random.pick(["a", "b", "c"])
        events.put(pair, x, tag)
        return (0..<2).map { place in
            HistoryRow(
                [.int64(pair.user)],
                at: pair.times[place],
                isDeleted: x == nil,
                [.int64(pair.ids[place]), x.map { .float64(place == 0 ? $0 : -$0) } ?? .null, .string(tag)]
            )
        }
    }

    // MARK: What is seen

    func settle() throws {
        let head = try store.head()
        for server in [memory, database] { server.catchUp(head) }
        // Loads that are under way end, one way or the other.
        _ = try Patience.wait { try standings().allSatisfy { !$0.hasSuffix("waiting") } }
    }

    func standings() throws -> Set<String> {
        Set(
            try ["clicks", "visits"].map { name in
                let view = try memory.serving.catalog.view(named: name)
                switch view.events.first?.absence {
                case nil: return "\(name): ready"
                case .waiting?, .queue?: return "\(name): waiting"
                default: return "\(name): no room"
                }
            }
        )
    }

    /// Asks both servers the same, and the slow definition.
    func compare(_ comment: String) throws {
        let at = now - Int64(random.int(0...10)) * 20 * Self.minute + random.pick([0, 1, -1, 0])
        guard at <= min(memory.serving.now(), database.serving.now()) else { return }
        let user = Int64(random.int(1...3))
        for words in [
            ["FS.GET", "per_click", "\(user)", "META", "AT", "\(at)"],
            ["FS.MGET", "per_visit", "3", "1", "2", "3", "META", "AT", "\(at)"],
            ["FS.SERVE", "board", "KEYS", "1", "user_id", "ROWS", "3", "3", "2", "1", "META", "AT", "\(at)"],
        ] {
            let (got, expected) = (try memory.ask(words).text, try database.ask(words).text)
            #expect(!got.hasPrefix("-") && got == expected, "\(comment), \(words)")
        }
        for (view, values) in [
            ("per_click", events.clicks(of: user, at: at)), ("per_visit", events.visits(of: user, at: at)),
        ] {
            let got = try memory.ask(["FS.GET", view, "\(user)", "AT", "\(at)"]).text
            for value in values { #expect(got.contains(value), "\(comment), \(view) of \(user), AT \(at)") }
        }
    }

    final class Reader: Sendable {
        fileprivate let isDone = Atomic(false)
        fileprivate let readCount = Atomic(0)
        fileprivate let group = DispatchGroup()

        /// How many groups of reads have been answered from memory.
        var count: Int { readCount.load(ordering: .relaxed) }

        func stop() {
            isDone.store(true, ordering: .relaxed)
            group.wait()
        }
    }

    /// Reads on a thread of its own, three commands at one position as EXEC does.
    func startReader() -> Reader {
        let reader = Reader()
        let memory = memory
        Thread.detach(reader.group) {
            var round = 0
            while !reader.isDone.load(ordering: .relaxed) {
                round += 1
                usleep(1_000)
                // Nothing that has to wait for PostgreSQL is asked under the lock.
                guard memory.isResident("per_click"), memory.isResident("per_visit") else { continue }
                let user = "\(round % 3 + 1)"
                let asked = [
                    ["FS.GET", "per_click", user], ["FS.GET", "per_visit", user, "META"],
                    ["FS.SERVE", "board", "KEYS", "1", "user_id", "ROWS", "1", user, "META"],
                ]
                var got: [(text: String, isPrompt: Bool)] = []
                let isRead = memory.serving.readTogether {
                    got = asked.compactMap { try? WindowServer.askOnce($0, memory.engine, isTogether: true) }
                }
                guard isRead, got.count == 3, got.allSatisfy(\.isPrompt) else { continue }
                let count = Self.integer(got[0].text, behind: "|n|:") ?? -1
                let isSum = got[0].text.contains("|s|,0|") || count == 0
                #expect(count >= 0 && count % 2 == 0 && isSum, "half of a commit: \(got[0].text)")
                let positions = Set(got.dropFirst().map { Self.integer($0.text, behind: "|position|:") })
                #expect(positions.count == 1, "two positions in one EXEC: \(got)")
                reader.readCount.add(1, ordering: .relaxed)
            }
        }
        return reader
    }

    private static func integer(_ text: String, behind mark: String) -> Int64? {
        guard let range = text.range(of: mark) else { return nil }
        return Int64(text[range.upperBound...].prefix { $0 != "|" })
    }
}

/// Events in force, and windows by their definition: all events are looked at.
private struct SlowWindows {
    struct Pair {
        let user: Int64
        let times: [Int64]
        let ids: [Int64]
    }

    struct Key: Hashable {
        let user: Int64
        let time: Int64
        let id: String
    }

    private struct Click {
        let user: Int64
        let time: Int64
        let id: Int64
        let x: Double
        let tag: String
    }

    private var pairs: [Pair] = []
    private var inForce: [Int64: Click] = [:]
    var visits: [Key: Double] = [:]

    mutating func put(_ pair: Pair, _ x: Double?, _ tag: String) {
        if !pairs.contains(where: { $0.ids == pair.ids }) { pairs.append(pair) }
        for place in 0..<2 {
            inForce[pair.ids[place]] = x.map {
                Click(
                    user: pair.user,
                    time: pair.times[place],
                    id: pair.ids[place],
                    x: place == 0 ? $0 : -$0,
                    tag: tag
                )
            }
        }
    }

    func pair(_ random: inout SeededRandom) -> Pair? { pairs.isEmpty ? nil : random.pick(pairs) }

    mutating func forget(_ user: Int64) {
        pairs.removeAll { $0.user == user }
        inForce = inForce.filter { $0.value.user != user }
        visits = visits.filter { $0.key.user != user }
    }

    private static func number(_ value: Double?) -> String { value.map { ",\(Int64($0))|" } ?? "_|" }

    /// Parts of a reply with a user's windows at a time.
    func clicks(of user: Int64, at time: Int64) -> [String] {
        let found = inForce.values.filter { $0.user == user && $0.time <= time }
        let newest = found.sorted { ($0.time, $0.id) > ($1.time, $1.id) }.prefix(3).map(\.tag)
        return [
            "|n|:\(found.count)|", "|s|" + Self.number(found.isEmpty ? nil : found.reduce(0) { $0 + $1.x }),
            "|recent|" + (newest.isEmpty ? "_|" : "*\(newest.count)|" + newest.map { "$1|\($0)|" }.joined()),
        ]
    }

    func visits(of user: Int64, at time: Int64) -> [String] {
        func values(_ hours: Int64) -> [Double] {
            visits.filter { $0.key.user == user && $0.key.time <= time && $0.key.time > time - hours * 3_600_000_000 }
                .map(\.value)
        }
        let sums = values(2)
        return [
            "|c|:\(values(1).count)|", "|t|" + Self.number(sums.isEmpty ? nil : sums.reduce(0, +)),
        ]
    }
}
