import Dispatch
import Features
import Foundation
import Metrics
import NIOCore
import PointInTime
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Reading
@testable import Serving
@testable import Store

/// FS.FRESHNESS, FS.STATS, INFO's sections, DBSIZE and MEMORY USAGE over a real store.
@Suite struct ObservingCommandTests {
    private final class ObservedStore {
        let store: TestStore
        let serving: Serving
        let engine: Engine

        init(_ options: ServingOptions = ServingOptions()) throws {
            store = try TestStore(
                """
                entities:
                  user: { key: user_id, type: int64 }
                  place: { key: origin, type: string }
                views:
                  stats: { entities: [user], ttl: 1d, features: { n: int64, note: string } }
                  weather: { entities: [place], features: { temp: float64 } }
                  archive: { entities: [user], online: false, features: { m: int64 } }
                """
            )
            serving = Serving(conninfo: store.conninfo, options: options)
            serving.start()
            let serving = serving
            let isLoaded = Patience.wait { !serving.state.isLoading }
            try #require(isLoaded)
            let reads = FeatureReads(FeatureReads.Source(serving))
            engine = Engine(hooks: EngineHooks(observing: serving, reads), reads: reads, serving: serving)
        }

        deinit { serving.stop() }

        func text(_ words: String...) -> String {
            guard let command = CommandTable.all.command(words[0]) else { return "no command" }
            var context = CommandContext(
                reply: ReplyWriter(version: .resp3),
                client: ClientState(id: 1, isAuthenticated: true),
                engine: engine
            )
            var bytes: [UInt8] = []
            var ranges: [Range<Int>] = []
            for word in words {
                ranges.append(bytes.count..<bytes.count + word.utf8.count)
                bytes += word.utf8
            }
            switch command.run(&context, Arguments(bytes: bytes.span, ranges: ranges.span)) {
            case .replied, .closed, .transaction: return Self.text(context.reply)
            case .deferred(let deferred):
                let later = Mutex<String?>(nil)
                deferred.start { body in
                    var writer = ReplyWriter(version: .resp3)
                    body(&writer)
                    later.withLock { $0 = Self.text(writer) }
                }
                _ = Patience.wait { later.withLock { $0 != nil } }
                return later.withLock { $0 } ?? "no reply"
            }
        }

        private static func text(_ reply: ReplyWriter) -> String {
            String(decoding: reply.buffer.readableBytesView, as: UTF8.self).replacing("\r\n", with: "|")
        }

        func catchUp() throws {
            let head = try store.head()
            #expect(Patience.wait { serving.state.reached == head })
        }
    }

    /// The values of the map that a reply begins with, by key.
    private static func map(_ reply: String) -> [String: String] {
        var map: [String: String] = [:]
        var parts = reply.split(separator: "|").dropFirst().makeIterator()
        while let length = parts.next(), length.hasPrefix("$"), let key = parts.next(), let value = parts.next() {
            if map[String(key)] == nil { map[String(key)] = String(value) }
        }
        return map
    }

