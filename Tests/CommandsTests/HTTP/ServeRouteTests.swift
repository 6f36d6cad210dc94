import Features
import Foundation
import Reading
import Serving
import TestSupport
import Testing

@testable import HTTPServer

/// `/v1/serve` against what the values are, and against FS.SERVE.
@Suite struct ServeRouteTests {
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func `values of every type come as JSON has them`(seed: UInt64) throws {
        let store = try FeatureReplyTwinTests.store(
            seed,
            FeatureReplyTwinTests.types,
            resident: seed % 2 == 0 ? nil : ["weather"]
        )
        let server = try TestHTTPServer(store.engine)
        var random = SeededRandom(seed: seed &+ 77)
        let service = try store.catalog.service(named: Array("both".utf8).span)
        for _ in 0..<6 {
            let rows = (0..<random.int(0...9)).map { _ in
                (
                    user: random.int(0...9), origin: random.pick(["JFK", "LAX", "x y,z=", "nowhere"]),
                    dest: random.pick(["JFK", "é\"\\\n"])
                )
            }
            let body: String
            if random.oneIn(2) {
                let listed = rows.map {
                    "{\"dest\": \(Value.string($0.dest).json), \"user_id\":\($0.user),\"origin\":\(Value.string($0.origin).json)}"
                }
                body = "{\"rows\": [\(listed.joined(separator: " , "))], \"meta\": true}"
                if rows.isEmpty { continue }
            } else {
                body = """
                    {"meta":true, "keys": {"user_id": [\(rows.map { "\($0.user)" }.joined(separator: ","))],
                     "dest": [\(rows.map { Value.string($0.dest).json }.joined(separator: ","))],
                     "origin": [\(rows.map { Value.string($0.origin).json }.joined(separator: ","))]}}
                    """
            }
            let answer = try server.post("/v1/serve/both", body)
            #expect(answer.status == 200, "seed \(seed): \(answer.body)")
            var (values, statuses, times) = ([String](), [String](), [String]())
            for row in rows {
                let cells = try service.columns.map { column in
                    let role = service.roles[column.role]
                    let keys: [Value] =
                        role.view.name == "weather"
                        ? [.string(role.prefix == "weather" ? row.origin : row.dest), .int64(Int64(row.user))]
                        : [.int64(Int64(row.user))]
                    let feature = String(column.name.dropFirst(role.prefix.utf8.count + 2))
                    return try FeatureReplyTwinTests.cell(store, role.view.name, keys, feature)
                }
                values.append("[" + cells.map(\.value.json).joined(separator: ",") + "]")
                statuses.append("[" + cells.map { "\"\($0.status.rawValue)\"" }.joined(separator: ",") + "]")
                times.append("[" + cells.map { $0.eventTime.map(String.init) ?? "null" }.joined(separator: ",") + "]")
            }
            let expected = """
                {"service":"both","version":3,"schema":"\(service.fingerprint)","columns":[\(service.columns.map { "\"\($0.name)\"" }.joined(separator: ","))],\
                "rows":[\(values.joined(separator: ","))],"status":[\(statuses.joined(separator: ","))],\
                "event_time":[\(times.joined(separator: ","))],"position":77,"rules":"\(service.rules.fingerprint)","at":\(store.now)}
                """
            let isSame = try Self.isSame(answer.body, expected, service.columns.map(\.type))
            #expect(isSame, "seed \(seed), body \(body): got \(answer.body), expected \(expected)")
        }
    }

