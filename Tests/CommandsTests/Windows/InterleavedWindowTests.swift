import Dispatch
import Features
import Foundation
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

/// Windows in memory while everything happens at once: a server's own commits and another one's, late events, corrections,
/// deletions, forgotten keys, new windows, and readers, each on a thread of its own.
@Suite struct InterleavedWindowTests {
    private static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          profiles: { entities: [user], features: { age: int64 } }
          clicks: { entities: [user], events: { id: click }, features: { click: int64, x: float64, tag: string } }
          per_user:
            entities: [user]
            windows:
              of: clicks
              features:
                n: count over lifetime
                s: sum(x) over lifetime
                hour: count over 1h
                lo: min(x) over 2h where x > 1
                tags: top(tag, 2) over 1h
                recent: last(tag, 3) over lifetime
                kinds: distinct(tag) over 2h
        services:
          board: [per_user.*, profiles.age]
        """

    /// Events of which the values add up to nothing, and which come, change and go together, and with a profile.
    private struct Pair {
        let user: Int64
        let times: [Int64]
        let ids: [Int64]
    }

    private static func rows(_ pair: Pair, _ x: Double?, _ tag: String) -> [HistoryRow] {
        (0..<2).map { place in
            HistoryRow(
                [.int64(pair.user)],
                at: pair.times[place],
                isDeleted: x == nil,
                [.int64(pair.ids[place]), x.map { .float64(place == 0 ? $0 : -$0) } ?? .null, .string(tag)]
            )
        }
    }

    /// Commits at random, one after the other.
    private static func write(
        _ writer: GroupWriter,
        _ views: (clicks: StoredView, profiles: StoredView),
        _ number: Int64,
        commits: Int,
        now: Int64,
        seed: UInt64
    ) {
        var random = SeededRandom(seed: seed)
        var pairs: [Pair] = []
        var next = number
        for commit in 0..<commits {
            var rows: [HistoryRow] = []
            for _ in 0..<random.pick([1, 1, 3, 200]) {
                let user = Int64(random.int(1...2))
                if !pairs.isEmpty, random.oneIn(3) {
                    // Corrected, or deleted; perhaps it was before.
                    let x = random.oneIn(2) ? nil : Double(random.int(1...9))
                    rows += Self.rows(random.pick(pairs), x, random.pick(["a", "b", "c"]))
                    continue
                }
                let times = (0..<2).map { _ in now - Int64(random.int(0...100)) * 60_000_000 }
                let pair = Pair(user: user, times: times, ids: [next, next + 2])
                next += 4
                pairs.append(pair)
                rows += Self.rows(pair, Double(random.int(1...9)), random.pick(["a", "b", "c"]))
            }
            // Of one commit the last row of an event counts.
            let ages = (1...2).map { HistoryRow([.int64($0)], at: now, [.int64(Int64(commit) * 2 + number)]) }
            let parts = [
                RowWrite.Part(view: views.clicks, rows: TestStore.viewRows(rows, views.clicks)),
                RowWrite.Part(view: views.profiles, rows: TestStore.viewRows(ages, views.profiles)),
            ]
            let done = DispatchSemaphore(value: 0)
            let write = RowWrite([RowWrite.Item(parts: parts, source: nil)])
            writer.submit(WriteJob(write) { _ in done.signal() }, client: 1)
            done.wait()
        }
    }

    private struct Reply: Sendable {
        let words: [String]
        let text: String
    }

    private static func integer(_ text: String, behind mark: String) -> Int64? {
        guard let range = text.range(of: mark) else { return nil }
        return Int64(text[range.upperBound...].prefix { $0 != "|" })
    }

    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func `each reply is of one position, and of the one that it tells`(seed: UInt64) throws {
        let store = try TestStore(Self.yaml)
        let now = try store.session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        let views = (clicks: try store.view("clicks"), profiles: try store.view("profiles"))
        let forgotten = (10...13).flatMap { user in
            Self.rows(Pair(user: Int64(user), times: [now, now - 1], ids: [-1, -2]), 5, "a")
        }
        try store.ingest("clicks", forgotten)
        let pieces = LargeReplies.Sizes(inlineValuesMax: 0, inlineBytesMax: 0, pieceRows: 1, pieceBytes: 50)
        let memory = try WindowServer(store.conninfo, .all)
        let piecewise = FeatureReads(.init(memory.serving), pieces)
        let other = try WindowServer(store.conninfo, .all)
        let database = try WindowServer(store.conninfo, .none)
        #expect(Patience.wait { memory.isResident("per_user") })

        let isDone = Atomic(false)
        let told = Mutex<[Reply]>([])
        let promptCount = Mutex(0)
        let writers = [memory, other].map { GroupWriter(into: $0.serving) }
        for writer in writers { writer.start() }
        let writing = DispatchGroup()
        let reading = DispatchGroup()
        for (place, writer) in writers.enumerated() {
            Thread.detach(writing) {
                let seed = seed * 10 + UInt64(place)
                Self.write(writer, views, Int64(place), commits: 50, now: now, seed: seed)
            }
        }
        for reader in 0..<3 {
            Thread.detach(reading) {
                var random = SeededRandom(seed: seed * 100 + UInt64(reader))
                let engine = reader == 2 ? Engine(reads: piecewise) : memory.engine
                while !isDone.load(ordering: .relaxed) {
                    let user = "\(random.int(1...2))"
                    let words = random.pick([
                        ["FS.GET", "per_user", user, "META"], ["FS.MGET", "per_user", "3", "1", "2", "1", "META"],
                        ["FS.SERVE", "board", "KEYS", "1", "user_id", "ROWS", "2", "1", "2", "META"],
                        ["FS.GET", "per_user", user],
                    ])
                    guard let got = try? WindowServer.ask(words, engine) else {
                        Issue.record("seed \(seed): no answer to \(words)")
                        return
                    }
                    if got.isPrompt { promptCount.withLock { $0 += 1 } }
                    // PostgreSQL was too slow for it.
                    if got.text.contains("-FSTIMEOUT") { continue }
                    if words.last == "META" {
                        let reply = Reply(words: words, text: got.text)
                        if random.oneIn(4) { told.withLock { $0.append(reply) } }
                    } else {
                        // Nobody sees half a commit.
                        let count = Self.integer(got.text, behind: "|$1|n|:") ?? -1
                        let isWhole = count >= 0 && count % 2 == 0
                        let isSum = got.text.contains("|$1|s|,0|") || count == 0
                        #expect(isWhole && isSum, "seed \(seed): \(got.text)")
                    }
                }
            }
        }
        // Meanwhile keys are forgotten, and windows come.
        for user in 10...12 {
            try store.forget("user", "\(user)")
            Patience.pass(microseconds: 50_000, "readers come between")
        }
        try store.apply(
            Self.yaml.replacing(
                "services:",
                with:
                    "  more: { entities: [user], windows: { of: clicks, features: { m: max(x) over 2h } } }\nservices:"
            )
        )
        try store.forget("user", "13")
        writing.wait()
        isDone.store(true, ordering: .relaxed)
        reading.wait()
        for writer in writers { writer.stop() }
        // And at the end, which memory has.
        memory.catchUp(try store.head())
        #expect(Patience.wait { memory.isResident("per_user") && memory.isResident("more") })
        for words in [["FS.GET", "per_user", "1", "META"], ["FS.GET", "per_user", "13", "META"]] {
            let got = try memory.ask(words)
            #expect(got.isPrompt)
            told.withLock { $0.append(Reply(words: words, text: got.text)) }
        }
        database.catchUp(try store.head())
        let replies = told.withLock { $0 }
        // A build that checks threads answers a tenth of them.
        #expect(replies.count > 4 && promptCount.withLock { $0 } > 1)
        for reply in replies.shuffled().prefix(200) + replies.suffix(2) {
            let position = try #require(Self.integer(reply.text, behind: "|position|:"), "\(reply.text)")
            let time = try #require(reply.text.split(separator: "|").last?.dropFirst()).description
            let expected = try database.ask(reply.words, at: position, time: try #require(Int64(time)))
            #expect(reply.text == expected, "seed \(seed), \(reply.words), position \(position)")
            if reply.text != expected { return }
        }
    }
}

extension Thread {
    static func detach(_ group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
        group.enter()
        Thread.detachNewThread {
            body()
            group.leave()
        }
    }
}

/// A server that answers commands, with its events in memory or without.
final class WindowServer: Sendable {
    let serving: Serving
    let engine: Engine

    init(
        _ conninfo: String,
        _ resident: ServingOptions.Residency,
        sizes: LargeReplies.Sizes = .init(),
        eventsMax: Int = ServingLimits.residentEventsMax
    ) throws {
        var options = ServingOptions()
        options.resident = resident
        options.keepsEvents = true
        options.eventsMax = eventsMax
        serving = Serving(conninfo: conninfo, options: options)
        engine = Engine(reads: FeatureReads(.init(serving), sizes))
        serving.start()
        let isLoaded = Patience.wait { [serving] in !serving.state.isLoading }
        try #require(isLoaded)
    }

    deinit { serving.stop() }

    func catchUp(_ head: LedgerState) { #expect(Patience.wait { self.serving.state.reached == head }) }

    func isResident(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        let catalog = serving.catalog
        let view = catalog.readableView(named: bytes.span)
        return view?.resident?.events.isReady == true
    }

    /// - Returns: the reply, and whether it came at once.
    func ask(_ words: [String]) throws -> (text: String, isPrompt: Bool) { try Self.ask(words, engine) }

    /// What a server without events in memory answers that is at a position, at a time, µs.
    func ask(_ words: [String], at position: Int64, time: Int64) throws -> String {
        let serving = serving
        let source = FeatureReads.Source(
            catalog: { serving.catalog },
            position: { position },
            now: { time },
            whenReached: { serving.whenReached($0, timeoutMs: $1, finish: $2) },
            fetch: { serving.fetch($0, keys: $1, finish: $2) },
            fetchHistory: { serving.fetch($0, keys: $1, at: $2, position: $3, finish: $4) }
        )
        return try Self.ask(words, Engine(reads: FeatureReads(source))).text
    }

    /// Asks again where PostgreSQL takes longer than a read may, as it does on a busy machine.
    static func ask(_ words: [String], _ engine: Engine) throws -> (text: String, isPrompt: Bool) {
        for _ in 0..<20 {
            let answer = try askOnce(words, engine)
            if !answer.text.hasPrefix("-FSTIMEOUT") { return answer }
        }
        return try askOnce(words, engine)
    }

    /// - Parameter isTogether: as within EXEC.
    static func askOnce(
        _ words: [String],
        _ engine: Engine,
        isTogether: Bool = false
    ) throws -> (text: String, isPrompt: Bool) {
        let command = try #require(CommandTable.all.command(words[0]))
        let asked = engine.ask(command, words.map { Array($0.utf8) }, isTogether: isTogether)
        let (bytes, isPrompt) = try #require(asked)
        return (String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "|"), isPrompt)
    }
}
