import Dispatch
import Features
import NIOCore
import Online
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Reading
@testable import Serving
@testable import Store

/// Replies of a server that has events in memory are byte for byte those of one that reads them from PostgreSQL.
@Suite struct ResidentWindowReplyTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 }, place: { key: origin, type: string } }
        views:
          profiles: { entities: [user], features: { age: int32 } }
          visits:
            entities: [place, user]
            events: { id: visit }
            features: { visit: string, x: float64, n: int64, tag: string }
          clicks:
            entities: [user]
            events: { id: click }
            features: { click: int64, x: float64, tag: string }
          per_place:
            entities: [place]
            delay: 1s
            strict: true
            windows:
              of: visits
              features:
                n: count over 10m
                s: sum(x) over 1h
                who: distinct(n) over 1h where tag = 'a' or user_id = 1
                tags: top(tag, 2) over 1h
          per_user:
            entities: [user]
            windows:
              of: clicks
              features:
                n: count over 1h
                a: avg(x) over 10m
                lo: min(x) over 1h
                hi: max(x) over 10m where x > 0
                before: sum(x) over 10m offset 10m
                recent: last(tag, 3) over 1h
                sd: stddev(x) over 1h
                idle: seconds_since_last over 1h
        services:
          board:
            - per_user.*
            - profiles.age
            - { view: per_place, as: there, keys: { origin: dest }, features: [n, s, tags] }
            - per_place.who
            - { derive: rate, from: "per_user.n * 1.5 + coalesce(there.n, 0)" }
        """

    private typealias Server = WindowServer

    private static func extend(_ store: TestStore, _ now: Int64, _ random: inout SeededRandom) throws {
        func time() -> Int64 { now - Int64(random.int(0...5)) * 600_000_000 - random.pick([0, 1, -1, 60_000_000]) }
        try store.ingest("profiles", [HistoryRow([.int64(Int64(random.int(0...2)))], at: time(), [.int32(7)])])
        func rows(_ count: Int, _ row: () -> HistoryRow) throws -> [HistoryRow] { (0..<count).map { _ in row() } }
        let visits = try rows(random.int(1...40)) {
            HistoryRow(
                [.string(random.pick(["JFK", "LAX"])), .int64(Int64(random.int(0...2)))],
                at: time(),
                isDeleted: random.oneIn(5),
                [
                    .string(random.pick(["a", "b", "c"])), .float64(Double(random.int(-99...99)) / 7),
                    .int64(Int64(random.int(0...3))), random.oneIn(4) ? .null : .string(random.pick(["a", "b", "é"])),
                ]
            )
        }
        let clicks = try rows(random.int(1...90)) {
            HistoryRow(
                [.int64(Int64(random.int(0...2)))],
                at: time(),
                isDeleted: random.oneIn(6),
                [
                    .int64(Int64(random.int(0...5))),
                    random.oneIn(5) ? .null : .float64(Double(random.int(-99...99)) / 7),
                    .string(random.pick(["u", "v"])),
                ]
            )
        }
        var options = IngestionOptions()
        options.refusesFuture = false
        try store.ingest("visits", visits, options: options)
        try store.ingest("clicks", clicks, options: options)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `a server answers windows from memory as from PostgreSQL, at once`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        for _ in 0..<3 { try Self.extend(store, now, &random) }
        let memory = try Server(store.conninfo, .all)
        let pieces = LargeReplies.Sizes(inlineValuesMax: 0, inlineBytesMax: 0, pieceRows: 2, pieceBytes: 200)
        let piecewise = try Server(store.conninfo, .all, sizes: pieces)
        let database = try Server(store.conninfo, .none)
        for name in ["per_user", "per_place"] {
            #expect(Patience.wait { memory.isResident(name) && piecewise.isResident(name) })
            #expect(!database.isResident(name))
        }
        for round in 0..<6 {
            if round > 0 { try Self.extend(store, now, &random) }
            let head = try store.head()
            for server in [memory, piecewise, database] { server.catchUp(head) }
            for _ in 0..<12 {
                // An hour has passed since some of them, to the microsecond.
                let at = now - Int64(random.int(-6...6)) * 600_000_000 + random.pick([0, 1, -1, 1_000_000])
                guard at <= memory.serving.now() else { continue }
                let (user, origin) = ("\(random.int(0...3))", random.pick(["JFK", "LAX", "NONE"]))
                let asked = [
                    ["FS.GET", "per_user", user, "META", "AT", "\(at)"],
                    ["FS.MGET", "per_place", "3", origin, "LAX", origin, "META", "AT", "\(at)"],
                    ["FS.GET", "per_user", user, "FEATURES", "2", "a", "recent", "AT", "\(at)"],
                    [
                        "FS.SERVE", "board", "KEYS", "3", "origin", "user_id", "dest", "ROWS", "2", origin, user, "JFK",
                        "LAX", "1", origin, "META", "AT", "\(at)",
                    ],
                ]
                for words in asked {
                    let expected = try database.ask(words).text
                    #expect(!expected.hasPrefix("-"), "\(words): \(expected)")
                    for server in [memory, piecewise] {
                        let got = try server.ask(words)
                        #expect(got.text == expected, "seed \(seed), round \(round), \(words)")
                        if got.text != expected { return }
                    }
                }
                let prompt = try memory.ask(["FS.GET", "per_user", user, "AT", "\(at)"])
                #expect(prompt.isPrompt, "seed \(seed), AT \(at)")
            }
            // Now: at one time of their own, which META says.
            for words in [["FS.GET", "per_user", "1", "META"], ["FS.MGET", "per_place", "1", "JFK", "META"]] {
                let got = try memory.ask(words)
                #expect(got.isPrompt)
                let at = try #require(got.text.split(separator: "|").last?.dropFirst())
                // Each server has its own idea of PostgreSQL's clock.
                #expect(Patience.wait { database.serving.now() >= Int64(at) ?? .max })
                #expect(try database.ask(words + ["AT", String(at)]).text == got.text, "seed \(seed), round \(round)")
            }
        }
    }

    @Test func `AT a time whose events are not kept is answered from history`() throws {
        let store = try TestStore(Self.yaml)
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        let old = now - 86_400_000_000 * 30
        let rows = (0..<10).map { row in
            HistoryRow(
                [.int64(1)],
                at: row < 5 ? old - Int64(row) : now - Int64(row),
                [.int64(Int64(row)), .float64(1), .null]
            )
        }
        try store.ingest("clicks", rows)
        let (memory, database) = (try Server(store.conninfo, .all), try Server(store.conninfo, .none))
        for server in [memory, database] { server.catchUp(try store.head()) }
        #expect(Patience.wait { memory.isResident("per_user") })
        let figures = try #require(memory.serving.catalog.view(named: "clicks").events.first).figures
        #expect(figures.events == 5 && figures.keys == 1)
        for at in [old, now, old + 3_600_000_000, now - 1] {
            let words = ["FS.GET", "per_user", "1", "META", "AT", "\(at)"]
            #expect(try memory.ask(words).text == database.ask(words).text)
        }
        #expect(try memory.ask(["FS.GET", "per_user", "1", "AT", "\(now)"]).isPrompt)
        #expect(try !memory.ask(["FS.GET", "per_user", "1", "AT", "\(old)"]).isPrompt)
    }

    @Test func `what memory has no room for is read from PostgreSQL, and FS.WINDOWS tells`() throws {
        let store = try TestStore(Self.yaml)
        var random = SeededRandom(seed: 9)
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        for _ in 0..<3 { try Self.extend(store, now, &random) }
        let memory = try Server(store.conninfo, .all)
        memory.catchUp(try store.head())
        #expect(Patience.wait { memory.isResident("per_user") && memory.isResident("per_place") })
        let told = try memory.ask(["FS.WINDOWS", "per_user"]).text
        let events = try store.session.query(
            "SELECT count(*) FROM history.clicks h WHERE \(try store.view("clicks").isInForce("h"))"
        ).int64(0, 0)
        #expect(told.hasPrefix("%10|$2|of|$6|clicks|$8|resident|#t|$6|absent|_|$4|keys|:"), "\(told)")
        #expect(told.contains("|$6|events|:\(events ?? -1)|") && told.contains("|$7|scanned|:1|"), "\(told)")
        #expect(told.contains("|$2|lo|$19|min(x) over 1h|") || told.contains("min(x) over 1h"), "\(told)")
        #expect(try memory.ask(["FS.WINDOWS"]).text.hasPrefix("%2|$9|per_place|"))
        #expect(try memory.ask(["FS.WINDOWS", "clicks"]).text.hasPrefix("-FSNOVIEW view 'clicks' has no windows"))
        #expect(memory.serving.totals.events > 0 && memory.serving.totals.eventBytes > 0)

        var options = ServingOptions()
        options.keepsEvents = true
        options.memoryBytesMax = memory.serving.totals.bytes - memory.serving.totals.eventBytes + 1_000
        let serving = Serving(conninfo: store.conninfo, options: options)
        serving.start()
        defer { serving.stop() }
        let isLoaded = Patience.wait { !serving.state.isLoading }
        #expect(isLoaded && serving.totals.events == 0 && serving.totals.residentViews == 3)
    }

    @Test func `windows with very many events do not hold up others, and are what PostgreSQL's are`() throws {
        let store = try TestStore(Self.yaml)
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        func clicks(_ user: Int64, _ count: Int) -> [HistoryRow] {
            (0..<count).map { row in
                HistoryRow(
                    [.int64(user)],
                    at: now - 600_000_000 - Int64(row % 977),
                    [.int64(Int64(row)), .float64(Double(row % 13)), .string("u")]
                )
            }
        }
        let bound = ReadingLimits.windowEventsMax
        // Of one key more than pass by at once; of others together.
        try store.ingest("clicks", clicks(1, bound + 1) + (2...9).flatMap { clicks(Int64($0), bound / 4) })
        let (memory, database) = (try Server(store.conninfo, .all), try Server(store.conninfo, .none))
        for server in [memory, database] { server.catchUp(try store.head()) }
        #expect(Patience.wait { memory.isResident("per_user") })
        let users = (1...9).map(\.description)
        for (words, isPrompt) in [
            (["FS.GET", "per_user", "2"], true), (["FS.GET", "per_user", "1"], false),
            (["FS.MGET", "per_user", "2"] + users[1...2], true), (["FS.MGET", "per_user", "8"] + users[1...], false),
            (["FS.MGET", "per_user", "9"] + users, false),
            (["FS.SERVE", "board", "KEYS", "3", "user_id", "dest", "origin", "ROWS", "1", "1", "a", "b"], false),
        ] as [([String], Bool)] {
            let got = try memory.ask(words + ["META"])
            #expect(got.isPrompt == isPrompt, "\(words)")
            let at = try #require(got.text.split(separator: "|").last?.dropFirst()).description
            let expected = try database.ask(
                words + ["META"],
                at: try store.head().position,
                time: try #require(Int64(at))
            )
            #expect(got.text == expected, "\(words)")
        }
    }
}