    @Test func `freshness is told of all views, a view, and an entity`() throws {
        let observed = try ObservedStore()
        let now = observed.serving.now()
        let time = now - 5_000_000
        try observed.store.ingest("stats", [HistoryRow([.int64(1)], at: time - 7, [.int64(1), .null])])
        try observed.store.ingest("stats", [HistoryRow([.int64(2)], at: time, [.int64(2), .null])])
        try observed.store.ingest("weather", [HistoryRow([.string("JFK")], at: time - 1, [.float64(1)])])
        try observed.catchUp()
        let head = try observed.store.head()
        let view = Self.map(observed.text("fs.freshness", "stats"))
        #expect(view["event_time"] == ":\(time)" && view["position"] == ":\(head.position - 1)")
        #expect(
            view["served_position"] == ":\(head.position)" && view["lag_positions"] == ":0" && view["lag_us"] == ":0"
        )
        let age = try #require(view["age_us"].flatMap { Int64($0.dropFirst()) })
        #expect(age >= 5_000_000 && age < 60_000_000)
        let entity = Self.map(observed.text("fs.freshness", "stats", "1"))
        #expect(entity["event_time"] == ":\(time - 7)" && entity["position"] == ":\(head.position - 2)")
        let committed = try Ledger(observed.store.session).state(at: head.position - 2).committedAt
        #expect(entity["committed_at"] == committed.map { ":\($0)" })
        #expect(Self.map(observed.text("fs.freshness", "weather", "JFK"))["position"] == ":\(head.position)")
        let absent = Self.map(observed.text("fs.freshness", "stats", "77"))
        #expect(absent["event_time"] == "_" && absent["committed_at"] == "_" && absent["age_us"] == "_")
        let all = observed.text("fs.freshness")
        #expect(all.hasPrefix("%3|$7|archive|%7|$10|event_time|_|") && all.contains("$5|stats|%7|"))
        #expect(observed.text("fs.freshness", "nothing").hasPrefix("-FSNOVIEW"))
        #expect(observed.text("fs.freshness", "archive", "1").hasPrefix("-FSNOVIEW view 'archive' has online: false"))
        #expect(observed.text("fs.freshness", "stats", "x").hasPrefix("-FSENTITY"))
        #expect(observed.text("fs.freshness", "stats", "1", "2").hasPrefix("-ERR wrong number of arguments"))
    }

    @Test func `statistics count rows, memory and what reads found`() throws {
        let observed = try ObservedStore()
        let now = observed.serving.now()
        let view = try observed.store.view("stats")
        let rows = [
            HistoryRow([.int64(1)], at: now, [.int64(1), .string(String(repeating: "x", count: 100))]),
            HistoryRow([.int64(2)], at: now - 90_000_000_000, [.int64(2), .null]),
            HistoryRow([.int64(3)], at: now, isDeleted: true, [.null, .null]),
        ]
        try observed.store.ingest("stats", rows)
        try observed.catchUp()
        for entity in ["1", "1", "2", "3", "4"] { _ = observed.text("fs.get", "stats", entity) }
        // An own commit, older than what is there.
        let late = TestStore.viewRows([HistoryRow([.int64(1)], at: now - 1, [.int64(0), .null])], view)
        let transaction = try WriteTransaction(session: observed.store.session, views: [view])
        _ = try transaction.write(late, to: view)
        observed.serving.apply([(view, late)], state: try transaction.commit())
        let text = observed.text("fs.stats")
        #expect(text.hasPrefix("%3|$7|archive|%12|$8|resident|#f|$4|rows|_|"))
        let start = try #require(text.range(of: "$5|stats|"))
        let stats = Self.map(String(text[start.upperBound...]))
        #expect(stats["resident"] == "#t" && stats["rows"] == ":3" && stats["tombstones"] == ":1")
        #expect(stats["hits"] == ":2" && stats["misses"] == ":2" && stats["expired"] == ":1")
        let bytes = try #require(stats["bytes"].flatMap { Int($0.dropFirst()) })
        #expect(bytes > 100 && bytes < 1 << 20)
        // The follower may have seen the commit first.
        #expect(stats["late"] == ":1" || stats["late"] == ":0")

        let info = observed.text("info", "asof", "postgres")
        #expect(info.contains("|entities:2|") && info.contains("|tombstones:1|") && info.contains("|hits:2|"))
        #expect(
            info.contains("|position:\(observed.serving.state.reached.position)|") && info.contains("|lag_positions:0|")
        )
        #expect(Patience.wait { observed.text("info", "postgres").contains("|status:up|") })
        #expect(observed.text("dbsize") == ":2|")
        let used = Int(observed.text("memory|usage", "", "stats:1").dropFirst().dropLast()) ?? 0
        #expect(used >= 140 && used < 1_000)
    }
}
