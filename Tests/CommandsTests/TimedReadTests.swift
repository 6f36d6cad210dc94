import Dispatch
import Features
import Glibc
import NIOCore
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
@testable import TrainingSets

/// What a server answers now and AT a time, against the set that `--served` exports for the same moments.
@Suite struct TimedReadTests {
    private typealias Reply = Wire.Reply

    private static let yaml = """
        entities: { user: { key: user_id, type: int64 }, place: { key: origin, type: string } }
        views:
          stats: { entities: [user], ttl: 40s, delay: 7s, features: { n: int64, x: float64, name: string } }
          weather: { entities: [place], strict: true, features: { temp: float32, v: vector(2) } }
          rates: { entities: [], features: { rate: float64 } }
        services:
          model:
            - stats.*
            - { request: add, type: float64 }
            - { derive: sum, from: "stats.x + add + rates.rate" }
            - { view: weather, as: there, keys: { origin: dest }, features: [temp, v] }
            - weather.temp
            - { derive: age, from: "extract(epoch from label_time - there._event_time)" }
            - { derive: both, from: "derive_note || ':' || dest" }
            - { request: derive_note, type: string }
            - { derive: bad, from: "1 / (stats.n % 3)" }
          fields: [{ request: add, type: float64 }, { derive: twice, from: "add * 2" }]
        """

    /// A server's memories over a test store, with the commands that read them.
    private final class Fixture {
        let store: TestStore
        let serving: Serving
        let engine: Engine
        let now: Int64
        /// Of the columns of `model`.
        let types: [FeatureType]

        init(resident: ServingOptions.Residency, seed: UInt64, sizes: LargeReplies.Sizes = .init()) throws {
            store = try TestStore(TimedReadTests.yaml)
            types = store.registry.definitions.service(named: "model")?.columns.map(\.type) ?? []
            now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
            var options = ServingOptions()
            options.resident = resident
            serving = Serving(conninfo: store.conninfo, options: options)
            engine = Engine(reads: FeatureReads(.init(serving), sizes))
            var random = SeededRandom(seed: seed)
            for _ in 0..<4 { try extend(&random) }
            serving.start()
            let isLoaded = Patience.wait { [serving] in !serving.state.isLoading }
            try #require(isLoaded)
        }

        deinit { serving.stop() }

        func extend(_ random: inout SeededRandom) throws {
            func time() -> Int64 { now - Int64(random.int(0...100)) * 1_000_000 }
            try store.ingest(
                "stats",
                (0..<random.int(1...12)).map { _ in
                    HistoryRow(
                        [.int64(Int64(random.int(0...4)))],
                        at: time(),
                        isDeleted: random.oneIn(6),
                        [
                            random.oneIn(5) ? .null : .int64(Int64(random.int(0...9))),
                            .float64(Double(random.int(0...99)) / 4), .string("n\(random.int(0...9))"),
                        ]
                    )
                }
            )
            try store.ingest(
                "weather",
                (0..<random.int(1...12)).map { _ in
                    HistoryRow(
                        [.string(random.pick(["JFK", "LAX", "SFO"]))],
                        at: time(),
                        isDeleted: random.oneIn(8),
                        [.float32(Float(random.int(0...99)) / 4), .vector([1, Float(random.int(0...9))])]
                    )
                }
            )
            try store.ingest("rates", [HistoryRow([], at: time(), [.float64(Double(random.int(1...9)))])])
        }

        func ask(_ words: [String]) throws -> Wire.Reply {
            let command = try #require(CommandTable.all.command(words[0]))
            let bytes = try #require(engine.ask(command, words.map { Array($0.utf8) })).bytes
            var decoder = ReplyDecoder()
            decoder.append(bytes)
            return try #require(try decoder.next())
        }
    }

    private struct Request {
        var user: Int64
        var origin: String
        var dest: String
        var add: Double?
        var note: String
        var at: Int64?
    }

