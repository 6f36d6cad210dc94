import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing
import Wire

@testable import Store

/// FS.ASOF, FS.RANGE and FS.CHANGES.
@Suite struct HistoryCommandTests {
    private func written() throws -> WrittenStore {
        let store = try WrittenStore()
        for (index, line) in [
            "FS.SET stats 1 1000000 clicks 1 ctr 0.5", "FS.SET stats 1 3000000 clicks 3 NULLS 1 ctr",
            "FS.DEL stats 1 4000000",
            "FS.SET stats 1 2000000 clicks 2 ctr 0.25", "FS.SET stats 2 1000000 clicks 9 ctr 0.5",
            "FS.SET stats 1 1000000 clicks 7 ctr 1",
        ].enumerated() {
            #expect(store.line(line) == ":\(index + 2)|")
        }
        return store
    }

    @Test func `FS.ASOF gives the row that was valid then`() throws {
        let store = try written()
        #expect(store.line("FS.ASOF stats 1 2999999") == "%2|$6|clicks|:2|$3|ctr|,0.25|")
        #expect(store.line("FS.ASOF stats 1 3000000") == "%2|$6|clicks|:3|$3|ctr|_|")
        #expect(store.line("FS.ASOF stats 1 1970-01-01T00:00:01Z") == "%2|$6|clicks|:7|$3|ctr|,1|")
        #expect(store.line("FS.ASOF stats 1 1500000 POSITION 3") == "%2|$6|clicks|:1|$3|ctr|,0.5|")
        #expect(store.line("FS.ASOF stats 1 1500000 POSITION 0") == "%2|$6|clicks|_|$3|ctr|_|")
        #expect(store.line("FS.ASOF stats 1 999999") == "%2|$6|clicks|_|$3|ctr|_|")
        #expect(
            store.line("FS.ASOF stats 1 * META").hasPrefix(
                "%5|$6|values|%2|$6|clicks|_|$3|ctr|_|$6|status|%2|$6|clicks|$7|missing|"
            )
        )
        #expect(
            store.line("FS.ASOF stats 1 2000000 META", version: .resp2)
                == "*10|$6|values|*4|$6|clicks|:2|$3|ctr|$4|0.25|$6|status|*4|$6|clicks|$7|present|$3|ctr|$7|present|$10|event_time|:2000000|$8|position|:5|"
                + "$5|rules|$29|asof-rules-1:3f8a350bb14beddf|"
        )
        #expect(store.line("FS.SET weather JFK 1000000 temp 1") == ":8|")
        #expect(store.line("FS.ASOF weather JFK 3601000000 META").contains("present|$4|note|$4|null|"))
        #expect(store.line("FS.ASOF weather JFK 3601000001 META").contains("expired"))
    }

    @Test func `FS.RANGE gives one row for each event time, the one that was written last`() throws {
        let store = try written()
        let all = ["*2|:1000000|*2|:7|,1|", "*2|:2000000|*2|:2|,0.25|", "*2|:3000000|*2|:3|_|", "*2|:4000000|_|"]
        #expect(store.line("FS.RANGE stats 1 - +") == "*4|" + all.joined())
        #expect(store.line("FS.RANGE stats 1 - + REV") == "*4|" + all.reversed().joined())
        #expect(store.line("FS.RANGE stats 1 2000000 3000000") == "*2|" + all[1] + all[2])
        #expect(store.line("FS.RANGE stats 1 2000000 + COUNT 1") == "*1|" + all[1])
        #expect(store.line("FS.RANGE stats 1 - 1970-01-01T00:00:03Z REV COUNT 2") == "*2|" + all[2] + all[1])
        #expect(store.line("FS.RANGE stats 1 3 2") == "*0|")
        #expect(store.line("FS.RANGE stats 5 - +") == "*0|")
    }

    @Test(arguments: [
        ("FS.ASOF nothing 1 1", "-FSNOVIEW "), ("FS.ASOF stats x 1", "-FSENTITY "), ("FS.ASOF stats 1 x", "-FSTIME "),
        ("FS.ASOF stats 1 1 POSITION", "-ERR POSITION is followed by too few arguments; expected an integer"),
        ("FS.ASOF stats 1 1 POSITION x", "-FSVALUE POSITION 'x': expected an integer, at least 0"),
        ("FS.ASOF stats 1 1 POSITION 99", "-FSTIME no position 99 in this store"),
        ("FS.ASOF stats 1 1 POS 1", "-ERR unknown option 'POS'"),
        ("FS.RANGE stats 1 + -", "-FSTIME "),
        ("FS.RANGE stats 1 - + COUNT 0", "-FSVALUE COUNT '0': expected an integer, 1 to 100000"),
        ("FS.RANGE stats 1 - + UP", "-ERR unknown option 'UP'"),
        ("FS.CHANGES stats 5", "-FSVALUE the cursor '5' is none"),
        ("FS.CHANGES stats -1-2", "-FSVALUE "), ("FS.CHANGES stats 1-", "-FSVALUE "),
        ("FS.CHANGES stats 99-0", "-FSTIME no position 99"),
        ("FS.CHANGES stats 0-0 COUNT", "-ERR COUNT is followed by"),
        ("FS.CHANGES stats 0-0 BLOCK 0", "-FSVALUE BLOCK '0'"),
    ])
    func `what is no read is refused`(line: String, reply: String) throws {
        let got = try Self.shared.get().line(line)
        #expect(got.hasPrefix(reply), "\(got)")
    }

    nonisolated(unsafe) private static let shared = Result { try WrittenStore() }

    @Test func `FS.CHANGES gives committed rows in order, and goes on where it ended`() throws {
        let store = try written()
        #expect(store.line("FS.CHANGES other 0-0").hasPrefix("-FSNOVIEW"))
        #expect(
            store.line("FS.CHANGES stats 0-0 COUNT 2")
                == "%2|$6|cursor|$3|3-1|$4|rows|*2|*5|$3|2-1|$1|1|:1000000|#f|*2|:1|,0.5|*5|$3|3-1|$1|1|:3000000|#f|*2|:3|_|"
        )
        #expect(
            store.line("FS.CHANGES stats 3-1 COUNT 1") == "%2|$6|cursor|$3|4-1|$4|rows|*1|*5|$3|4-1|$1|1|:4000000|#t|_|"
        )
        #expect(store.line("FS.CHANGES stats 7-1") == "%2|$6|cursor|$3|8-0|$4|rows|*0|")
        #expect(store.line("FS.CHANGES stats $") == "%2|$6|cursor|$3|8-0|$4|rows|*0|")
        let lines = (0..<5).map {
            "stats,user_id=\(9 - $0) clicks=\($0)i,ctr=1 1\nflights,origin=a,tailnum=b delay=1i \($0)"
        }
        #expect(store.text("FS.WRITE", lines.joined(separator: "\n")).contains("position|:8|"))
        let page = store.line("FS.CHANGES stats 8-0 COUNT 3")
        #expect(page.hasPrefix("%2|$6|cursor|$3|8-3|$4|rows|*3|*5|$3|8-1|$1|5|:1|#f|*2|:4|,1|*5|$3|8-2|$1|6|"))
        let rest = store.line("FS.CHANGES stats 8-3")
        #expect(rest.hasPrefix("%2|$6|cursor|$3|8-5|$4|rows|*2|*5|$3|8-4|$1|8|"))
        #expect(store.line("FS.CHANGES flights 0-0 COUNT 1").contains("$18|origin=a,tailnum=b|"))
    }

    @Test func `FS.CHANGES waits for a row of its view`() throws {
        let store = try written()
        let waiting = store.start(["FS.CHANGES", "stats", "$", "BLOCK", "30000"].map { Array($0.utf8) }, client: 2)
        #expect(Patience.wait { store.waitCount.value > 0 })
        #expect(store.line("FS.SET weather JFK 1000000 temp 1") == ":8|")
        // It is looked at, and waited on: there is nothing to reply yet.
        #expect(Patience.wait { store.waitCount.value > 1 })
        #expect(store.line("FS.SET stats 8 5 clicks 1 ctr 1") == ":9|")
        let reply = String(decoding: waiting.wait(), as: UTF8.self).replacing("\r\n", with: "|")
        #expect(reply == "%2|$6|cursor|$3|9-1|$4|rows|*1|*5|$3|9-1|$1|8|:5|#f|*2|:1|,1|")
        #expect(store.line("FS.CHANGES stats 9-1 BLOCK 30") == "%2|$6|cursor|$4|10-0|$4|rows|*0|")
    }

    @Test(arguments: [UInt64(1), 2])
    func `every committed row comes once, whatever the page size and whoever overtakes`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try WrittenStore()
        let view = try store.store.view("weather")
        var expected: [String] = []
        let sessions = try (0..<3).map { _ in try Session(conninfo: store.store.conninfo) }
        for _ in 0..<12 {
            // Batches that take their numbers in one order and commit in another.
            var open: [WriteTransaction] = []
            for session in sessions.prefix(random.int(1...3)) {
                let transaction = try WriteTransaction(session: session, views: [view])
                // Keys of their own, so that no transaction waits for another one.
                let rows = (0..<random.int(1...9)).map { _ in
                    HistoryRow(
                        [.string("\(open.count)\(random.pick(["", "a", "é", "B"]))")],
                        at: Int64(random.int(0...3)) * 1_000_000,
                        isDeleted: random.oneIn(5),
                        [.float32(Float(random.int(0...9))), .null]
                    )
                }
                var catalog = KnownPartitions(view: view)
                let ranges = catalog.partition(rows.map(\.eventTime)).ranges
                try catalog.make(try catalog.missing(ranges, store.store.session), store.store.session)
                _ = try transaction.write(TestStore.viewRows(rows, view), to: view)
                open.append(transaction)
            }
            open.shuffle(using: &random)
            for transaction in open { _ = try transaction.commit() }
        }
        let all = try store.store.session.query(
            """
            SELECT b.position, row_number() OVER (PARTITION BY b.position ORDER BY h.origin, h._event_time), h.origin,
                (extract(epoch FROM h._event_time) * 1000000)::bigint, h._deleted
            FROM history.weather h JOIN asof.batches b ON b.batch = h._batch ORDER BY 1, 2
            """
        )
        for row in 0..<all.count {
            expected.append(
                "\(all.int64(row, 0) ?? 0)-\(all.int64(row, 1) ?? 0) \(all.text(row, 2) ?? "") \(all.int64(row, 3) ?? 0) \(all.bool(row, 4) ?? false)"
            )
        }
        for count in [1, 2, 7, 1_000] {
            var got: [String] = []
            var cursor = "0-0"
            for _ in 0...expected.count {
                let page = store.line("FS.CHANGES weather \(cursor) COUNT \(count)")
                let words = page.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
                cursor = words[4]
                let rows = page.components(separatedBy: "|*5|").dropFirst().map { $0.components(separatedBy: "|") }
                if rows.isEmpty { break }
                got += rows.map { "\($0[1]) \($0[3]) \($0[4].dropFirst()) \($0[5] == "#t")" }
            }
            #expect(got == expected, "seed \(seed), \(count) a page")
        }
    }
}
