import Features
import Postgres
import TestSupport
import Testing

@testable import Store

/// Times as commands spell them: the first days of 1970, and what is finer than a microsecond.
@Suite struct WireTimeTests {
    private static let day100 = 8_640_000_000_000

    @Test(arguments: [
        ("FS.SET stats 1 1767225600 clicks 1 ctr 1", "FS.SET stats 1 1767225600 clicks 1 ctr 1 ALLOW1970", ":2|"),
        ("FS.SET stats 1 0 clicks 1 ctr 1", "FS.SET stats 1 0 clicks 1 ctr 1 ALLOW1970", ":2|"),
        (
            "FS.SET stats 1 8639999999999 clicks 1 ctr 1", "FS.SET stats 1 8639999999999 clicks 1 ctr 1 ALLOW1970",
            ":2|"
        ),
        ("FS.DEL stats 1 1767225600000", "FS.DEL stats 1 1767225600000 ALLOW1970", ":2|"),
        ("FS.ASOF stats 1 1767225600", "FS.ASOF stats 1 1767225600 allow1970", "%2|"),
        ("FS.RANGE stats 1 1767225600 +", "FS.RANGE stats 1 1767225600 + allow1970", "*0|"),
        ("FS.RANGE stats 1 - 1767225600000", "FS.RANGE stats 1 - 1767225600000 COUNT 1 ALLOW1970", "*0|"),
    ])
    func `an integer time in the first 100 days of 1970 is refused, and ALLOW1970 takes it`(
        refused: String,
        allowed: String,
        reply: String
    ) throws {
        let store = try WrittenStore()
        let got = store.exactLine(refused)
        #expect(got.hasPrefix("-FSTIME "), "\(got)")
        #expect(got.contains("read in us, it lies in the first 100 days of 1970"), "\(got)")
        #expect(got.contains("2026-01-01 is 1767225600 in s, 1767225600000 in ms, 1767225600000000 in us"), "\(got)")
        #expect(got.contains("ALLOW1970"), "\(got)")
        #expect(try store.store.head().position == 1)
        let taken = store.exactLine(allowed)
        #expect(taken.hasPrefix(reply), "\(taken)")
    }

    @Test(arguments: [
        ("1767225600", "ns", true), ("1767225600000", "ns", true), ("1767225600000000", "ns", true),
        ("1767225600000000000", "ns", false), ("1767225600", "us", true), ("1767225600", "ms", true),
        ("1767225600", "s", false), ("8639999", "s", true), ("8640000", "s", false), ("-1", "s", false),
    ])
    func `a point's time in the first 100 days of 1970 is refused with its line, in its PRECISION`(
        time: String,
        unit: String,
        isRefused: Bool
    ) throws {
        let store = try WrittenStore()
        let lines = "weather,origin=JFK temp=1 \(time)"
        let reply = store.exactText("FS.WRITE", lines, "PRECISION", unit)
        guard isRefused else {
            #expect(reply.hasPrefix("%6|$8|accepted|:1|"), "\(reply)")
            return
        }
        #expect(reply.hasPrefix("-FSTIME line 1, column 1: the time \(time) \(unit): read in \(unit), "), "\(reply)")
        let partial = store.exactText("FS.WRITE", lines, "PRECISION", unit, "PARTIAL")
        #expect(partial.contains("rejected|:1|") && partial.contains("FSTIME"), "\(partial)")
        #expect(store.exactText("FS.WRITE", lines, "PRECISION", unit, "ALLOW1970").contains("accepted|:1|"))
    }