    /// Integers of 64 bits whole, float64 bit by bit; float32 in their own width, in which many texts stand for one value.
    private static func isSame(_ got: String, _ wanted: String, _ types: [FeatureType]) throws -> Bool {
        let sides = try [got, wanted].map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: NSObject])
        }
        var rests = sides
        let rows = try rests.indices.map { try #require(rests[$0].removeValue(forKey: "rows") as? [[NSObject]]) }
        guard rests[0] == rests[1], rows[0].count == rows[1].count else { return false }
        return zip(rows[0], rows[1]).allSatisfy { one, other in
            one.count == types.count && other.count == types.count
                && types.indices.allSatisfy { isSame(one[$0], other[$0], types[$0]) }
        }
    }

    private static func isSame(_ got: NSObject, _ wanted: NSObject, _ type: FeatureType) -> Bool {
        switch type {
        case .vector:
            guard let got = got as? [NSObject], let wanted = wanted as? [NSObject] else { return got == wanted }
            return got.count == wanted.count && zip(got, wanted).allSatisfy { isSame($0, $1, .float32) }
        case .float32:
            guard let got = got as? NSNumber, let wanted = wanted as? NSNumber else { return got == wanted }
            return got.floatValue == wanted.floatValue
        default: return got == wanted
        }
    }

    private static let yaml = """
        entities: { user: { key: user_id, type: int64 }, person: { key: login, type: string } }
        views:
          stats: { entities: [user], features: { n: int64, d: float64, v: vector(2), x: bytes, t: timestamp, li: list(int64) } }
          logins: { entities: [person], features: { n: int64 } }
          world: { entities: [], features: { n: int64 } }
        services:
          all: [stats.*]
          person: [logins.n]
          world: [world.n]
          asked: [stats.n, { request: note, type: string }, { request: amount, type: float64 }, { request: tags, type: vector(2) }, { derive: twice, from: "amount * 2.0" }]
        """

    private func store() throws -> ServedStore {
        let store = try ServedStore(Self.yaml)
        try store.add(
            "stats",
            [
                HistoryRow(
                    [.int64(9_007_199_254_740_993)],
                    at: 5,
                    [
                        .int64(-9_007_199_254_740_993), .float64(.nan), .vector([0.5, -.infinity]), .bytes([0, 255]),
                        .timestamp(Timestamp(microseconds: 1)), .listInt64([9_007_199_254_740_993]),
                    ]
                )
            ]
        )
        try store.add("logins", [HistoryRow([.string("01")], at: 5, [.int64(1)])])
        try store.add("world", [HistoryRow([], at: 5, [.int64(42)])])
        return store
    }

    @Test func `integers beyond 2^53 stay, and what JSON cannot say is a text`() throws {
        let server = try TestHTTPServer(try store().engine)
        let exact = try server.post("/v1/serve/all", "{\"keys\":{\"user_id\":9007199254740993}}")
        #expect(
            exact.body.hasSuffix(
                "\"rows\":[[-9007199254740993,\"NaN\",[0.5,\"-inf\"],\"\\\\x00ff\",\"1970-01-01T00:00:00.000001Z\",[9007199254740993]]]}\n"
            ),
            "\(exact.body)"
        )
        let texts = try server.post("/v1/serve/all@3?int64=string", "{\"keys\":{\"user_id\":[\"9007199254740993\"]}}")
        #expect(texts.body.contains("[[\"-9007199254740993\",\"NaN\""), "\(texts.body)")
        #expect(texts.body.contains("[\"9007199254740993\"]]]}"), "\(texts.body)")
        let without = try server.post("/v1/serve/world", "{\"keys\":{}}")
        #expect(without.body.hasSuffix("\"rows\":[[42]]}\n"), "\(without.body)")
    }

    @Test func `fields of requests keep null, NaN, blanks and escapes`() throws {
        let server = try TestHTTPServer(try store().engine)
        let answer = try server.post(
            "/v1/serve/asked",
            """
            {"rows": [{"user_id": 1, "note": "a\\u00e9\\n\\"", "amount": 1.5, "tags": [1, 2.5]},
                      {"note": null, "amount": "NaN", "tags": null, "user_id": 2}]}
            """
        )
        #expect(answer.status == 200, "\(answer.body)")
        #expect(
            answer.body.hasSuffix(
                "\"rows\":[[null,\"aé\\n\\\"\",1.5,[1.0,2.5],3.0],[null,null,\"NaN\",null,\"NaN\"]]}\n"
            ),
            "\(answer.body)"
        )
    }

    @Test(arguments: [
        ("/v1/serve/nothing", "{\"keys\":{}}", 404, "no service 'nothing'"),
        ("/v1/serve/all@9", "{\"keys\":{}}", 404, "no service 'all@9'; its newest version is 3"),
        ("/v1/serve/all", "{\"keys\":{}}", 400, "KEYS lacks the key 'user_id' of service 'all'"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[1,2],\"x\":[1]}}", 400, "'x' has 1 values and 'user_id' 2"),
        ("/v1/serve/all", "{\"keys\":{\"usr\":[1]}}", 400, "has no key 'usr'"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[1.5]}}", 400, "user_id"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[null]}}", 400, "row 1, key 'user_id': is null"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[true]}}", 400, "user_id"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[[1]]}}", 400, "got a JSON array"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[{}]}}", 400, "a value is a JSON object"),
        (
            "/v1/serve/person", "{\"keys\":{\"login\":[1]}}", 400,
            "expected a string, got a JSON number; put it in quotes"
        ),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[NaN]}}", 400, "row 1, key 'user_id': expected int64, got 'NaN'"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[NaM]}}", 400, "malformed JSON: expected a value, got 'N'"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[1]}", 400, "it is cut off"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[1]}} x", 400, "text follows the JSON object"),
        ("/v1/serve/all", "", 400, "the body: it is empty; expected {\"keys\": {\"user_id\": […]}}"),
        ("/v1/serve/all", "[1]", 400, "expected a JSON object, got a JSON array"),
        (
            "/v1/serve/all", "{\"meta\":1,\"keys\":{\"user_id\":[1]}}", 400,
            "meta: expected true or false, got a JSON number"
        ),
        ("/v1/serve/all", "{\"wat\":1,\"keys\":{\"user_id\":[1]}}", 400, "unknown member 'wat'"),
        ("/v1/serve/all", "{\"keys\":{\"user_id\":[1]},\"keys\":{}}", 400, "'keys' stands twice"),
        (
            "/v1/serve/all", "{\"rows\":[{\"user_id\":1},{\"user_id\":2,\"user_id\":3}]}", 400,
            "row 2 has 'user_id' twice"
        ),
        ("/v1/serve/all", "{\"rows\":[{\"user_id\":1},{}]}", 400, "row 2 lacks 'user_id'"),
        ("/v1/serve/all", "{\"at\":\"2999-01-01T00:00:00Z\",\"keys\":{\"user_id\":[1]}}", 400, "lies after now"),
        ("/v1/serve/all?int32=string", "{\"keys\":{\"user_id\":[1]}}", 400, "has no parameter 'int32'"),
        (
            "/v1/serve/asked", "{\"keys\":{\"user_id\":[1],\"note\":[1],\"amount\":[1],\"tags\":[[1,2]]}}", 400,
            "field 'note'"
        ),
        (
            "/v1/serve/asked", "{\"keys\":{\"user_id\":[1],\"note\":[\"\\u0000\"],\"amount\":[1],\"tags\":[[1,2]]}}",
            400, "U+0000"
        ),
        (
            "/v1/serve/asked", "{\"keys\":{\"user_id\":[1],\"note\":[\"\"],\"amount\":[\"\"],\"tags\":[[1,2]]}}", 400,
            "null is written null"
        ),
    ])
    func `what is wrong with a request is said, with what is expected`(
        path: String,
        body: String,
        status: Int,
        text: String
    ) throws {
        let server = try TestHTTPServer(try store().engine)
        let answer = try server.post(path, body)
        #expect(answer.status == status, "\(answer.body)")
        let told = try #require(
            try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: String],
            "\(answer.body)"
        )
        #expect(told["error"]?.contains(text) == true, "\(answer.body)")
        #expect(answer.headers["content-type"] == "application/json")
    }

    @Test func `a body that is large is read beside the event loop, with the same answer`() throws {
        let store = try store()
        let server = try TestHTTPServer(store.engine)
        let count = 60_000
        let keys = Array(repeating: "9007199254740993", count: count).joined(separator: ",")
        let answer = try server.post("/v1/serve/all", "{\"keys\":{\"user_id\":[\(keys)]}}")
        #expect(answer.status == 200, "\(answer.body.prefix(300))")
        #expect(answer.body.components(separatedBy: "-9007199254740993").count == count + 1)
    }
}
