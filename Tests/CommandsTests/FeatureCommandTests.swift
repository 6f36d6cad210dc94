import Features
import Metrics
import NIOCore
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Serving

/// FS.GET, FS.MGET, FS.SERVE and definitions, by the letter of the protocol. `|` stands for CR LF.
@Suite struct FeatureCommandTests {
    static let yaml = """
        entities:
          airport: { key: origin, type: string }
          user: { key: user_id, type: int64 }
        views:
          weather: { entities: [airport], ttl: 100us, features: { temp: float64, wind: float32 } }
          users:
            description: What they do
            entities: [user]
            features: { clicks: int64, name: string, embedding: vector(2), seen: timestamp, active: bool }
          trips: { entities: [user, airport], features: { n: int32 } }
          totals: { entities: [], features: { all: float64 } }
          old: { entities: [user], online: false, features: { x: float64 } }
        services:
          trip:
            - weather.*
            - { view: weather, as: dest_weather, keys: { origin: dest }, features: [temp] }
            - users.clicks
          total: [totals.all]
          text: [users.name]
          clicks: [users.clicks]
        """

    /// What META ends with: printf 'asof-rules-1\nweather 100 0 0\n' | sha256sum | cut -c 1-16
    static let weatherRules = "$5|rules|$29|asof-rules-1:daaafa4df7643da4|$2|at|:1000|"
    static let usersRules = "$5|rules|$29|asof-rules-1:abe3c1a3f36f53c4|$2|at|:1000|"

    static func store(resident: Set<String>? = nil) throws -> ServedStore {
        let store = try ServedStore(yaml, resident: resident, now: 1_000)
        try store.add(
            "weather",
            [
                HistoryRow([.string("JFK")], at: 990, [.float64(39.02), .float32(11.5)]),
                HistoryRow([.string("LAX")], at: 899, [.float64(70), .float32(1)]),
                HistoryRow([.string("SFO")], at: 950, isDeleted: true, [.null, .null]),
                HistoryRow([.string("ORD")], at: 900, [.null, .float32(.nan)]),
            ]
        )
        try store.add(
            "users",
            [
                HistoryRow(
                    [.int64(1)],
                    at: 5,
                    [
                        .int64(7), .string("a\r\nb"), .vector([1, -2]), .timestamp(Timestamp(microseconds: 3)),
                        .bool(true),
                    ]
                )
            ]
        )
        try store.add("trips", [HistoryRow([.int64(1), .string("JFK")], at: 5, [.int32(3)])])
        try store.add("totals", [HistoryRow([], at: 5, [.float64(0.1)])])
        return store
    }

