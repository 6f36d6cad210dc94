import Features
import Metrics
import Postgres
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Serving
@testable import Store

/// FS.SET, FS.WRITE and transactions against features' expectations.
@Suite struct ExpectationWriteTests {
    private static func store(_ ctr: String, pii: Bool = false) throws -> WrittenStore {
        try WrittenStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              stats:
                entities: [user]
                missing: 'null'
                features:
                  ctr: { type: float64, pii: \(pii), \(ctr) }
                  name: { type: string, in: [a, b] }
            """
        )
    }

    private static func counters(_ store: WrittenStore) throws -> ReadCounters.Values {
        try store.writes.source.catalog().view(named: "stats").counters.values
    }

    private static func stored(_ store: WrittenStore) throws -> Int64? {
        try store.store.session.query("SELECT count(*) FROM history.stats").int64(0, 0)
    }

    private static func counts(_ store: WrittenStore) throws -> [String] {
        let rows = try store.store.session.query(
            """
            SELECT f.name || ' ' || c.rows || '/' || c.nulls || '/' || c.warned || '/' || c.refused
            FROM asof.expectation_counts c JOIN asof.features f ON f.id = c.feature ORDER BY c.batch, f.name
            """
        )
        return (0..<rows.count).compactMap { rows.text($0, 0) }
    }

    private static let stopped = " (action: stop); nothing of its batch is stored"

    @Test(arguments: ["reject", "stop", "warn"])
    func `one row is stored or refused`(_ action: String) throws {
        let store = try Self.store("min: 0, max: 1, action: \(action)")
        #expect(store.line("FS.SET stats 1 5 ctr 1 name a") == ":2|")
        let reply = store.line("FS.SET stats 1 6 ctr 1.5 name a")
        if action == "warn" {
            #expect(reply == ":3|")
            #expect(try Self.counts(store) == ["ctr 1/0/1/0"])
            #expect(try Self.counters(store).refused == 0)
        } else {
            let stop = action == "stop" ? Self.stopped : ""
            #expect(reply == "-FSVALUE feature 'ctr': expected 0.0 to 1.0, got 1.5\(stop)|")
            #expect(try Self.counts(store).isEmpty)
            #expect(try Self.counters(store).refused == 1)
        }
        #expect(store.line("FS.SET stats 1 7 ctr nan name a").hasPrefix(action == "warn" ? ":4" : "-FSVALUE"))
        #expect(store.line("FS.SET stats 1 8 ctr 0").hasPrefix(":"))
        #expect(
            store.line("FS.SET stats 1 9 ctr 0 name A")
                == "-FSVALUE feature 'name': expected one of \"a\", \"b\", got \"A\"|"
        )
        // A tombstone has no values.
        #expect(store.line("FS.DEL stats 1 10").hasPrefix(":"))
        #expect(try store.store.violations() == [])
    }

    @Test func `a null is refused where none may be, and values of pii are not repeated`() throws {
        let store = try Self.store("max: 1, max_null: 0%", pii: true)
        #expect(
            store.line("FS.SET stats 1 5 name a") == "-FSVALUE feature 'ctr': expected a value, got null (max_null 0%)|"
        )
        #expect(
            store.line("FS.SET stats 1 5 ctr 77.5")
                == "-FSVALUE feature 'ctr': expected at most 1.0, got a value that is not shown (pii)|"
        )
        #expect(
            store.line("FS.SET stats 1 5 ctr 77x5")
                == "-FSVALUE feature 'ctr': expected float64, got a value that is not shown (pii): it has another form|"
        )
        let line = store.text("FS.WRITE", "stats,user_id=1 ctr=\"77x5\" 5000")
        #expect(line.hasPrefix("-FSTYPE line 1, column"), "\(line)")
        #expect(line.contains("field 'ctr': expected float64, got a value that is not shown (pii)"), "\(line)")
        #expect(!line.contains("77"))
    }

    private static let lines = """
        stats,user_id=1 ctr=0.5,name="a" 5000
        stats,user_id=2 ctr=1.5,name="a" 5000
        stats,user_id=3 ctr=0.5,name="c" 5000
        stats,user_id=4 name="b" 5000
        """

    @Test func `lines are stored all or not at all`() throws {
        let store = try Self.store("min: 0, max: 1")
        let reply = store.text("FS.WRITE", Self.lines)
        #expect(reply == "-FSVALUE line 2: feature 'ctr': expected 0.0 to 1.0, got 1.5|")
        #expect(try Self.stored(store) == 0)
        #expect(try Self.counters(store).refused == 2)
    }

    @Test func `PARTIAL stores the lines that are as expected, and counts the others with them`() throws {
        let store = try Self.store("min: 0, max: 1, max_null: 50%")
        let reply = store.text("FS.WRITE", Self.lines, "PARTIAL")
        #expect(reply.hasPrefix("%6|$8|accepted|:2|$8|rejected|:2|"), "\(reply)")
        #expect(reply.contains("*3|:2|$7|FSVALUE|$43|feature 'ctr': expected 0.0 to 1.0, got 1.5|"), "\(reply)")
        #expect(reply.contains("*3|:3|$7|FSVALUE|"), "\(reply)")
        #expect(try Self.stored(store) == 2)
        #expect(try Self.counts(store) == ["ctr 3/1/0/1", "name 3/0/0/1"])
        #expect(try Self.counters(store).refused == 2)
    }

    @Test func `a line that stops keeps all of its command out, PARTIAL or not`() throws {
        let store = try Self.store("min: 0, max: 1, action: stop")
        let expected = "-FSVALUE line 2: feature 'ctr': expected 0.0 to 1.0, got 1.5\(Self.stopped)|"
        #expect(store.text("FS.WRITE", Self.lines, "PARTIAL") == expected)
        #expect(try Self.stored(store) == 0)
    }

    @Test func `warned lines are stored and counted with the group`() throws {
        let store = try Self.store("min: 0, max: 1, action: warn")
        let lines = Self.lines.replacing("\"c\"", with: "\"b\"")
        #expect(store.text("FS.WRITE", lines).hasPrefix("%6|$8|accepted|:4|$8|rejected|:0|"))
        #expect(try Self.counts(store) == ["ctr 4/1/1/0"])
    }

    @Test(arguments: ["reject", "stop", "warn"])
    func `the share of nulls is that of one command`(_ action: String) throws {
        let store = try Self.store("max_null: 5%, action: \(action)")
        func lines(_ nulls: Int) -> String {
            (0..<100).map { "stats,user_id=\($0) \($0 < nulls ? "" : "ctr=0.5,")name=\"a\" 5000" }.joined(
                separator: "\n"
            )
        }
        #expect(store.text("FS.WRITE", lines(5)).hasPrefix("%6|"))
        let reply = store.text("FS.WRITE", lines(6), "PARTIAL")
        let text = "feature 'ctr' of view 'stats' is null in 6 of the batch's 100 rows (6.00%); its max_null is 5%"
        if action == "warn" {
            #expect(reply.hasPrefix("%6|"), "\(reply)")
        } else {
            #expect(reply == "-FSVALUE \(text); nothing of the command is stored|")
        }
        // Nobody judges one row by itself.
        #expect(store.line("FS.SET stats 1 8 name a").hasPrefix(":"))
        let counts = try Self.counts(store)
        #expect(counts == ["ctr 100/5/0/0"] + (action == "warn" ? ["ctr 100/6/0/0"] : []) + ["ctr 1/1/0/0"])
    }

    @Test func `a transaction with a row that is not as expected stores nothing`() throws {
        let store = try Self.store("max: 1")
        #expect(store.prepare(["FS.SET", "stats", "1", "5", "ctr", "0.5"].map { Array($0.utf8) }) != nil)
        #expect(store.prepare(["FS.SET", "stats", "1", "6", "ctr", "7"].map { Array($0.utf8) }) == nil)
    }

    @Test func `the slow log keeps no values of writes`() {
        func kept(_ words: [String]) -> [String] {
            var bytes: [UInt8] = []
            var ranges: [Range<Int>] = []
            for word in words {
                ranges.append(bytes.count..<bytes.count + word.utf8.count)
                bytes += Array(word.utf8)
            }
            let command = CommandTable.all.command(words[0])
            return SlowLog.cut(
                Arguments(bytes: bytes.span, ranges: ranges.span),
                keeping: command?.loggedMax ?? 0
            ).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(
            kept(["fs.set", "stats", "7", "*", "email", "a@b.c", "x", "12"])
                == ["fs.set", "stats", "7", "*", "(4 arguments with values, 13 bytes)"]
        )
        #expect(
            kept(["fs.write", "stats,user_id=1 email=\"a@b.c\""]) == ["fs.write", "(1 argument with values, 29 bytes)"]
        )
        #expect(kept(["fs.get", "stats", "7", "email"]) == ["fs.get", "stats", "7", "email"])
    }
}
