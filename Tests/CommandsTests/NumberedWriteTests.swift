import Commands
import Postgres
import Store
import TestSupport
import Testing
import Wire

@testable import Commands

/// SOURCE and SEQ, as a client sees them.
@Suite struct NumberedWriteTests {
    private static func words(_ line: String) -> [[UInt8]] { line.split(separator: " ").map { Array($0.utf8) } }

    private func rows(_ store: WrittenStore) throws -> Int64 {
        try store.store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) ?? -1
    }

    @Test func `FS.SET and FS.DEL that are sent again are stored once`() throws {
        let store = try WrittenStore()
        #expect(store.line("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE app SEQ 1") == ":2|")
        #expect(store.line("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE app SEQ 1") == ":2|")
        #expect(store.line("FS.SET stats 7 * clicks 1 NULLS 1 ctr SOURCE app SEQ 2") == ":3|")
        #expect(store.line("FS.DEL stats 7 * SOURCE app SEQ 3") == ":4|")
        #expect(store.line("FS.DEL stats 7 * SOURCE app SEQ 3") == ":4|")
        #expect(try rows(store) == 3)
        #expect(
            store.line("FS.DEL stats 7 * SOURCE app SEQ 0")
                == "-FSORDER source 'app': SEQ 0 was not stored and 1 was: it is older than what is kept; send its rows "
                + "under a new number|"
        )
    }

    @Test(arguments: [
        ("FS.SET stats 7 * clicks 1 ctr 0.5 source app seq 1", "-FSNOFEATURE view 'stats' has no feature 'source'"),
        ("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE app", "-ERR SOURCE and SEQ go together"),
        (
            "FS.SET stats 7 * SOURCE app SEQ 1 clicks 1 ctr 0.5",
            "-ERR behind the values only NULLS n feature …, SOURCE name SEQ n, ALLOW1970 may stand, got 'clicks'"
        ),
        ("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE app SEQ x", "-FSVALUE SEQ 'x': expected an integer"),
        ("FS.SET stats 7 * clicks 1 ctr 0.5 nulls 1 ctr", "-FSNOFEATURE view 'stats' has no feature 'nulls'"),
        ("FS.SET stats 7 * SOURCE app SEQ 1", "-FSVALUE the feature 'clicks' is missing"),
        ("FS.DEL stats 7 * SEQ 1", "-ERR SOURCE and SEQ go together"),
        ("FS.DEL stats 7 * SEQ 1 SEQ 2 SOURCE app", "-ERR SEQ is given twice"),
        ("FS.DEL stats 7 * now", "-ERR unknown option 'now' of 'fs.del'"),
    ])
    func `a number that is not spelled so is told`(line: String, reply: String) throws {
        let store = try WrittenStore()
        let got = store.line(line)
        #expect(got.hasPrefix(reply), "\(got)")
        #expect(try rows(store) == 0)
    }

    @Test func `a numbered write that is wrong keeps back the later ones of its connection`() throws {
        let store = try WrittenStore()
        func write(_ lines: String, _ number: Int, client: Int64 = 1) -> String {
            let words = [
                Array("FS.WRITE".utf8), Array(lines.utf8), Array("SOURCE".utf8), Array("s".utf8), Array("SEQ".utf8),
                Array(String(number).utf8),
            ]
            return String(decoding: store.start(words, client: client).wait(), as: UTF8.self)
        }
        let good = "stats,user_id=1 clicks=1i,ctr=0.5 1"
        let long = (0..<2_000).map { "stats,user_id=\($0) clicks=1i,ctr=0.5 1" }.joined(separator: "\n")
        #expect(write("stats", 7).hasPrefix("-FSPARSE"))
        #expect(write(good, 8).hasPrefix("-FSORDER source 's': SEQ 8 comes behind 7, which failed on this connection"))
        #expect(store.line("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE s SEQ 9").hasPrefix("-FSORDER"))
        #expect(store.line("FS.SET stats 7 * clicks 1 ctr 0.5").hasPrefix(":"))
        // A text that is decoded beside the event loop, too.
        #expect(write(long + "\nstats", 7).hasPrefix("-FSPARSE line 2001"))
        #expect(write(good, 8).hasPrefix("-FSORDER"))
        #expect(write("", 7).contains("accepted\r\n:0\r\n"))
        #expect(write(good, 8).contains("accepted\r\n:1\r\n"))
        #expect(store.line("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE s SEQ 9").hasPrefix(":"))
        #expect(write(good, 7, client: 2).hasPrefix("-FSORDER source 's': SEQ 7 was not stored and 8 was"))
    }

    @Test func `a transaction that is given up keeps back the later numbers, too`() throws {
        let store = try WrittenStore()
        func prepare(_ line: String) throws -> PreparedWrite {
            try #require(store.prepare(Self.words(line)) as? PreparedWrite)
        }
        let writes = [
            try prepare("FS.SET stats 1 2 clicks 9 ctr 1 SOURCE s SEQ 1"),
            try prepare("FS.SET stats 1 2 clicks x ctr 1 SOURCE s SEQ 2"),
        ]
        #expect(writes[0].refusal == nil && writes[1].refusal?.code == .value)
        store.writes.abandon(writes, client: 1)
        #expect(store.line("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE s SEQ 3").contains("SEQ 3 comes behind 1"))
        let replies = store.commit([writes[0], try prepare("FS.SET stats 1 3 clicks 1 ctr 1 SOURCE s SEQ 2")])
        #expect(replies == [":2|", ":2|"])
        #expect(store.line("FS.SET stats 7 * clicks 1 ctr 0.5 SOURCE s SEQ 3") == ":3|")
    }

    @Test func `a number that cannot be decoded in a transaction fails it whole`() throws {
        let store = try WrittenStore()
        let good = try #require(store.prepare(Self.words("FS.SET stats 1 2 clicks 9 ctr 1")) as? PreparedWrite)
        let bad = try #require(
            store.prepare(Self.words("FS.SET stats 1 2 clicks x ctr 1 SOURCE s SEQ 2")) as? PreparedWrite
        )
        let replies = store.commit([good, bad])
        #expect(replies[0].hasPrefix("-ERR nothing of the transaction is stored: its write 2 failed with FSVALUE"))
        #expect(replies[1].hasPrefix("-FSVALUE feature 'clicks'"))
        #expect(try rows(store) == 0)
    }
}
