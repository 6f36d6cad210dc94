import Features
import Foundation
import Testing

@Suite struct DefinitionsTests {
    static let example = """
        entities:
          user:    { key: user_id, type: int64, description: "A registered user" }
          airport: { key: origin,  type: string }
        views:
          user_stats:
            description: Clicks and rates        # description, owner, tags: everywhere
            entities: [user]                     # [] = a global view, one latest row
            ttl: 30d
            delay: 1h
            strict: true
            missing: null
            online: false
            partition: day
            owner: ranking
            tags: { team: no, tier: 1 }
            features: { clicks_7d: int64, ctr: float64, embedding: vector(64) }
            source: { sql: "SELECT ... WHERE event_time >= :from AND event_time < :to" }
          weather:
            entities: [airport]
            features:
              temp: { type: float32, description: Degrees Celsius }
              wind: float32
        services:
          ranking: [user_stats.clicks_7d, user_stats:ctr]
          trip:
            - weather.*
            - { view: weather, as: dest_weather, keys: { origin: dest }, features: [temp, wind] }
        """

    private func parse(_ yaml: String) throws -> Definitions { try Definitions.parse(yaml: yaml, file: "f.yaml") }

    @Test func `every setting is read`() throws {
        let definitions = try parse(Self.example)
        #expect(
            definitions.entities == [
                EntityDefinition(name: "user", key: "user_id", type: .int64, description: "A registered user"),
                EntityDefinition(name: "airport", key: "origin", type: .string),
            ]
        )
        #expect(
            definitions.view(named: "user_stats")
                == ViewDefinition(
                    name: "user_stats",
                    entities: ["user"],
                    keys: [KeyColumn(name: "user_id", type: .int64)],
                    features: [
                        FeatureDefinition(name: "clicks_7d", type: .int64),
                        FeatureDefinition(name: "ctr", type: .float64),
                        FeatureDefinition(name: "embedding", type: .vector(64)),
                    ],
                    ttl: Interval(text: "30d"),
                    delay: Interval(microseconds: 3_600_000_000),
                    isStrict: true,
                    missing: .null,
                    isOnline: false,
                    partition: .day,
                    source: BatchSource(sql: "SELECT ... WHERE event_time >= :from AND event_time < :to"),
                    description: "Clicks and rates",
                    owner: "ranking",
                    tags: ["team": "no", "tier": "1"]
                )
        )
    }

    @Test func `what is not said has its default`() throws {
        #expect(
            try parse(Self.example).view(named: "weather")
                == ViewDefinition(
                    name: "weather",
                    entities: ["airport"],
                    keys: [KeyColumn(name: "origin", type: .string)],
                    features: [
                        FeatureDefinition(name: "temp", type: .float32, description: "Degrees Celsius"),
                        FeatureDefinition(name: "wind", type: .float32),
                    ],
                    ttl: nil,
                    delay: .zero,
                    isStrict: false,
                    missing: .error,
                    isOnline: true,
                    partition: .month,
                    source: nil,
                    description: nil,
                    owner: nil,
                    tags: [:]
                )
        )
    }

    @Test func `services are expanded in order, with aliases and mapped keys`() throws {
        let definitions = try parse(Self.example)
        let user = [KeyMapping(viewKey: "user_id", from: "user_id")]
        let origin = [KeyMapping(viewKey: "origin", from: "origin")]
        let dest = [KeyMapping(viewKey: "origin", from: "dest")]
        #expect(
            definitions.service(named: "ranking")?.columns == [
                ServiceColumn(view: "user_stats", keys: user, feature: "clicks_7d", type: .int64),
                ServiceColumn(view: "user_stats", keys: user, feature: "ctr", type: .float64),
            ]
        )
        let trip = try #require(definitions.service(named: "trip"))
        #expect(
            trip.columns == [
                ServiceColumn(view: "weather", keys: origin, feature: "temp", type: .float32),
                ServiceColumn(view: "weather", keys: origin, feature: "wind", type: .float32),
                ServiceColumn(view: "weather", alias: "dest_weather", keys: dest, feature: "temp", type: .float32),
                ServiceColumn(view: "weather", alias: "dest_weather", keys: dest, feature: "wind", type: .float32),
            ]
        )
        #expect(
            trip.columns.map(\.outputName)
                == ["weather__temp", "weather__wind", "dest_weather__temp", "dest_weather__wind"]
        )
    }

    @Test(arguments: [
        "{ view: weather, as: w }", "{ view: weather, as: w, features: '*' }",
        "{ view: weather, as: w, keys: { origin: origin }, features: [temp, wind] }",
    ])
    func `a role without features has all, and without keys the view's own`(role: String) throws {
        let definitions = try parse(Self.example + "\n  renamed: { owner: x, features: [\(role)] }")
        let columns = try #require(definitions.service(named: "renamed")?.columns)
        #expect(columns.map(\.outputName) == ["w__temp", "w__wind"])
        #expect(columns.allSatisfy { $0.feature?.keys == [KeyMapping(viewKey: "origin", from: "origin")] })
        #expect(definitions.service(named: "renamed")?.owner == "x")
    }

    @Test func `keys of several entities keep their order, can be swapped, and a global view has none`() throws {
        let definitions = try parse(
            """
            entities: { a: { key: origin, type: string }, b: { key: dest, type: string } }
            views:
              route: { entities: [b, a], features: { delay_s: int64 } }
              site: { entities: [], features: { load: float64 } }
            services: { s: [{ view: route, as: back, keys: { origin: dest, dest: origin } }, site.load] }
            """
        )
        #expect(definitions.view(named: "route")?.keys.map(\.name) == ["dest", "origin"])
        #expect(definitions.view(named: "site")?.isGlobal == true)
        let columns = try #require(definitions.service(named: "s")?.columns)
        #expect(
            columns[0].feature?.keys == [
                KeyMapping(viewKey: "dest", from: "origin"), KeyMapping(viewKey: "origin", from: "dest"),
            ]
        )
        #expect(columns[1].feature?.keys == [])
    }

    @Test(arguments: [
        "", "\n\n", "# nothing\n# yet", "---\n", "---\n...\n", "~", "{}", "entities:\nviews:\nservices:\n", "\u{FEFF}",
        "\u{FEFF}views: {}\r\n", DefinitionsTemplate.commentedYAML,
    ])
    func `a file with nothing in it is no definitions`(yaml: String) throws {
        #expect(try parse(yaml) == Definitions())
    }

    @Test func `the example of the file that init writes is valid`() throws {
        let lines = DefinitionsTemplate.commentedYAML.split(separator: "\n", omittingEmptySubsequences: false)
        let yaml = lines.map { $0.hasPrefix("#  ") ? $0.dropFirst() : $0 }.joined(separator: "\n")
        let definitions = try parse(yaml)
        #expect(definitions.entities.count == 1)
        #expect(definitions.views.first?.features.count == 2)
        #expect(definitions.services.first?.columns.count == 2)
    }

    @Test func `words that YAML takes for booleans, nulls and numbers are names as written`() throws {
        let definitions = try parse(
            """
            entities: { on: { key: y, type: int64 } }
            views: { no: { entities: [on], features: { yes: bool, null: int64, off: { type: string }, e1: bool } } }
            services: { true: [no.yes, no.null] }
            """
        )
        #expect(definitions.entities.map(\.name) == ["on"])
        #expect(definitions.entities.map(\.key) == ["y"])
        #expect(definitions.views.first?.features.map(\.name) == ["yes", "null", "off", "e1"])
        #expect(definitions.services.first?.columns.map(\.outputName) == ["no__yes", "no__null"])
        #expect(definitions.services.first?.name == "true")
    }

    @Test func `null is nothing where it is plain, and text where it is quoted`() throws {
        let definitions = try parse(
            """
            entities: { a: { key: k, type: int64, description: null, owner: ~ } }
            views: { v: { entities: [a], ttl: ~, source: null, features: { x: bool }, description: 'null', owner: "~" } }
            """
        )
        #expect(definitions.entities.first?.description == nil)
        #expect(definitions.entities.first?.owner == nil)
        #expect(definitions.views.first?.description == "null")
        #expect(definitions.views.first?.owner == "~")
        #expect(definitions.views.first?.ttl == nil)
        #expect(definitions.views.first?.source == nil)
    }

    @Test func `anchors and aliases are followed`() throws {
        let definitions = try parse(
            """
            entities: { user: { key: k, type: int64, tags: &t { team: a } } }
            views: { v: { entities: [user], tags: *t, features: &f { a: bool } }, w: { entities: [], features: *f } }
            """
        )
        #expect(definitions.view(named: "v")?.tags == ["team": "a"])
        #expect(definitions.view(named: "w")?.features == definitions.view(named: "v")?.features)
    }

    @Test func `aliases that multiply without end are refused`() {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            yaml += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 8).joined(separator: ", "))]\n"
        }
        #expect(throws: DefinitionsError.self) { try parse(yaml) }
        #expect(issues(of: yaml) == ["1:1: the file's aliases expand to more than 1048576 values"])
    }

    @Test func `nesting without end is refused`() {
        #expect(issues(of: String(repeating: "[", count: 100_000)).count == 1)
    }

    @Test func `a file of more than one mebibyte is refused`() {
        let yaml = "# " + String(repeating: "x", count: 1 << 20)
        #expect(issues(of: yaml) == ["1:1: the file has 1048578 bytes; 1048576 are allowed"])
    }

    @Test func `fifty faults are reported at most, the first ones`() {
        let yaml = "views:\n" + (1...60).map { "  v\($0): 1\n" }.joined()
        let issues = issues(of: yaml)
        #expect(issues.count == 50)
        #expect(issues.last?.hasPrefix("51:8: view 'v50'") == true)
    }

    private func issues(of yaml: String) -> [String] {
        do {
            _ = try Definitions.parse(yaml: yaml, file: "f")
            return []
        } catch {
            return error.issues.map { "\($0.line):\($0.column): \($0.message)" }
        }
    }

    @Test(arguments: [
        ("float64", 970, true), ("float64", 1_000, false), ("int32", 1_590, true), ("bool", 1_595, true),
        ("bool", 1_596, false), ("string", 322, true), ("string", 332, false), ("vector(16000)", 300, true),
    ])
    func `a view that PostgreSQL could not store is refused`(type: String, count: Int, isGood: Bool) {
        let features = (0..<count).map { "f\($0): \(type)" }.joined(separator: ", ")
        let yaml = """
            entities: { user: { key: user_id, type: int64 } }
            views:
              v: { entities: [user], features: { \(features) } }
            """
        let issues = issues(of: yaml)
        #expect(issues.isEmpty == isGood, "\(issues)")
        if !isGood { #expect(issues.first?.hasPrefix("3:26: view 'v' has ") == true) }
        #expect(issues.allSatisfy { $0.contains("use a vector(n)") })
    }

    @Test func `the width of a row counts header, padding, keys and our columns`() {
        let view = ViewDefinition(
            name: "v",
            entities: ["a", "b"],
            keys: [KeyColumn(name: "s", type: .string), KeyColumn(name: "i", type: .int64)],
            features: [
                FeatureDefinition(name: "a", type: .bool), FeatureDefinition(name: "b", type: .float32),
                FeatureDefinition(name: "c", type: .bool), FeatureDefinition(name: "d", type: .timestamp),
            ]
        )
        // Header 23 + 2 -> 32; keys 24 + 8; ours 24 + 1; bool 1, padding 2, float32 4, bool 1, padding 7, timestamp 8.
        #expect(view.rowBytesMax == 32 + 32 + 25 + 1 + 2 + 4 + 1 + 7 + 8)
    }

    @Test func `definitions survive JSON, with types and durations as their text`() throws {
        let definitions = try parse(Self.example)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data = try encoder.encode(definitions)
        #expect(try JSONDecoder().decode(Definitions.self, from: data) == definitions)
        let text = String(decoding: data, as: UTF8.self)
        #expect(text.contains(#""type":"vector(64)""#))
        #expect(text.contains(#""ttl":"30d""#))
    }

    @Test(arguments: [#"{"type":"float16","name":"a"}"#, #"{"type":7,"name":"a"}"#])
    func `JSON with an unknown type is refused`(json: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(FeatureDefinition.self, from: Data(json.utf8))
        }
    }
}
