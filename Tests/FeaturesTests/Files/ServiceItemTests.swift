import Foundation
import TestSupport
import Testing

@testable import Features

/// Request fields and derived columns in features.yaml.
@Suite struct ServiceItemTests {
    private static let views = """
        entities: { airport: { key: origin, type: string }, user: { key: user_id, type: int64 } }
        views:
          weather: { entities: [airport], features: { wind: float64, dir: float64 } }
          delays: { entities: [user], features: { minutes: int64 } }
          request: { entities: [user], features: { n: int64 } }

        """

    private static func service(_ items: String) throws -> ServiceDefinition {
        let yaml = views + "services:\n  s:\n" + items.split(separator: "\n").map { "    - \($0)\n" }.joined()
        return try #require(try Definitions.parseWithExpressions(yaml: yaml).service(named: "s"))
    }

    /// Line, column and text of each fault of a service; lines count within the service's items.
    private static func faults(_ items: String) -> [String] {
        do {
            _ = try service(items)
            return []
        } catch let error as DefinitionsError {
            return error.issues.map { "\($0.line - 7):\($0.column) \($0.message)" }
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `request fields and derived columns stand in the service's order, with inputs that are not put out`()
        throws
    {
        let service = try Self.service(
            """
            weather.wind
            { request: sched, type: timestamp }
            { derive: head, from: "weather.wind * cos(radians(weather.dir))" }
            { request: carrier, type: string }
            { derive: rest, from: "extract(epoch from label_time - delays._event_time) + head" }
            """
        )
        #expect(
            service.columns.map(\.outputName) == [
                "weather__wind", "request__sched", "derive__head", "request__carrier", "derive__rest",
            ]
        )
        #expect(service.columns.map(\.type.text) == ["float64", "timestamp", "float64", "string", "float64"])
        #expect(service.inputs.map(\.scopedName) == ["weather.dir", "delays._event_time"])
        #expect(service.inputs.map { $0.keys.map(\.from) } == [["origin"], ["user_id"]])
        #expect(service.lookups.map(\.scopedName) == ["weather.wind", "weather.dir", "delays._event_time"])
    }

    @Test func `a service of request fields alone needs no view`() throws {
        let service = try Self.service(#"{ request: pixels, type: "vector(64)" }"#)
        #expect(service.columns.map(\.outputName) == ["request__pixels"])
        #expect(service.lookups.isEmpty)
    }

    @Test func `a field may be a key, too, and expressions use keys, aliases and earlier derived columns`() throws {
        let service = try Self.service(
            """
            { view: weather, as: there, keys: { origin: dest }, features: [wind] }
            { request: dest, type: string }
            { derive: a, from: "length(dest) + 1" }
            { derive: b, from: "a * 2 + there.dir" }
            """
        )
        #expect(service.inputs.map(\.outputName) == ["there__dir"])
        #expect(service.inputs[0].keys == [KeyMapping(viewKey: "origin", from: "dest")])
    }

    @Test(arguments: [
        ("{ request: a }", "1:9 the request field 'a' has no type, as in { request: a, type: float64 }"),
        ("{ request: a, type: float }", "1:27 the request field 'a' has the unknown type 'float'"),
        ("{ request: label_time, type: timestamp }", "1:18 'label_time' is the label time"),
        ("{ request: a, type: int64, from: x }", "1:34 unknown key 'from' in an element of service 's'"),
        ("{ derive: a }", "1:9 the derived column 'a' has no expression"),
        ("{ derive: a, from: \"1 + \" }", "1:31 the expression of 'a' of service 's': "),
        ("{ derive: a, from: wnd }", "1:26 the expression of 'a' of service 's': "),
        ("{ derive: a, from: \"weather.wnd\" }", "1:27 the expression of 'a' of service 's': "),
        ("{ derive: a, from: '1 + ''x'' * 2' }", "1:31 the expression of 'a' of service 's': "),
        ("{ derive: origin, from: \"1\" }\nweather.wind", "1:7 service 's' derives 'origin', which is a key"),
        ("{ request: origin, type: int64 }\nweather.wind", "1:7 service 's' has the request field 'origin' as int64"),
        ("{ request: a, type: int64 }\n{ derive: a, from: \"1\" }", "2:7 service 's' has two columns 'a'"),
        ("{ derive: a, from: b }\n{ derive: b, from: \"1\" }", "1:26 the expression of 'a' of service 's': "),
        ("{ derive: a, from: \"request.n + 1\" }", "1:26 service 's' has a role 'request'"),
        (
            "{ request: user_id, type: string }\n{ derive: a, from: \"delays.minutes\" }",
            "2:26 service 's' has the request field 'user_id' as string"
        ),
        ("request.n", "1:7 service 's' has a role 'request'"),
    ])
    func `what is wrong is named with line and column`(items: String, expected: String) {
        let faults = Self.faults(items)
        #expect(faults.count == 1 && faults.first?.hasPrefix(expected) == true, "\(faults)")
    }

    @Test func `a fault in an expression of several lines has its own line and column`() {
        let yaml =
            Self.views + """
                services:
                  s:
                    - derive: a
                      from: |
                        weather.wind
                          + nothing
                    - derive: b
                      from: weather.wind
                        + nothing
                    - derive: c
                      from: "weather.wind\\
                         + nothing"

                """
        let error = #expect(throws: DefinitionsError.self) {
            try Definitions.parseWithExpressions(yaml: yaml)
        }
        #expect(error?.issues.map { "\($0.line):\($0.column)" } == ["11:13", "14:11", "17:12"])
    }

    /// `printf 'asof-rules-1\nweather - 0 0\n= head weather.wind * 2\n' | sha256sum | cut -c 1-16`
    @Test func `expressions are part of the rules, names and types of the schema`() throws {
        let rules = ServiceRules(
            [.init(prefix: "weather", ViewRules())],
            derived: [DerivedColumn(name: "head", expression: "weather.wind * 2", type: .float64)]
        )
        #expect(rules.fingerprint == "asof-rules-1:291ccb6d08373b3c")
        let definitions = try Definitions.parseWithExpressions(
            yaml: Self.views + "services: { s: [{ derive: head, from: \"weather.wind*2\" }] }"
        )
        let service = try #require(definitions.service(named: "s"))
        #expect(definitions.rules(of: service).roles.map(\.prefix) == ["weather"])
        #expect(definitions.rules(of: service).derived.count == 1)
        let other = try Definitions.parseWithExpressions(
            yaml: Self.views + "services: { s: [{ derive: head, from: \"weather.wind * 3\" }] }"
        )
        let changed = try #require(other.service(named: "s"))
        #expect(changed.fingerprint == service.fingerprint)
        #expect(other.rules(of: changed).fingerprint != definitions.rules(of: service).fingerprint)
        let lines = other.changes(from: definitions).map(\.line)
        #expect(
            lines.count == 1 && lines[0].contains("derive__head from \"weather.wind * 2\" -> \"weather.wind * 3\""),
            "\(lines)"
        )
    }

