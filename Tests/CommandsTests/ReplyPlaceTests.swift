import Features
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Store

/// Which replies are made beside the event loop.
@Suite struct ReplyPlaceTests {
    static func store(_ text: String, resident: Set<String>? = nil) throws -> ServedStore {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { v: { entities: [user], features: { a: string } } }
            """,
            resident: resident
        )
        try store.add("v", [HistoryRow([.int64(1)], at: 5, [.string(text)])])
        return store
    }

    static func words(_ line: String) -> [[UInt8]] { line.split(separator: " ").map { Array($0.utf8) } }

    @Test(
        arguments: [
            "FS.GET v 1", "FS.MGET v 1 1", "FS.GET v 1 META", "HGET v:1 a", "HGETALL v:1", "HMGET v:1 a", "HSCAN v:1 0",
        ],
        [false, true]
    )
    func `of rows that are fetched, the reply is made before the event loop takes it`(
        line: String,
        isTogether: Bool
    ) throws {
        let store = try Self.store("old", resident: [])
        let reply = store.ask(Self.words(line), .resp3, isTogether: isTogether) {
            // What is written from now on would be of this.
            #expect(throws: Never.self) {
                try store.add("v", [HistoryRow([.int64(1)], at: 6, [.string("new")])], position: 2)
            }
        }
        let text = String(decoding: reply, as: UTF8.self)
        #expect(text.contains("old") && !text.contains("new"), "\(text)")
    }

    @Test(arguments: ["FS.GET v 1", "FS.GET v 1 META", "HGET v:1 a", "HGETALL v:1", "HMGET v:1 a", "HSCAN v:1 0"])
    func `one long row is written beside the event loop, except within EXEC`(line: String) throws {
        let store = try Self.store(String(repeating: "x", count: 2_000))
        let reads = FeatureReads(store.piecewise.source, LargeReplies.Sizes(inlineBytesMax: 1_000))
        for isTogether in [false, true] {
            var isLater = false
            let reply = store.ask(Self.words(line), .resp3, reads: reads, isTogether: isTogether) { isLater = true }
            #expect(reply == store.ask(Self.words(line), .resp3))
            #expect(isLater != isTogether)
        }
    }
}