    @Test func `the rule is about integers: text of 1970, later and earlier times are taken`() throws {
        let store = try WrittenStore()
        for (index, time) in ["1970-01-02", "1970-01-01T00:00:00Z", "\(Self.day100)", "-1"].enumerated() {
            #expect(store.exactLine("FS.SET stats 1 \(time) clicks 1 ctr 1") == ":\(index + 2)|", "\(time)")
            #expect(store.exactLine("FS.ASOF stats 1 \(time)") == "%2|$6|clicks|:1|$3|ctr|,1|", "\(time)")
            #expect(store.exactLine("FS.RANGE stats 1 \(time) \(time)").hasPrefix("*1|"), "\(time)")
        }
        // A feature that is a time obeys it, too.
        let feature = store.exactLine("FS.SET every 1 2026-01-01 h 1767225600")
        #expect(
            feature.hasPrefix("-FSVALUE feature 'h': expected timestamp, got '1767225600': read in us"),
            "\(feature)"
        )
        #expect(store.exactLine("FS.SET every 1 2026-01-01 h 1767225600 ALLOW1970") == ":6|")
    }

    private static let second = "2026-01-01T00:00:00"
    private static let us = 1_767_225_600_000_000

    @Test func `an event's time that is finer is rounded up, by FS.SET, FS.DEL and FS.WRITE`() throws {
        let store = try WrittenStore()
        let times = "SELECT _event_time, _deleted FROM history.stats ORDER BY _event_time"
        #expect(store.exactLine("FS.SET stats 1 \(Self.second).0000000001Z clicks 1 ctr 1") == ":2|")
        #expect(store.exactLine("FS.SET stats 1 \(Self.second).0000019Z clicks 1 ctr 1") == ":3|")
        #expect(store.exactLine("FS.DEL stats 1 \(Self.second).000003000001Z") == ":4|")
        let points = ["4000001", "5000", "5999999"].map {
            "stats,user_id=1 clicks=1i,ctr=1 17672256000\(String(repeating: "0", count: 8 - $0.count))\($0)"
        }
        let reply = store.exactText("FS.WRITE", points.joined(separator: "\n"))
        #expect(reply.hasPrefix("%6|$8|accepted|:3|") && reply.hasSuffix("$6|errors|*0|$7|rounded|:2|"), "\(reply)")
        let rows = try store.store.session.query(times)
        let got = (0..<rows.count).map { (rows.timestamp($0, 0) ?? 0) - Int64(Self.us) }
        #expect(got == [1, 2, 4, 5, 4_001, 6_000])
    }

    @Test func `rounded points are counted once: not of a duplicate, and of refused ones not`() throws {
        let store = try WrittenStore()
        let lines =
            "stats,user_id=1 clicks=1i,ctr=1 1767225600000000001\nstats,user_id=x clicks=1i,ctr=1 1767225600000000001"
        let command = ["FS.WRITE", lines, "PARTIAL", "SOURCE", "s", "SEQ", "1"].map { Array($0.utf8) }
        func ask() -> String {
            String(decoding: store.start(command, allowsEarly: false).wait(), as: UTF8.self)
                .replacing("\r\n", with: "|")
        }
        #expect(ask().hasSuffix("$7|rounded|:1|"))
        let again = ask()
        #expect(again.contains("duplicate|#t|") && again.hasSuffix("$7|rounded|:0|"), "\(again)")
    }

    @Test func `a time that is asked for and finer is rounded down, by FS.ASOF and FS.RANGE`() throws {
        let store = try WrittenStore()
        for n in 0..<3 { #expect(store.exactLine("FS.SET stats 1 \(Self.us + n) clicks \(n) ctr 1") == ":\(n + 2)|") }
        for (time, clicks) in [
            (".0000000", ":0"), (".0000009", ":0"), (".000000999999999", ":0"), (".0000010", ":1"), (".0000019", ":1"),
            (".0000020001", ":2"),
        ] {
            #expect(store.exactLine("FS.ASOF stats 1 \(Self.second)\(time)Z") == "%2|$6|clicks|\(clicks)|$3|ctr|,1|")
        }
        #expect(store.exactLine("FS.ASOF stats 1 2025-12-31T23:59:59.9999999Z").contains("clicks|_"))
        func range(_ from: String, _ to: String) -> String {
            String(store.exactLine("FS.RANGE stats 1 \(from) \(to)").prefix { $0 != "|" })
        }
        #expect(range("-", "\(Self.second).0000009Z") == "*1")
        #expect(range("-", "\(Self.second).0000019Z") == "*2")
        #expect(range("\(Self.second).0000019Z", "+") == "*2")
        #expect(range("\(Self.second).0000005Z", "\(Self.second).0000005Z") == "*1")
    }
}