    @Test(arguments: [
        // Values and their absence.
        ("FS.GET weather JFK FEATURES 2 temp wind", "%2|$4|temp|,39.02|$4|wind|,11.5|"),
        ("fs.get weather origin=JFK features 1 wind", "%1|$4|wind|,11.5|"),
        ("FS.GET weather NOWHERE", "%2|$4|temp|_|$4|wind|_|"),
        ("FS.GET weather LAX", "%2|$4|temp|_|$4|wind|_|"),
        ("FS.GET weather SFO", "%2|$4|temp|_|$4|wind|_|"),
        ("FS.GET weather ORD", "%2|$4|temp|_|$4|wind|,nan|"),
        ("FS.GET users 1 FEATURES 1 clicks", "%1|$6|clicks|:7|"),
        ("FS.GET users 000000000001 FEATURES 1 clicks", "%1|$6|clicks|:7|"),
        ("FS.GET trips user_id=1,origin=JFK", "%1|$1|n|:3|"),
        ("FS.GET trips origin=JFK,user_id=1", "%1|$1|n|:3|"),
        ("FS.GET totals ''", "%1|$3|all|,0.1|"),
        // META.
        (
            "FS.GET weather ORD META",
            "%6|$6|values|%2|$4|temp|_|$4|wind|,nan|$6|status|%2|$4|temp|$4|null|$4|wind|$7|present|"
                + "$10|event_time|:900|$8|position|:77|\(weatherRules)"
        ),
        (
            "FS.GET weather LAX FEATURES 1 temp META",
            "%6|$6|values|%1|$4|temp|_|$6|status|%1|$4|temp|$7|expired|$10|event_time|:899|$8|position|:77|\(weatherRules)"
        ),
        (
            "FS.GET weather SFO META FEATURES 1 temp",
            "%6|$6|values|%1|$4|temp|_|$6|status|%1|$4|temp|$7|missing|$10|event_time|:950|$8|position|:77|\(weatherRules)"
        ),
        (
            "FS.GET weather NO META FEATURES 1 temp",
            "%6|$6|values|%1|$4|temp|_|$6|status|%1|$4|temp|$7|missing|$10|event_time|_|$8|position|:77|\(weatherRules)"
        ),
        // Several entities.
        ("FS.MGET weather 3 JFK NO JFK FEATURES 1 temp", "*3|*1|,39.02|*1|_|*1|,39.02|"),
        ("FS.MGET weather 0", "*0|"),
        (
            "FS.MGET weather 1 JFK FORMAT columns",
            "%2|$7|columns|*2|$4|temp|$4|wind|$6|values|*2|*1|,39.02|*1|,11.5|"
        ),
        // Services.
        (
            "FS.SERVE trip KEYS 3 dest user_id origin ROWS 2 LAX 1 JFK JFK 2 ORD",
            "%2|$7|columns|*4|$13|weather__temp|$13|weather__wind|$18|dest_weather__temp|$13|users__clicks|"
                + "$4|rows|*2|*4|,39.02|,11.5|_|:7|*4|_|,nan|,39.02|_|"
        ),
        ("FS.SERVE total KEYS 0 ROWS 2", "%2|$7|columns|*1|$11|totals__all|$4|rows|*2|*1|,0.1|*1|,0.1|"),
        ("FS.SERVE clicks@3 KEYS 1 user_id ROWS 0", "%2|$7|columns|*1|$13|users__clicks|$4|rows|*0|"),
        (
            "FS.SERVE clicks KEYS 1 user_id ROWS 1 1 META MINPOS 77",
            "%7|$7|columns|*1|$13|users__clicks|$4|rows|*1|*1|:7|$6|status|*1|*1|$7|present|"
                + "$10|event_time|*1|*1|:5|$8|position|:77|\(usersRules)"
        ),
        (
            "FS.SERVE clicks KEYS 1 user_id ROWS 1 1 MINPOS 80",
            "%2|$7|columns|*1|$13|users__clicks|$4|rows|*1|*1|:7|"
        ),
    ])
    func `replies are those of the protocol`(line: String, expected: String) throws {
        #expect(try Self.store().text(line) == expected)
        // The same where nothing is in memory.
        #expect(try Self.store(resident: []).text(line) == expected)
    }

