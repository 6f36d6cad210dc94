import Features
import Foundation
import PointInTime
import Postgres
import TestSupport
import Testing
import Wire

@testable import Commands
@testable import Online
@testable import Serving
@testable import Store
@testable import TrainingSets

/// FS.SET and FS.DEL.
@Suite struct RowCommandTests {
    @Test func `a row is stored as it was sent, and the reply is its position`() throws {
        let store = try WrittenStore()
        #expect(store.line("FS.SET stats 7 1000000 clicks 3 ctr 0.5") == ":2|")
        var row = try store.latest("stats", [.int64(7)])
        #expect(row.values == [.int64(3), .float64(0.5)])
        #expect(row.eventTime?.microseconds == 1_000_000 && row.position == 2)
        #expect(store.line("fs.set stats user_id=007 1970-01-01T00:00:02Z ctr nan clicks -1") == ":3|")
        row = try store.latest("stats", [.int64(7)])
        #expect(row.values[0] == .int64(-1) && row.eventTime?.microseconds == 2_000_000)
        #expect(store.line("FS.SET stats 7 * clicks 4 NULLS 1 ctr") == ":4|")
        row = try store.latest("stats", [.int64(7)])
        #expect(row.values == [.int64(4), .null] && row.eventTime?.microseconds == store.now)
        #expect(store.line("FS.SET flights tailnum=N1,origin=JFK 5 delay 1") == ":5|")
        #expect(store.text("FS.SET", "rates", "", "5", "rate", "1.25") == ":6|")
        #expect(try store.latest("rates", []).values == [.float64(1.25)])
        #expect(try store.store.violations() == [])
    }

    @Test func `values are spelled as CSV spells them`() throws {
        let store = try WrittenStore()
        let words = [
            "FS.SET", "every", "1", "9", "a", "t", "b", "-2", "c", "+9223372036854775807", "d", "inf", "e", "-NaN", "f",
            "",
            "g", "\\x00ff", "h", "1970-01-02", "i", "[1, 2.5, \"NaN\"]", "j", "[1,-2]", "k", "[\"a\\n\",\"\"]",
        ]
        #expect(store.ask(words.map { Array($0.utf8) }) == Array(":2\r\n".utf8))
        let row = try store.latest("every", [.int64(1)])
        let expected: [Value] = [
            .bool(true), .int32(-2), .int64(.max), .float32(.infinity), .float64(.nan), .string(""), .bytes([0, 255]),
            .timestamp(Timestamp(microseconds: 86_400_000_000)), .vector([1, 2.5, .nan]), .listInt64([1, -2]),
            .listString(["a\n", ""]),
        ]
        #expect(row.values.map(\.identity) == expected.map(\.identity))
        #expect(store.line("FS.SET every 1 10 h 86400000000") == ":3|")
        let nulls = try store.latest("every", [.int64(1)]).values
        #expect(nulls[7] == expected[7] && nulls.count { $0 == .null } == 10)
    }