    @Test func `blanks and the case of words make no new version`() throws {
        let spellings = ["weather.wind*2+1", "  weather.wind * 2 + 1", "(weather.wind * 2) + 1"]
        let services = try spellings.map { try Self.service("{ derive: a, from: \"\($0)\" }") }
        #expect(Set(services).count == 1)
    }

    @Test func `a document of a service reads back as it was, and one of features only is what it was before`() throws {
        let service = try Self.service(
            """
            weather.wind
            { request: sched, type: timestamp }
            { derive: rest, from: "extract(epoch from sched - delays._event_time)" }
            """
        )
        let document = try JSONEncoder().encode(service)
        #expect(try JSONDecoder().decode(ServiceDefinition.self, from: document) == service)
        let plain = String(decoding: try JSONEncoder().encode(try Self.service("weather.wind")), as: UTF8.self)
        #expect(!plain.contains("inputs") && !plain.contains("request"))
        #expect(plain.contains(#""feature":"wind""#))
    }

    @Test func `a view that only expressions use is in use`() throws {
        let yaml = Self.views + "services: { s: [{ derive: a, from: \"delays.minutes + 1\" }] }"
        let definitions = try Definitions.parseWithExpressions(yaml: yaml)
        var without = definitions
        without.views.removeAll { $0.name == "delays" }
        #expect(definitions.isResolved(in: definitions))
        #expect(!definitions.isResolved(in: without))
    }
}