    /// The same rows as a set that is exported as a server reads.
    private static func exported(
        _ service: String,
        _ answer: Answer,
        _ store: TestStore,
        _ engine: JoinEngine
    ) throws -> [[Value]] {
        let (requests, time, position) = (answer.requests, answer.time, answer.position)
        func column(_ type: FeatureType, _ value: (Request) -> Value) -> Column {
            Column(type: type, requests.map(value))
        }
        let spine = ColumnBatch(
            names: ["user_id", "origin", "dest", "add", "derive_note", "time", "at"],
            columns: [
                column(.int64) { .int64($0.user) }, column(.string) { .string($0.origin) },
                column(.string) { .string($0.dest) },
                column(.float64) { $0.add.map { .float64($0) } ?? .null }, column(.string) { .string($0.note) },
                column(.timestamp) { _ in .timestamp(Timestamp(microseconds: time)) },
                column(.timestamp) { $0.at.map { .timestamp(Timestamp(microseconds: $0)) } ?? .null },
            ],
            rowCount: requests.count
        )
        let set = try store.export(
            service,
            spine: spine,
            labelTime: "time",
            state: try Ledger(store.session).state(at: position),
            isServed: true,
            atColumn: "at",
            engine: EngineRequest(engine)
        )
        return (0..<requests.count).map { row in set.batch.columns.dropFirst(7).map { $0.value(row) } }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64], [.all, .none, .views(["stats"])] as [ServingOptions.Residency])
    func `what a server answers is what --served exports, value by value, now and AT a time`(
        seed: UInt64,
        resident: ServingOptions.Residency
    ) throws {
        // Half of them in pieces beside the event loop.
        let pieces = LargeReplies.Sizes(
            inlineValuesMax: 0,
            inlineNumbersMax: 0,
            inlineBytesMax: 0,
            inlineArgumentsMax: 0,
            pieceRows: 2,
            pieceBytes: 200
        )
        let fixture = try Fixture(resident: resident, seed: seed, sizes: seed % 2 == 0 ? pieces : .init())
        var random = SeededRandom(seed: seed &* 77)
        for turn in 0..<12 {
            if turn % 4 == 3 { try fixture.extend(&random) }
            let head = try fixture.store.head()
            #expect(Patience.wait { fixture.serving.state.reached == head })
            let at = turn % 2 == 0 ? nil : fixture.now - Int64(random.int(0...100_000_000))
            let answer = try Self.answer(fixture, at: at, &random)
            #expect(answer.position == head.position)
            if let at { #expect(answer.time == at) }
            for engine in [JoinEngine.probe, .scan] {
                let expected = try Self.exported("model", answer, fixture.store, engine)
                #expect(answer.rows == expected, "seed \(seed), turn \(turn), \(engine), at \(String(describing: at))")
            }
        }
    }

    @Test(arguments: [1, 2] as [UInt64], [.all, .none] as [ServingOptions.Residency])
    func `so it is while others write, at the position that each reply tells`(
        seed: UInt64,
        resident: ServingOptions.Residency
    ) throws {
        let fixture = try Fixture(resident: resident, seed: seed)
        // Safe: until the writer has ended, nobody else uses the fixture's store.
        nonisolated(unsafe) let writing = fixture
        let isOver = Atomic(false)
        let ended = DispatchSemaphore(value: 0)
        let failure = Mutex<String?>(nil)
        DispatchQueue.global().async {
            var random = SeededRandom(seed: seed &+ 1_000)
            do {
                while !isOver.load(ordering: .relaxed) { try writing.extend(&random) }
            } catch {
                failure.withLock { $0 = "\(error)" }
            }
            ended.signal()
        }
        var random = SeededRandom(seed: seed &* 131)
        var answers: [Answer] = []
        // Until some positions have passed by, however slow the writer is.
        let deadline = ContinuousClock.now + .seconds(60)
        var positions: Set<Int64> = []
        for turn in 0... {
            guard answers.count < 60 || positions.count <= 5, ContinuousClock.now < deadline else { break }
            // Rows that are fetched without an AT may be newer than the position.
            let isTimed = turn % 2 == 0 || resident == .none
            let at = isTimed ? fixture.now - Int64(random.int(0...100_000_000)) : nil
            let answer = try Self.answer(fixture, at: at, &random)
            if positions.insert(answer.position).inserted || answers.count < 60 {
                answers.append(answer)
            } else {
                Patience.pass(microseconds: 1_000, "the pace of a reader that waits for further positions")
            }
        }
        isOver.store(true, ordering: .relaxed)
        ended.wait()
        #expect(failure.withLock { $0 } == nil)
        #expect(positions.count > 5)
        for (turn, answer) in answers.enumerated() {
            let expected = try Self.exported("model", answer, fixture.store, .probe)
            #expect(answer.rows == expected, "seed \(seed), turn \(turn), position \(answer.position)")
        }
    }

    /// What a server answered to some requests.
    private struct Answer {
        var requests: [Request]
        var time: Int64
        var position: Int64
        var rows: [[Value]]
    }

    private static func answer(_ fixture: Fixture, at: Int64?, _ random: inout SeededRandom) throws -> Answer {
        let requests = (0..<random.int(1...9)).map { index in
            Request(
                user: Int64(random.int(0...5)),
                origin: random.pick(["JFK", "LAX", "SFO", "XXX"]),
                dest: random.pick(["JFK", "LAX", "SFO"]),
                add: random.oneIn(4) ? nil : Double(random.int(0...9)) / 2,
                note: index == 0 ? "" : "note",
                at: at
            )
        }
        var words = ["FS.SERVE", "model", "KEYS", "5", "user_id", "dest", "add", "origin", "derive_note"]
        words += ["ROWS", "\(requests.count)"]
        for request in requests {
            let add = request.add.map { "\($0)" } ?? ""
            words += ["\(request.user)", request.dest, add, request.origin, request.note]
        }
        let reply = try fixture.ask(words + ["META"] + (at.map { ["AT", "\($0)"] } ?? []))
        return Answer(
            requests: requests,
            time: try #require(reply["at"]?.int64, "\(reply)"),
            position: try #require(reply["position"]?.int64),
            rows: try #require(reply["rows"]?.elements).map { row in
                try zip(#require(row.elements), fixture.types).map { try value($0, $1) }
            }
        )
    }

    private static func value(_ reply: Reply, _ type: FeatureType) throws -> Value {
        switch (type, reply) {
        case (_, .null): return .null
        case (.int64, .integer(let value)): return .int64(value)
        case (.int32, .integer(let value)): return .int32(Int32(value))
        case (.float64, .double(let value)): return .float64(value)
        case (.float32, .double(let value)): return .float32(Float(value))
        case (.string, .bulk): return .string(reply.string ?? "")
        case (.vector, .bulk(let bytes)):
            return .vector(
                bytes.withUnsafeBytes { bytes in
                    (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
                }
            )
        default: throw Surprise(text: "\(type.text): \(reply)")
        }
    }

    private struct Surprise: Error { let text: String }

    @Test(arguments: [.all, .none] as [ServingOptions.Residency])
    func `AT rounds a finer time down, and takes no seconds for microseconds`(resident: ServingOptions.Residency) throws
    {
        let fixture = try Fixture(resident: resident, seed: 5)
        let start = 1_767_225_600_000_000 as Int64
        for n in 0..<3 as Range<Int64> {
            let row = HistoryRow([.int64(99)], at: start + n, [.int64(n), .float64(0), .string("")])
            try fixture.store.ingest("stats", [row])
        }
        let head = try fixture.store.head()
        #expect(Patience.wait { fixture.serving.state.reached == head })
        let reads: [(command: [String], path: (Reply) -> Reply?)] = [
            (["FS.GET", "stats", "99", "FEATURES", "1", "n"], { $0["n"] }),
            (["FS.MGET", "stats", "1", "99", "FEATURES", "1", "n"], { $0.elements?.first?.elements?.first }),
        ]
        for (command, path) in reads {
            for (time, n) in [(".0000009", 0), (".000001", 1), (".0000019999", 1), (".00000200000001", 2)] {
                let reply = try fixture.ask(command + ["AT", "2026-01-01T00:00:00\(time)Z"])
                #expect(path(reply) == .integer(Int64(n)), "\(command) AT \(time): \(reply)")
            }
            // There is no ALLOW1970 here: the text of a time is always taken.
            let early = "\(try fixture.ask(command + ["AT", "1767225600"]))"
            #expect(early.contains("FSTIME") && early.contains("first 100 days of 1970"), "\(early)")
            #expect(early.contains("write it as RFC 3339"), "\(early)")
            let text = try fixture.ask(command + ["AT", "1970-01-21T10:53:45Z"])
            #expect(path(text) == .null, "\(text)")
        }
    }

    @Test func `a delay and strictness count in a plain export and not in what is served`() throws {
        let store = try TestStore(Self.yaml)
        let time: Int64 = 1_700_000_000_000_000
        try store.ingest("stats", [HistoryRow([.int64(1)], at: time - 1, [.int64(1), .float64(2), .string("x")])])
        try store.ingest("weather", [HistoryRow([.string("JFK")], at: time, [.float32(3), .vector([1, 2])])])
        try store.ingest("rates", [HistoryRow([], at: time + 60_000_000, [.float64(4)])])
        let spine = ColumnBatch(
            names: ["user_id", "origin", "t"],
            columns: [
                Column(type: .int64, [.int64(1)]), Column(type: .string, [.string("JFK")]),
                Column(type: .timestamp, values: .int64([time])),
            ],
            rowCount: 1
        )
        func values(_ isServed: Bool, _ engine: JoinEngine) throws -> [Value] {
            try store.export(
                "stats.n,weather.temp,rates.rate",
                spine: spine,
                labelTime: "t",
                isServed: isServed,
                engine: EngineRequest(engine)
            ).features(0, of: 3)
        }
        for engine in [JoinEngine.probe, .scan] {
            #expect(try values(false, engine) == [.null, .null, .null])
            // Also what is of a later event time: a server has no look at the clock for it.
            #expect(try values(true, engine) == [.int64(1), .float32(3), .float64(4)])
        }
    }

    @Test(arguments: [.all, .none] as [ServingOptions.Residency])
    func `AT reads older rows from history, and what is newest from memory`(resident: ServingOptions.Residency) throws {
        let fixture = try Fixture(resident: resident, seed: 5)
        let now = fixture.now
        try fixture.store.ingest(
            "weather",
            [
                HistoryRow([.string("OLD")], at: now - 50_000_000, [.float32(1), .null]),
                HistoryRow([.string("OLD")], at: now - 10_000_000, [.float32(2), .null]),
            ]
        )
        let head = try fixture.store.head()
        #expect(Patience.wait { fixture.serving.state.reached == head })
        func temp(_ at: Int64?) throws -> Reply? {
            try fixture.ask(
                ["FS.GET", "weather", "OLD", "FEATURES", "1", "temp"] + (at.map { ["AT", "\($0)"] } ?? [])
            )["temp"]
        }
        #expect(try temp(nil) == .double(2))
        #expect(try temp(now - 10_000_000) == .double(2))
        #expect(try temp(now - 10_000_001) == .double(1))
        #expect(try temp(now - 50_000_001) == .null)
        let rows = try fixture.ask(
            ["FS.MGET", "weather", "2", "OLD", "NONE", "FEATURES", "1", "temp", "AT", "\(now - 20_000_000)"]
        )
        #expect(rows == .array([.array([.double(1)]), .array([.null])]))
        let refused = try fixture.ask(["FS.GET", "weather", "OLD", "AT", "\(now + 3_600_000_000)"])
        guard case .error(let text) = refused else {
            Issue.record("\(refused)")
            return
        }
        #expect(text.hasPrefix("FSTIME AT "))
    }
}