    @Test
    func
        `numbers that went through a float are integers, as features and keys; lists are taken as programs print them`()
        throws
    {
        let store = try WrittenStore()
        #expect(store.line("FS.SET every 1.0 1000000 b 2.0 c 1e3 j {1,2} k ['a','b'] i (1,2,3)") == ":2|")
        let values = try store.latest("every", [.int64(1)]).values
        #expect(values[1] == .int32(2) && values[2] == .int64(1_000))
        #expect(
            values[8] == .vector([1, 2, 3]) && values[9] == .listInt64([1, 2]) && values[10] == .listString(["a", "b"])
        )
        #expect(store.line("FS.DEL every 1e0 2000000") == ":3|")
        #expect(try store.latest("every", [.int64(1)]).statuses.allSatisfy { $0 == .missing })
        for (text, reason) in [("9007199254740992.0", "from 2^53 on"), ("1,5", "it has a comma")] {
            let reply = store.line("FS.SET every 1 1000000 c \(text)")
            #expect(reply.hasPrefix("-FSVALUE ") && reply.contains(reason), "\(reply)")
        }
    }

    @Test func `a tombstone hides what was before it and not what comes after`() throws {
        let store = try WrittenStore()
        #expect(store.line("FS.SET stats 7 1000000 clicks 3 ctr 0.5") == ":2|")
        #expect(store.line("FS.DEL stats 7 2000000") == ":3|")
        #expect(try store.latest("stats", [.int64(7)]).statuses == [.missing, .missing])
        #expect(store.line("FS.SET stats 7 1500000 clicks 9 ctr 0.5") == ":4|")
        #expect(try store.latest("stats", [.int64(7)]).statuses == [.missing, .missing])
        #expect(store.line("FS.SET stats 7 2000000 clicks 5 ctr 0.5") == ":5|")
        #expect(try store.latest("stats", [.int64(7)]).values == [.int64(5), .float64(0.5)])
    }

    @Test(arguments: [
        ("FS.SET wether JFK * temp 1", "-FSNOVIEW no view 'wether'; did you mean 'weather'?|"),
        (
            "FS.SET stats x * clicks 1 ctr 1",
            "-FSENTITY view 'stats': key 'user_id': expected int64, got 'x': it has another form|"
        ),
        ("FS.SET stats origin=1 * clicks 1 ctr 1", "-FSENTITY "),
        ("FS.SET flights JFK 1 delay 1", "-FSENTITY "),
        ("FS.SET flights origin=JFK 1 delay 1", "-FSENTITY "),
        (
            "FS.SET stats 1 yesterday clicks 1 ctr 1",
            "-FSTIME expected a time in µs, as RFC 3339, or *, got 'yesterday': "
        ),
        ("FS.SET stats 1 infinity clicks 1 ctr 1", "-FSTIME "),
        ("FS.SET stats 1 253402300800000000 clicks 1 ctr 1", "-FSTIME "),
        (
            "FS.SET stats 1 2999-01-01 clicks 1 ctr 1",
            "-FSTIME the event time 2999-01-01T00:00:00Z is more than 5 minutes ahead"
        ),
        ("FS.SET stats 1 * click 1 ctr 1", "-FSNOFEATURE view 'stats' has no feature 'click'; did you mean 'clicks'?|"),
        (
            "FS.SET stats 1 * clicks 1.5 ctr 1",
            "-FSVALUE feature 'clicks': expected int64, got '1.5': it has a fraction|"
        ),
        (
            "FS.SET stats 1 * clicks 9223372036854775808 ctr 1",
            "-FSVALUE feature 'clicks': expected int64, got '9223372036854775808': it is out of range|"
        ),
        (
            "FS.SET stats 1 * clicks 1",
            "-FSVALUE the feature 'ctr' is missing; view 'stats' does not allow null for it unless it is named: NULLS 1 ctr|"
        ),
        ("FS.SET stats 1 * clicks 1 clicks 2 ctr 1", "-ERR the feature 'clicks' is given twice|"),
        ("FS.SET stats 1 * clicks 1 ctr 1 NULLS 1 ctr", "-ERR the feature 'ctr' is given twice|"),
        ("FS.SET stats 1 * clicks 1 ctr", "-ERR the feature 'ctr' has no value; features and values come in pairs|"),
        ("FS.SET stats 1 * clicks 1 NULLS 2 ctr", "-ERR NULLS is followed by "),
        ("FS.SET stats 1 * clicks 1 NULLS x ctr", "-ERR NULLS is followed by "),
        ("FS.SET stats 1 * clicks 1 NULLS -1 ctr", "-ERR NULLS is followed by "),
        (
            "FS.SET stats 1 * clicks 1 NULLS 1 cdr",
            "-FSNOFEATURE view 'stats' has no feature 'cdr'; did you mean 'ctr'?|"
        ),
        (
            "FS.SET stats 1 * clicks 1 NULLS 1 ctr x 1",
            "-ERR behind the values only NULLS n feature …, SOURCE name SEQ n, ALLOW1970 may stand, got 'x'|"
        ),
        ("FS.SET every 1 * i [1,2]", "-FSVALUE feature 'i': expected vector(3), got '[1,2]': it has 2 elements|"),
        ("FS.SET every 1 * g zz", "-FSVALUE feature 'g': expected bytes, got 'zz': it has another form|"),
        ("FS.DEL stats 1 tomorrow", "-FSTIME "),
        ("FS.DEL nothing 1 1", "-FSNOVIEW "),
    ])
    func `a bad row is refused with what, got and expected`(line: String, reply: String) throws {
        let store = try Self.shared.get()
        let got = store.line(line)
        #expect(reply.hasSuffix("|") ? got == reply : got.hasPrefix(reply), "\(got)")
        #expect(got.hasSuffix("|"))
    }

    nonisolated(unsafe) private static let shared = Result { try WrittenStore() }

    @Test func `text that PostgreSQL cannot hold is refused before it gets there`() throws {
        let store = try WrittenStore()
        func set(_ view: String, _ entity: [UInt8], _ values: [[UInt8]]) -> String {
            String(
                decoding: store.ask([Array("FS.SET".utf8), Array(view.utf8), entity, Array("1".utf8)] + values),
                as: UTF8.self
            )
        }
        let note = Array("note".utf8)
        #expect(
            set("weather", Array("JFK".utf8), [note, [0xFF]]).hasPrefix("-FSVALUE feature 'note': expected string")
        )
        #expect(set("weather", Array("JFK".utf8), [note, [0x61, 0]]).contains("U+0000"))
        #expect(set("weather", [0xC0, 0x80], [note, [0x61]]).hasPrefix("-FSENTITY"))
        #expect(set("weather", [0x61, 0], [note, [0x61]]).hasPrefix("-FSENTITY"))
        #expect(
            set("weather", Array(repeating: 0x61, count: 2_001), [note, [0x61]]).hasPrefix(
                "-FSENTITY the entity key 'origin' has 2001 bytes"
            )
        )
        #expect(
            set("weather", Array("JFK".utf8), [note, Array(repeating: 0x61, count: (1 << 20) + 1)]).hasPrefix(
                "-FSVALUE"
            )
        )
        #expect(set("weather", Array("JFK".utf8), [note, Array(repeating: 0x61, count: 1 << 20)]) == ":2\r\n")
    }

    @Test func `a retired view takes nothing`() throws {
        let yaml =
            "entities: { u: { key: u, type: int64 } }\nviews:\n  one: { entities: [u], features: { n: int64 } }\n"
        let first = try TestStore(yaml + "  two: { entities: [u], features: { n: int64 } }\n")
        try first.apply(yaml)
        let catalog = Catalog(
            first.registry,
            views: first.registry.views.map {
                ServedView($0, layout: RowLayout(keys: $0.storageKeys, features: $0.definition.features), memory: nil)
            },
            versions: []
        )
        let name = Array("two".utf8)
        let error = #expect(throws: CommandFault.self) { _ = try catalog.served(name.span) }
        #expect(error?.code == .noView && error?.message.contains("is retired") == true)
    }
}