    @Test func `RESP2 has flat arrays and bulk floats`() throws {
        let store = try Self.store()
        #expect(
            store.text("FS.GET weather JFK", .resp2) == "*4|$4|temp|$5|39.02|$4|wind|$4|11.5|"
        )
        #expect(store.text("FS.GET weather NO FEATURES 1 temp", .resp2) == "*2|$4|temp|$-1|")
        #expect(store.text("FS.GET users 1 FEATURES 1 active", .resp2) == "*2|$6|active|:1|")
    }

    @Test func `packed rows hold vectors in place and NaN for null`() throws {
        let store = try Self.store()
        let reply = store.ask([
            "FS.MGET", "users", "2", "1", "9", "FEATURES", "2", "embedding", "active", "FORMAT", "packed32",
        ])
        let floats: [Float] = [1, -2, 1, .nan, .nan, .nan]
        var expected = Array("%3\r\n$6\r\nschema\r\n$22\r\n".utf8)
        let schema = ServiceDefinition.schemaFingerprint(of: [
            ServiceColumn(view: "users", keys: [], feature: "embedding", type: .vector(2)),
            ServiceColumn(view: "users", keys: [], feature: "active", type: .bool),
        ])
        expected += Array("\(schema)\r\n$4\r\nrows\r\n:2\r\n$4\r\ndata\r\n$24\r\n".utf8)
        for float in floats { withUnsafeBytes(of: float.bitPattern.littleEndian) { expected += $0 } }
        #expect(reply == expected + Array("\r\n".utf8))
    }

    @Test(arguments: [
        ("FS.GET wether JFK", "-FSNOVIEW no view 'wether'; did you mean 'weather'?|"),
        (
            "FS.GET weather JFK FEATURES 1 tmp",
            "-FSNOFEATURE view 'weather' has no feature 'tmp'; did you mean 'temp'?|"
        ),
        ("FS.GET weather JFK FEATURES 2 temp temp", "-ERR FEATURES names 'temp' twice; name each feature once|"),
        ("FS.GET weather JFK FEATURES 0", "-ERR FEATURES names none; leave it out for all features|"),
        (
            "FS.GET weather JFK FEATURES 3 temp wind",
            "-ERR FEATURES announces 3, and 2 arguments follow; expected FEATURES n feature …|"
        ),
        (
            "FS.GET weather JFK FEATURES x temp",
            "-ERR FEATURES is followed by 'x', which is no number from 0; expected FEATURES n feature …|"
        ),
        (
            "FS.GET weather JFK FORMAT rows",
            "-ERR unknown option 'FORMAT' of 'fs.get'; expected FEATURES n feature …, META, AT time|"
        ),
        ("FS.GET users x", "-FSENTITY view 'users': key 'user_id': expected int64, got 'x': it has another form|"),
        (
            "FS.GET users 9223372036854775808",
            "-FSENTITY view 'users': key 'user_id': expected int64, got '9223372036854775808': it is out of range|"
        ),
        (
            "FS.GET trips 1",
            "-FSENTITY view 'trips': '1' is no entity; expected user_id=…,origin=…|"
        ),
        ("FS.GET old 1", "-FSTYPE view 'old' keeps no latest values (online: false)|"),
        (
            "FS.MGET weather 1 JFK FORMAT packed",
            "-ERR unknown format 'packed'; expected FORMAT rows|columns|packed32|packed64|"
        ),
        (
            "FS.MGET users 1 1 FORMAT packed64",
            "-FSTYPE packed64 holds numbers only, and name is string; ask for FORMAT rows or columns|"
        ),
        (
            "FS.SERVE clicks KEYS 1 user_id ROWS 1 1 FORMAT packed32",
            "-FSTYPE packed32 would round users__clicks, which has 64 bits; ask for packed64, or say LOSSY|"
        ),
        ("FS.SERVE clock KEYS 1 user_id ROWS 1 1", "-FSNOSERVICE no service 'clock'; did you mean 'clicks'?|"),
        ("FS.SERVE clicks@9 KEYS 1 user_id ROWS 1 1", "-FSNOSERVICE no service 'clicks@9'; its newest version is 3|"),
        (
            "FS.SERVE clicks KEYS 1 user ROWS 1 1",
            "-FSENTITY service 'clicks' has no key 'user'; expected KEYS 1 user_id|"
        ),
        ("FS.SERVE clicks KEYS 2 user_id user_id ROWS 1 1 1", "-FSENTITY KEYS names 'user_id' twice|"),
        (
            "FS.SERVE trip KEYS 1 user_id ROWS 1 1",
            "-FSENTITY KEYS lacks the key 'origin' of service 'trip'; expected KEYS 3 origin dest user_id|"
        ),
        (
            "FS.SERVE clicks KEYS 1 user_id ROWS 2 1",
            "-ERR ROWS announces 2, and 1 arguments follow; expected 1 values a row|"
        ),
        (
            "FS.SERVE clicks KEYS 1 user_id ROWS 2 1 x",
            "-FSENTITY row 2, key 'user_id': expected int64, got 'x': it has another form|"
        ),
        (
            "FS.SERVE clicks KEYS 1 user_id ROWS 1 1 MINPOS 1000",
            "-FSTIMEOUT position 1000 was not reached within 5000 ms; this server is at 77|"
        ),
        (
            "FS.SERVE total KEYS 0 ROWS 999999999",
            "-FSLIMIT ROWS announces 999999999; 1048576 rows are allowed|"
        ),
    ])
    func `errors say what, got, expected and what is known`(line: String, expected: String) throws {
        #expect(try Self.store().text(line) == expected)
    }

    @Test func `a view that is not resident is asked once for all its roles`() throws {
        let store = try Self.store(resident: ["users"])
        _ = store.text("FS.SERVE trip KEYS 3 dest user_id origin ROWS 2 LAX 1 JFK JFK 2 ORD")
        let log = store.fetching.log.withLock { $0.map { "\($0.view) \($0.keys)" } }
        #expect(log == ["weather 4"])
    }

    @Test func `where PostgreSQL is away, reads of views in memory go on`() throws {
        let store = try Self.store(resident: ["users"])
        store.fetching.failure.withLock { $0 = .unavailable(reason: "PostgreSQL cannot be reached") }
        #expect(store.text("FS.GET users 1 FEATURES 1 clicks") == "%1|$6|clicks|:7|")
        #expect(
            store.text("FS.GET weather JFK") == "-FSUNAVAILABLE PostgreSQL cannot be reached; try again later|"
        )
    }

    @Test func `reads are counted by how they ended`() throws {
        let store = try Self.store()
        _ = store.text("FS.MGET weather 5 JFK LAX SFO ORD NO")
        let values = try store.catalog.view(named: "weather").counters.values
        #expect(values == .init(hits: 2, misses: 2, expired: 1, late: 0))
    }

    @Test func `entities that are no text are refused, and long ones`() throws {
        let store = try Self.store()
        let bad = store.ask([Array("FS.GET".utf8), Array("weather".utf8), [0xFF, 0xFE]], .resp3)
        #expect(String(decoding: bad, as: UTF8.self) == "-FSENTITY view 'weather': the entity is not valid UTF-8\r\n")
        let long = store.ask(["FS.GET", "weather", String(repeating: "x", count: 100_000)])
        #expect(
            String(decoding: long, as: UTF8.self).hasPrefix("-FSENTITY view 'weather': the entity has 100000 bytes")
        )
        #expect(long.count < 200)
    }

    /// The widest texts of every type, of which an encoder must have foreseen the room: more in the reply than in memory.
    @Test(arguments: [ProtocolVersion.resp2, .resp3])
    func `values that are longest as text find room`(version: ProtocolVersion) throws {
        let store = try ServedStore(
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              v:
                entities: [user]
                features:
                  { a: list(string), b: list(int64), c: float64, d: float32, e: int64, f: int32, g: bool, h: timestamp, i: string }
            """
        )
        let values: [Value] = [
            .listString(Array(repeating: "", count: 10_000)), .listInt64(Array(repeating: .min, count: 10_000)),
            .float64(-.leastNormalMagnitude), .float32(-.leastNormalMagnitude), .int64(.min), .int32(.min), .bool(true),
            .timestamp(.earliest), .string(""),
        ]
        try store.add("v", [HistoryRow([.int64(1)], at: 1, values)])
        var writer = ReplyWriter(version: version)
        writer.array(1)
        writer.array(values.count)
        for value in values { writer.value(value) }
        let expected = Array(writer.buffer.readableBytesView)
        #expect(store.ask(["FS.MGET", "v", "1", "1"], version) == expected)
        let columns = store.ask(["FS.MGET", "v", "1", "1", "FORMAT", "columns"], version)
        #expect(columns.count > expected.count)
    }

    @Test func `definitions are described`() throws {
        let store = try Self.store(resident: ["weather"])
        var decoder = ReplyDecoder()
        func ask(_ line: String) throws -> Wire.Reply {
            decoder.append(store.ask(line.split(separator: " ").map(String.init)))
            return try #require(try decoder.next())
        }
        let views = try #require(try ask("FS.VIEWS").elements)
        #expect(views.map { $0["name"]?.string } == ["old", "totals", "trips", "users", "weather"])
        #expect(views[4]["ttl"] == .integer(100) && views[4]["resident"] == .bool(true))
        #expect(views[0]["online"] == .bool(false) && views[3]["resident"] == .bool(false))
        let view = try ask("FS.VIEW users")
        #expect(view["description"]?.string == "What they do" && view["ttl"] == .null)
        #expect(
            view["features"]?.elements?.map { $0["type"]?.string } == [
                "int64", "string", "vector(2)", "timestamp", "bool",
            ]
        )
        #expect(view["keys"]?.elements?.first?["name"]?.string == "user_id")
        let services = try #require(try ask("FS.SERVICES").elements)
        #expect(services.map { $0["name"]?.string } == ["clicks", "text", "total", "trip"])
        let service = try ask("FS.SERVICE trip")
        #expect(service["version"] == .integer(3) && service["packed_width"] == .integer(4))
        #expect(service["columns"]?.elements?[2]["keys"]?["origin"]?.string == "dest")
        #expect(service["keys"]?.elements?.map { $0["name"]?.string } == ["origin", "dest", "user_id"])
        #expect(try ask("FS.SERVICE text")["packed_width"] == .null)
        guard case .error(let message) = try ask("FS.VIEW user") else { throw TestFailure() }
        #expect(message == "FSNOVIEW no view 'user'; did you mean 'users'?")
    }

    struct TestFailure: Error {}
}
