import Foundation
import TestSupport
import Testing

/// `asof fetch` against `asof serve`.
@Suite struct FetchTests {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          airport: { key: origin, type: string }
        views:
          stats:
            entities: [user]
            ttl: 100d
            missing: 'null'
            features: { clicks: int64, ctr: float64, name: string, seen: timestamp, near: vector(2), tags: list(string) }
          weather: { entities: [airport], features: { temp: float32 } }
        services:
          trip:
            - stats.*
            - weather.temp
            - { view: weather, as: dest_weather, keys: { origin: dest }, features: [temp] }
          small: [stats.clicks]
        """

    /// A store with some rows.
    static func store() throws -> ServedStore {
        let store = try ServedStore(yaml)
        let now = Timestamps.now()
        let lines = """
            {"user_id":1,"event_time":"\(now)","clicks":7,"ctr":0.25,"name":"a,\\"b\\"","seen":"2026-01-31T12:00:00Z","near":[1,-2.5],"tags":["x","y"]}
            {"user_id":2,"event_time":"2001-01-01T00:00:00Z","clicks":9,"ctr":1,"name":"","seen":null,"near":null,"tags":[]}
            """
        _ = try store.asof(["ingest", "stats", "-", "--format", "jsonl"], input: lines)
        _ = try store.asof(
            ["ingest", "weather", "-", "--format", "csv"],
            input: "origin,event_time,temp\nJFK,2026-01-01T00:00:00Z,39.02\n"
        )
        return store
    }

    enum Timestamps {
        /// RFC 3339, whole seconds.
        static func now() -> String { ISO8601DateFormatter().string(from: Date(timeIntervalSinceNow: -60)) }
    }

    static func fetch(_ arguments: [String], in store: ServedStore) throws -> AsofBinary.Output {
        try AsofBinary.run(["fetch"] + arguments, in: store.scratch.path, input: "")
    }

    @Test func `a service's features come with status, event time, position and fingerprint`() throws {
        let store = try Self.store()
        let server = try store.serve()
        let address = "127.0.0.1:\(server.port)"
        let keys = ["user_id=1", "origin=JFK", "dest=LAX"]
        let table = try Self.fetch(["trip"] + keys + ["--server", address], in: store)
        #expect(table.status == 0, "\(table.error)")
        #expect(table.out.hasPrefix("user_id=1, origin=JFK, dest=LAX\nfeature "))
        #expect(table.out.contains("stats__near         [1.0,-2.5]            present  "))
        #expect(table.out.contains("dest_weather__temp                        missing  -"))
        #expect(table.out.contains("weather__temp       39.02                 present  2026-01-01T00:00:00Z"))
        #expect(table.out.contains("service trip@1, schema asof1:"))
        #expect(table.out.contains("position \(try store.head())"))

        let json = try Self.fetch(
            ["trip@1", "user_id=2", "origin=JFK", "dest=JFK", "--format", "json", "--server", address],
            in: store
        )
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.out.utf8)) as? [String: Any])
        #expect((object["status"] as? [String: String])?["stats__clicks"] == "expired")
        #expect((object["event_time"] as? [String: Any])?["stats__clicks"] as? String == "2001-01-01T00:00:00Z")
        #expect((object["values"] as? [String: Any])?["dest_weather__temp"] as? Double == 39.02)
        #expect((object["keys"] as? [String: Any])?["user_id"] as? Int == 2)

        let csv = try Self.fetch(
            ["trip"] + keys + ["user_id=5", "origin=X", "dest=JFK", "--format", "csv", "--server", address],
            in: store
        )
        let lines = csv.out.split(separator: "\n", omittingEmptySubsequences: false)
        let header =
            "user_id,origin,dest,stats__clicks,stats__ctr,stats__name,stats__seen,stats__near,stats__tags,"
            + "weather__temp,dest_weather__temp"
        #expect(String(lines[0]) == header)
        let first = #"1,JFK,LAX,7,0.25,"a,""b""",2026-01-31T12:00:00Z,"[1.0,-2.5]","[""x"",""y""]",39.02,"#
        #expect(String(lines[1]) == first)
        #expect(lines[2] == "5,X,JFK,,,,,,,,39.02")
        server.stop()
    }

    @Test func `errors say what to do`() throws {
        let store = try Self.store()
        _ = try store.scratch.write("password", "geheim\n")
        #expect(chmod(store.scratch.path + "/password", 0o600) == 0)
        let server = try ServedAsof(["-d", store.conninfo, "--password-file", "password"], in: store.scratch.path)
        let address = "127.0.0.1:\(server.port)"
        let word = ["--password-file", "password", "--server", address]
        let cases: [(arguments: [String], status: Int32, text: String)] = [
            (["small", "user_id=1", "--server", "127.0.0.1:1"], 1, "no server answers at 127.0.0.1:1"),
            (["small", "user_id=1", "--server", "127.0.0.1:1"], 1, "`asof serve`"),
            (["small", "user_id=1", "--server", address], 1, "--password-file FILE"),
            (["small", "user_id=1", "--server", "no port"], 2, "expected HOST:PORT"),
            (["small", "1", "--server", address], 2, "expected key=value"),
            (["smal", "user_id=1"] + word, 1, "did you mean 'small'?"),
            (["small@9", "user_id=1"] + word, 1, "its newest version is 1"),
            (["small"] + word, 1, "the key 'user_id' is missing; expected user_id=…"),
            (["small", "user=1"] + word, 1, "service 'small' has no key 'user'; expected user_id=…"),
            (["small", "user_id=x"] + word, 1, "key 'user_id': expected int64, got 'x'"),
        ]
        let isLoaded = Patience.wait(seconds: 60) {
            (try? Self.fetch(["small", "user_id=1"] + word, in: store))?.status == 0
        }
        #expect(isLoaded)
        for (arguments, status, text) in cases {
            let output = try Self.fetch(arguments, in: store)
            #expect(
                output.status == status && output.error.contains(text),
                "\(arguments): \(output.status) \(output.error)"
            )
            #expect(output.out.isEmpty && !output.error.contains("geheim"))
        }
        server.stop()
    }
}