/// FS.WRITE.
@Suite struct LineCommandTests {
    @Test func `points of several views are stored at one position`() throws {
        let store = try WrittenStore()
        let lines = """
            # two views
            stats,user_id=1 clicks=1i,ctr=0.5 1000000000
            weather,origin=JFK temp=39.02 2000000000

            flights,origin=JFK,tailnum=N1 delay=-3i
            stats,user_id=1 clicks=2i,ctr=1i 1000000000
            """
        #expect(
            store.text("FS.WRITE", lines)
                == "%6|$8|accepted|:4|$8|rejected|:0|$9|duplicate|#f|$8|position|:2|$6|errors|*0|$7|rounded|:0|"
        )
        #expect(try store.latest("stats", [.int64(1)]).values == [.int64(2), .float64(1)])
        #expect(try store.latest("weather", [.string("JFK")]).eventTime?.microseconds == 2_000_000)
        let time = try store.store.session.query("SELECT _event_time FROM history.flights").timestamp(0, 0)
        #expect(time == store.now)
        #expect(try store.store.violations() == [])
    }

    @Test func `the unit of times is told by PRECISION`() throws {
        let store = try WrittenStore()
        for (index, unit) in ["s", "ms", "us", "ns"].enumerated() {
            let reply = store.text("FS.WRITE", "stats,user_id=\(index) clicks=1i,ctr=1 7000", "precision", unit)
            #expect(reply.contains("accepted|:1|"))
            let expected: [Int64] = [7_000_000_000, 7_000_000, 7_000, 7]
            #expect(try store.latest("stats", [.int64(Int64(index))]).eventTime?.microseconds == expected[index])
        }
    }

    @Test func `IGNORE leaves out tags and fields that a view does not have, in this command alone`() throws {
        let store = try WrittenStore()
        let lines =
            "stats,host=a,user_id=1 clicks=1i,ctr=0.5,usage=7 1000000000\nweather,host=b,origin=JFK temp=1 1000000000"
        #expect(
            store.text("FS.WRITE", lines).hasPrefix("-FSNOFEATURE line 1, column 7: view 'stats' has no tag 'host'")
        )
        #expect(store.text("FS.WRITE", lines, "ignore").hasPrefix("%6|$8|accepted|:2|$8|rejected|:0|"))
        #expect(try store.latest("stats", [.int64(1)]).values == [.int64(1), .float64(0.5)])
        #expect(store.text("FS.WRITE", lines).hasPrefix("-FSNOFEATURE "))
        // What the view has, and has otherwise, is not left out.
        for (line, reason) in [
            ("stats,user_id=1 clicks=1i,ctr=1,user_id=2i 1000000000", "it is an entity key, which is a tag"),
            ("stats,user_id=1,ctr=1 clicks=1i 1000000000", "has no tag 'ctr'"),
            ("stats,user_id=1,host=a usage=1 1000000000", "the feature 'clicks' is missing"),
            ("cpu,host=a usage=1 1000000000", "there is no view 'cpu'"),
        ] {
            let reply = store.text("FS.WRITE", line, "IGNORE")
            #expect(reply.hasPrefix("-FS") && reply.contains(reason), "\(reply)")
        }
    }

    private static let mixed = """
        stats,user_id=1 clicks=1i,ctr=0.5 1
        wether,origin=JFK temp=1 1
        stats,user_id=x clicks=1i,ctr=0.5 1
        stats,user_id=2 clicks=1i,ctr=0.5,more=1 1
        stats,user_id=2 clicks=1.5,ctr=0.5 1
        stats,user_id=2 clicks=1i 1
        stats,user_id=2 clicks=1i,ctr=0.5 4102444800000000000
        stats user_id=2
        stats,user_id=2 clicks=
        stats,user_id=3 clicks=3i,ctr=0.5 1
        """

    @Test func `with PARTIAL good points are stored and each bad one is named with its line and code`() throws {
        let store = try WrittenStore()
        let reply = store.text("FS.WRITE", Self.mixed, "PARTIAL")
        #expect(reply.hasPrefix("%6|$8|accepted|:2|$8|rejected|:8|$9|duplicate|#f|$8|position|:2|$6|errors|*8|"))
        let codes = reply.components(separatedBy: "*3|").dropFirst().map { $0.split(separator: "|") }
        #expect(codes.map { String($0[0]) } == (2...9).map { ":\($0)" })
        #expect(
            codes.map { String($0[2]) } == [
                "FSNOVIEW", "FSENTITY", "FSNOFEATURE", "FSTYPE", "FSVALUE", "FSTIME", "FSNOFEATURE", "FSPARSE",
            ]
        )
        #expect(reply.contains("column 1: there is no view 'wether'; did you mean 'weather'?"))
        #expect(try store.latest("stats", [.int64(3)]).values == [.int64(3), .float64(0.5)])
    }

    @Test func `without PARTIAL the first bad line is the error, and nothing is stored`() throws {
        let store = try WrittenStore()
        #expect(
            store.text("FS.WRITE", Self.mixed)
                == "-FSNOVIEW line 2, column 1: there is no view 'wether'; did you mean 'weather'?|"
        )
        // A line in the future stands before a line that is none.
        let lines = "stats,user_id=2 clicks=1i,ctr=0.5 4102444800000000000\nstats,user_id=2 clicks="
        #expect(
            store.text("FS.WRITE", lines).hasPrefix("-FSTIME line 1: the event time 2100-01-01T00:00:00Z is more than")
        )
        #expect(try store.store.head().position == 1)
    }

    @Test func `a hundred errors are shown and all are counted`() throws {
        let store = try WrittenStore()
        let reply = store.text("FS.WRITE", String(repeating: "x\n", count: 250), "PARTIAL")
        #expect(reply.hasPrefix("%6|$8|accepted|:0|$8|rejected|:250|$9|duplicate|#f|$8|position|_|$6|errors|*100|"))
    }

    @Test func `the bounds of a point are those of the protocol`() throws {
        let store = try WrittenStore()
        let tags = (0..<17).map { ",t\($0)=v" }.joined()
        let column = "stats".utf8.count + (0..<16).reduce(0) { $0 + ",t\($1)=v".utf8.count } + 2
        #expect(
            store.text("FS.WRITE", "# first\nstats\(tags) clicks=1i")
                == "-FSPARSE line 2, column \(column): a point has at most 16 tags|"
        )
        let fields = String(repeating: "clicks=1i,", count: 1_600)
        #expect(
            store.text("FS.WRITE", "stats,user_id=1 \(fields)ctr=1")
                == "-FSPARSE line 1, column \(17 + fields.utf8.count): a point has at most 1600 fields|"
        )
        let most = String(repeating: "clicks=1i,", count: 1_599)
        #expect(store.text("FS.WRITE", "stats,user_id=1 \(most)ctr=1 1").contains("accepted|:1|"))
        // In time, too: the number of a point's tags does not square.
        let attack = "stats" + (0..<100_000).map { ",t\($0)=v" }.joined() + " clicks=1i"
        #expect(store.text("FS.WRITE", attack + "\n" + attack, "PARTIAL").contains("rejected|:2|"))
    }

    @Test func `errors of decoding and of the store's rules come by line, the first hundred of both`() throws {
        let store = try WrittenStore()
        let future = "stats,user_id=2 clicks=1i,ctr=0.5 4102444800000000000\n"
        let lines = (0..<300).map { $0 % 3 == 1 ? "x\n" : future }.joined()
        let reply = store.text("FS.WRITE", lines, "PARTIAL")
        #expect(reply.hasPrefix("%6|$8|accepted|:0|$8|rejected|:300|$9|duplicate|#f|$8|position|_|$6|errors|*100|"))
        let errors = reply.components(separatedBy: "*3|").dropFirst().map { $0.split(separator: "|") }
        #expect(errors.map { String($0[0]) } == (1...100).map { ":\($0)" })
        #expect(errors.map { String($0[2]) } == (0..<100).map { $0 % 3 == 1 ? "FSPARSE" : "FSTIME" })
    }

    @Test func `a few bytes a point do not become gigabytes of nulls`() throws {
        let features = (0..<40).map { "f\($0): vector(2000)" }.joined(separator: ", ")
        let store = try WrittenStore(
            """
            entities:
              user: { key: user_id, type: int64 }
            views:
              wide: { entities: [user], missing: 'null', features: { n: int64, \(features) } }
            """
        )
        let lines = (0..<20_000).map { "wide,user_id=\($0) n=1i 1\n" }.joined()
        let reply = store.text("FS.WRITE", lines)
        #expect(reply.hasPrefix("-FSLIMIT the points have more than 201326592 bytes of values"), "\(reply)")
        #expect(try store.store.head().position == 1)
    }

    @Test func `nothing to store is no error and takes no position`() throws {
        let store = try WrittenStore()
        let none = "%6|$8|accepted|:0|$8|rejected|:0|$9|duplicate|#f|$8|position|_|$6|errors|*0|$7|rounded|:0|"
        #expect(store.text("FS.WRITE", "") == none)
        #expect(store.text("FS.WRITE", "# only this\n\r\n\n") == none)
        #expect(store.text("FS.WRITE", "", "SOURCE", "s", "SEQ", "1") == none)
        #expect(try store.store.head().position == 1)
    }

    @Test func `a source's number is stored once`() throws {
        let store = try WrittenStore()
        let line = "stats,user_id=1 clicks=1i,ctr=0.5 1"
        let first = store.text("FS.WRITE", line, "SOURCE", "app-1", "SEQ", "10")
        #expect(first == "%6|$8|accepted|:1|$8|rejected|:0|$9|duplicate|#f|$8|position|:2|$6|errors|*0|$7|rounded|:1|")
        let again = store.text("FS.WRITE", line, "seq", "10", "source", "app-1")
        #expect(again == "%6|$8|accepted|:0|$8|rejected|:0|$9|duplicate|#t|$8|position|:2|$6|errors|*0|$7|rounded|:0|")
        #expect(store.text("FS.WRITE", line, "SOURCE", "app-1", "SEQ", "11").contains("position|:3|"))
        #expect(try store.store.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 2)
    }

    @Test(arguments: [
        (["PRECISION"], "-ERR PRECISION is followed by too few arguments"),
        (["PRECISION", "h"], "-FSTIME PRECISION 'h': expected s, ms, us or ns"),
        (["SOURCE", "a"], "-ERR SOURCE and SEQ go together"),
        (["SEQ", "1"], "-ERR SOURCE and SEQ go together"),
        (["SOURCE", "a", "SEQ", "-1"], "-FSVALUE SEQ '-1': expected an integer that is not negative"),
        (["SOURCE", "a", "SEQ", "x"], "-FSVALUE SEQ 'x'"),
        (["SOURCE", "", "SEQ", "1"], "-FSVALUE SOURCE: expected 1 to 200 bytes"),
        (
            ["PARTIALLY"],
            "-ERR unknown option 'PARTIALLY' of 'fs.write'; expected PRECISION s|ms|us|ns, PARTIAL, SOURCE name SEQ n"
        ),
    ])
    func `an option that is none is refused`(options: [String], reply: String) throws {
        let store = try WrittenStore()
        let words = ["FS.WRITE", "stats,user_id=1 clicks=1i,ctr=0.5 1"] + options
        let got = String(decoding: store.ask(words.map { Array($0.utf8) }), as: UTF8.self)
        #expect(got.hasPrefix(reply), "\(got)")
        #expect(try store.store.head().position == 1)
    }

    @Test func `a long text is decoded beside the event loop, in its place among the client's writes`() throws {
        let store = try WrittenStore()
        func lines(_ value: Int, _ count: Int) -> [[UInt8]] {
            let text = (0..<count).map { "stats,user_id=\($0) clicks=\(value)i,ctr=0.5 1" }.joined(separator: "\n")
            return [Array("FS.WRITE".utf8), Array(text.utf8)]
        }
        let replies = [lines(1, 2_000), lines(2, 1), lines(3, 1_500), lines(4, 1), lines(5, 1_000)].map {
            store.start($0)
        }
        for reply in replies { #expect(String(decoding: reply.wait(), as: UTF8.self).contains("position")) }
        #expect(try store.latest("stats", [.int64(0)]).values[0] == .int64(5))
        #expect(try store.latest("stats", [.int64(1_200)]).values[0] == .int64(3))
        #expect(try store.latest("stats", [.int64(1_999)]).values[0] == .int64(1))
        let bad = [Array("FS.WRITE".utf8), lines(1, 2_000)[1] + Array("\nstats,user_id=z clicks=1i,ctr=1".utf8)]
        #expect(String(decoding: store.ask(bad), as: UTF8.self).hasPrefix("-FSENTITY line 2001, column 15"))
    }

    @Test func `more points than a write may have are refused whole`() throws {
        let store = try WrittenStore()
        let text = String(repeating: "stats,user_id=1 clicks=1i,ctr=0.5 1\n", count: ServingLimits.writeRowsMax + 1)
        #expect(store.text("FS.WRITE", text, "PARTIAL").hasPrefix("-FSLIMIT more than 100000 points"))
        #expect(try store.store.head().position == 1)
    }

    @Test func `a transaction's writes are stored at one position, or none of them`() throws {
        let store = try WrittenStore()
        func prepare(_ words: [String]) throws -> PreparedWrite {
            let prepared = store.prepare(words.map { Array($0.utf8) }) as? PreparedWrite
            return try #require(prepared)
        }
        let long = (0..<2_000).map { "stats,user_id=\($0) clicks=1i,ctr=0.5 1" }.joined(separator: "\n")
        let good = try [
            prepare(["FS.SET", "stats", "1", "2", "clicks", "9", "ctr", "1"]), prepare(["FS.WRITE", long]),
            prepare(["FS.DEL", "weather", "JFK", "1"]),
        ]
        let replies = store.commit(good)
        #expect(replies[0] == ":2|" && replies[1].contains("position|:2|") && replies[2] == ":2|")
        let bad = try [
            prepare(["FS.SET", "stats", "1", "3", "clicks", "9", "ctr", "1"]), prepare(["FS.WRITE", long + "\nx"]),
        ]
        let refused = store.commit(bad)
        #expect(refused[0].hasPrefix("-ERR nothing of the transaction is stored: its write 2 failed with FSPARSE"))
        #expect(refused[1].hasPrefix("-FSPARSE line 2001"))
        #expect(try store.store.head().position == 2)
    }
}
