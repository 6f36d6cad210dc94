import Features
import NIOCore
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Reading
@testable import Serving

/// What META says of the position, while commits are applied and definitions change.
@Suite struct ReplyPositionTests {
    /// A source over other stores' catalogs that counts how often it is asked.
    final class Source: Sendable {
        let counts = Mutex(0)
        let catalogs = Mutex(0)
        let waits = Mutex(0)

        func reads(
            _ stores: [ServedStore],
            changeCount: @escaping @Sendable (_ call: Int) -> UInt64?
        ) -> FeatureReads {
            let catalogs = stores.map(\.catalog)
            return FeatureReads(
                FeatureReads.Source(
                    catalog: { [self] in
                        let call = self.catalogs.withLock { count in
                            count += 1
                            return count
                        }
                        return catalogs[min(call, catalogs.count) - 1]
                    },
                    position: { 9 },
                    changeCount: { [self] in
                        changeCount(
                            counts.withLock { count in
                                count += 1
                                return count
                            }
                        )
                    },
                    now: { 1_000 },
                    whenReached: { [self] _, _, finish in
                        waits.withLock { $0 += 1 }
                        finish(.reached)
                    },
                    fetch: { _, _, finish in finish(.failure(.unavailable(reason: "none"))) }
                )
            )
        }
    }

    static func store(_ value: Double) throws -> ServedStore {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { v: { entities: [user], features: { a: float64 } } }
            """
        )
        try store.add("v", [HistoryRow([.int64(1)], at: 5, [.float64(value)])])
        return store
    }

    static let reply =
        "%6|$6|values|%1|$1|a|,2|$6|status|%1|$1|a|$7|present|$10|event_time|:5|$8|position|:9|"
        + "$5|rules|$29|asof-rules-1:a9937c78b13f15e1|$2|at|:1000|"

    @Test func `a commit that is being applied is waited out, and nothing is written twice`() throws {
        let source = Source()
        let store = try Self.store(2)
        let reads = source.reads([store]) { call in call < 8 ? nil : 4 }
        #expect(store.text("FS.GET v 1 META", reads: reads) == Self.reply)
        #expect(source.waits.withLock { $0 } == 0)
    }

    @Test func `a count that changes between two looks is no moment of one position`() throws {
        let source = Source()
        let store = try Self.store(2)
        let reads = source.reads([store]) { call in call < 7 ? UInt64(call) : 100 }
        #expect(store.text("FS.GET v 1 META", reads: reads) == Self.reply)
        #expect(source.counts.withLock { $0 } == 8)
    }

    @Test func `a change of many rows is waited for, and the reply comes in any case`() throws {
        let source = Source()
        let store = try Self.store(2)
        #expect(store.text("FS.GET v 1 META", reads: source.reads([store]) { _ in nil }) == Self.reply)
        #expect(source.waits.withLock { $0 } == 1)
    }

    @Test func `definitions that change before the rows are read are taken`() throws {
        let source = Source()
        let (old, new) = (try Self.store(1), try Self.store(2))
        #expect(old.text("FS.GET v 1 META", reads: source.reads([old, new]) { _ in 0 }) == Self.reply)
    }

    @Test func `a reply without a position waits for nothing`() throws {
        let source = Source()
        let store = try Self.store(2)
        #expect(store.text("FS.GET v 1", reads: source.reads([store]) { _ in nil }) == "%1|$1|a|,2|")
        #expect(source.counts.withLock { $0 } == 0)
    }
}
