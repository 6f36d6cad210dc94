import Features
import Synchronization
import TestSupport
import Testing
import Wire

/// The latest values as hashes of Redis. `|` stands for CR LF.
@Suite struct HashCommandTests {
    @Test(arguments: [
        ("EXISTS weather:JFK", ":1|"),
        ("EXISTS weather:JFK weather:JFK users:1 users:2 weather:LAX nope nope:1 old:1", ":3|"),
        ("EXISTS weather:SFO", ":0|"),
        ("TYPE weather:JFK", "+hash|"),
        ("TYPE weather:LAX", "+none|"),
        ("TYPE nope", "+none|"),
        ("TTL users:1", ":-1|"),
        ("TTL weather:JFK", ":0|"),
        ("PTTL nope:1", ":-2|"),
        ("HGET weather:JFK temp", "$5|39.02|"),
        ("HGET weather:JFK nope", "_|"),
        ("HGET weather:ORD temp", "_|"),
        ("HGET weather:ORD wind", "$3|nan|"),
        ("HGET users:1 active", "$1|1|"),
        ("HGET users:1 seen", "$1|3|"),
        ("HGET users:x clicks", "_|"),
        ("HGET totals: all", "$3|0.1|"),
        ("HGET trips:user_id=1,origin=JFK n", "$1|3|"),
        ("HMGET weather:JFK wind nope temp", "*3|$4|11.5|_|$5|39.02|"),
        ("HMGET nope:1 a b", "*2|_|_|"),
        ("HGETALL weather:JFK", "%2|$4|temp|$5|39.02|$4|wind|$4|11.5|"),
        ("HGETALL weather:ORD", "%1|$4|wind|$3|nan|"),
        ("HGETALL weather:NO", "%0|"),
        ("HLEN users:1", ":5|"),
        ("HLEN weather:ORD", ":1|"),
        ("HSCAN weather:JFK 0", "*2|$1|0|*4|$4|temp|$5|39.02|$4|wind|$4|11.5|"),
        ("HSCAN weather:JFK 0 MATCH w* COUNT 100", "*2|$1|0|*2|$4|wind|$4|11.5|"),
        ("HSCAN weather:JFK 0 NOVALUES", "*2|$1|0|*2|$4|temp|$4|wind|"),
        ("HSCAN nope 0", "*2|$1|0|*0|"),
        ("SCAN x", "-ERR invalid cursor|"),
        ("SCAN 0 COUNT 0", "-ERR COUNT 0; expected a number from 1|"),
        ("SCAN 0 TYPE string", "*2|$1|0|*0|"),
        ("SCAN 0 MATCH u* COUNT 100", "*2|$1|0|*1|$7|users:1|"),
    ])
    func `replies are those of Redis`(line: String, expected: String) throws {
        #expect(try FeatureCommandTests.store().text(line) == expected)
        if !line.hasPrefix("SCAN") {
            #expect(try FeatureCommandTests.store(resident: ["users"]).text(line) == expected)
        }
    }

    @Test func `RESP2 has flat arrays`() throws {
        let store = try FeatureCommandTests.store()
        #expect(store.text("HGETALL weather:JFK", .resp2) == "*4|$4|temp|$5|39.02|$4|wind|$4|11.5|")
        #expect(store.text("HGET weather:JFK nope", .resp2) == "$-1|")
    }

    @Test func `a time to live is what is left of it, rounded as Redis does`() throws {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views: { v: { entities: [user], ttl: 10s, features: { a: bool } } }
            """,
            now: 20_000_000
        )
        try store.add(
            "v",
            [
                HistoryRow([.int64(1)], at: 15_600_000, [.bool(true)]),
                HistoryRow([.int64(2)], at: 10_000_000, [.bool(true)]),
                HistoryRow([.int64(3)], at: 9_999_999, [.bool(true)]),
                HistoryRow([.int64(4)], at: 15_600_000, [.null]),
            ]
        )
        #expect(store.text("TTL v:1") == ":6|" && store.text("PTTL v:1") == ":5600|")
        #expect(store.text("PTTL v:2") == ":0|" && store.text("PTTL v:3") == ":-2|" && store.text("TTL v:4") == ":-2|")
    }

    @Test(arguments: [1, 3, 10, 1_000])
    func `SCAN gives every key once, whatever COUNT is`(count: Int) throws {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 }, place: { key: origin, type: string } }
            views:
              a: { entities: [user], features: { x: bool } }
              empty: { entities: [user], features: { x: bool } }
              b: { entities: [place, user], features: { x: bool } }
              gone: { entities: [user], ttl: 1us, features: { x: bool } }
            """
        )
        var expected: Set<String> = []
        for user in 0..<57 {
            try store.add("a", [HistoryRow([.int64(Int64(user))], at: 1, [.bool(true)])])
            try store.add("b", [HistoryRow([.string("p,=\(user)"), .int64(7)], at: 1, [.bool(true)])])
            try store.add("gone", [HistoryRow([.int64(Int64(user))], at: 1, [.bool(true)])])
            expected.insert("a:\(user)")
            expected.insert("b:origin=p\\,\\=\(user),user_id=7")
        }
        var seen: [String] = []
        var cursor = "0"
        for call in 0..<1_000 {
            var decoder = ReplyDecoder()
            decoder.append(store.ask(["SCAN", cursor, "COUNT", "\(count)"]))
            let reply = try #require(try decoder.next()?.elements)
            seen += reply[1].elements?.compactMap(\.string) ?? []
            cursor = reply[0].string ?? "0"
            if cursor == "0" { break }
            #expect(call < 999)
        }
        #expect(seen.count == expected.count && Set(seen) == expected)
        // Each key that is listed leads to a hash.
        for key in seen { #expect(store.ask(["HLEN", key]) == Array(":1\r\n".utf8), "\(key)") }
    }

    @Test func `SCAN stops soon, however long keys and the pattern are`() throws {
        let store = try ServedStore(
            """
            entities: { place: { key: place_id, type: string } }
            views: { v: { entities: [place], features: { n: int64 } } }
            """
        )
        let count = 64
        let tail = String(repeating: "a", count: 2_000)
        try store.add("v", (0..<count).map { HistoryRow([.string("\($0)" + tail)], at: 5, [.int64(1)]) })
        // Each place of a key is tried, and fails late.
        let pattern = "*" + String(repeating: "a", count: 1_000) + "b"
        let start = ContinuousClock.now
        let reply = store.text("SCAN 0 COUNT 10000 MATCH \(pattern)")
        #expect(ContinuousClock.now - start < .seconds(2))
        let cursor = reply.split(separator: "|")[2]
        #expect(cursor != "0", "all rows were looked at in one call: \(ContinuousClock.now - start)")
    }
}
