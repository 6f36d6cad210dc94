import Features
import Foundation
import TestSupport
import Testing

@Suite struct ServiceRulesTests {
    private static func role(
        _ prefix: String,
        ttl: String? = nil,
        delay: String = "0s",
        strict: Bool = false
    ) -> ServiceRules.Role {
        ServiceRules.Role(
            prefix: prefix,
            ViewRules(
                ttl: ttl.flatMap { Interval(text: $0) },
                delay: Interval(text: delay) ?? .zero,
                isStrict: strict
            )
        )
    }

    /// Computed by Python: "asof-rules-1:" + hashlib.sha256(text.encode()).hexdigest()[:16].
    @Test(arguments: [
        // 'asof-rules-1\nuser_stats 2592000000000 0 0\n'
        ([role("user_stats", ttl: "30d")], "683cb79487b794c4"),
        // 'asof-rules-1\nuser_stats 2592000000000 0 0\nweather - 7200000000 1\n', as in docs/explanation/service-versions.md
        ([role("user_stats", ttl: "30d"), role("weather", delay: "2h", strict: true)], "466c64ff6db9cd78"),
        // 'asof-rules-1\nuser_stats 2592000000000 0 0\nweather - 7200000000 1\ndest_weather - 7200000000 1\n'
        (
            [
                role("user_stats", ttl: "30d"), role("weather", delay: "2h", strict: true),
                role("dest_weather", delay: "2h", strict: true),
            ], "662f96cd68afca4f"
        ),
        // 'asof-rules-1\nv 0 0 0\n' and 'asof-rules-1\nv - 0 0\n': a TTL of nothing is not none.
        ([role("v", ttl: "0s")], "ffd73f403beb1068"), ([role("v")], "a9937c78b13f15e1"),
        // 'asof-rules-1\nv 9223372036854775807 9223372036854775807 1\n'
        (
            [role("v", ttl: "9223372036854775807us", delay: "9223372036854775807us", strict: true)],
            "018fa53f3d72270a"
        ),
    ])
    func `the fingerprint is that of the bytes in the docs`(roles: [ServiceRules.Role], digits: String) {
        #expect(ServiceRules(roles).fingerprint == "asof-rules-1:" + digits)
    }

    @Test func `every rule, role and their order enter the fingerprint, the spelling of durations does not`() {
        let base = [Self.role("a", ttl: "30d"), Self.role("b", delay: "1h")]
        let others = [
            [Self.role("a", ttl: "31d"), Self.role("b", delay: "1h")], [Self.role("a"), Self.role("b", delay: "1h")],
            [Self.role("a", ttl: "30d", delay: "1us"), Self.role("b", delay: "1h")],
            [Self.role("a", ttl: "30d"), Self.role("b", delay: "1h", strict: true)],
            [Self.role("b", delay: "1h"), Self.role("a", ttl: "30d")], [Self.role("a", ttl: "30d")],
            [Self.role("c", ttl: "30d"), Self.role("b", delay: "1h")], [],
        ]
        let all = ([base] + others).map { ServiceRules($0).fingerprint }
        #expect(Set(all).count == all.count)
        let spelled = ServiceRules([Self.role("a", ttl: "720h"), Self.role("b", delay: "3600s")])
        #expect(spelled == ServiceRules(base) && spelled.fingerprint == ServiceRules(base).fingerprint)
    }

    @Test func `as JSON rules are what the store's table has`() throws {
        let rules = ServiceRules([Self.role("a", ttl: "30d", strict: true), Self.role("b", delay: "1h")])
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let text = String(decoding: try encoder.encode(rules), as: UTF8.self)
        #expect(
            text
                == #"[{"delay_us":0,"prefix":"a","strict":true,"ttl_us":2592000000000},{"delay_us":3600000000,"prefix":"b","strict":false,"ttl_us":null}]"#
        )
        #expect(try JSONDecoder().decode(ServiceRules.self, from: Data(text.utf8)) == rules)
    }

    private static let yaml = """
        entities: { airport: { key: origin, type: string } }
        views:
          weather: { entities: [airport], ttl: 3h, features: { temp: float64, wind: float32 } }
          site: { entities: [], delay: 1m, strict: true, features: { load: float32 } }
        services:
          trip:
            - weather.wind
            - site.load
            - { view: weather, as: dest_weather, keys: { origin: dest }, features: [temp] }
            - weather.temp
        """

    @Test func `a service's roles stand once each, in the order of its columns`() throws {
        let definitions = try Definitions.parse(yaml: Self.yaml, file: "f.yaml")
        let rules = definitions.rules(of: try #require(definitions.service(named: "trip")))
        #expect(
            rules.roles == [
                Self.role("weather", ttl: "3h"), Self.role("site", delay: "1m", strict: true),
                Self.role("dest_weather", ttl: "3h"),
            ]
        )
        #expect(rules["site"]?.isStrict == true && rules["trip"] == nil)
    }

    private static func lines(_ new: String, _ old: String = yaml, _ versions: [(Int, String)] = []) throws -> [String]
    {
        var known = ServiceVersions()
        for (number, yaml) in versions {
            let definitions = try Definitions.parse(yaml: yaml, file: "f.yaml")
            let service = try #require(definitions.service(named: "trip"))
            known.add(.init(number: number, service, rules: definitions.rules(of: service)))
        }
        return try Definitions.parse(yaml: new, file: "f.yaml")
            .changes(from: try Definitions.parse(yaml: old, file: "f.yaml"), versions: known).map(\.line)
    }

    @Test func `a change names the version that a service gets, and why, role by role`() throws {
        let shorter = Self.yaml.replacing("ttl: 3h", with: "ttl: 2h")
        #expect(
            try Self.lines(shorter, Self.yaml, [(1, Self.yaml)]) == [
                "~ view     weather  ttl 3h -> 2h",
                "~ service  trip  new version 2: weather ttl 3h -> 2h; dest_weather ttl 3h -> 2h; "
                    + "fingerprint asof1:bc839dc3dd57cf67 as before; rules asof-rules-1:7975235fe17c7c8d -> asof-rules-1:62c0817a4986951d",
            ]
        )
        let back = try Self.lines(Self.yaml, shorter, [(1, Self.yaml), (2, shorter)])
        #expect(back.last?.hasPrefix("~ service  trip  version 1 again: weather ttl 2h -> 3h; ") == true, "\(back)")
        // Of two that were the same before rules counted, the later one.
        let twins = try Self.lines(Self.yaml, shorter, [(1, Self.yaml), (2, shorter), (3, Self.yaml)])
        #expect(twins.last?.hasPrefix("~ service  trip  version 3 again: ") == true, "\(twins)")
        // Columns and rules at once, and rules of a role that comes or goes are no change of its rules.
        let both = shorter.replacing("    - site.load\n", with: "")
        let changed = try Self.lines(both, Self.yaml, [(1, Self.yaml), (2, shorter)])
        #expect(
            changed.last?.hasPrefix(
                "~ service  trip  new version 3: -site__load; weather ttl 3h -> 2h; dest_weather ttl 3h -> 2h; fingerprint"
            ) == true,
            "\(changed)"
        )
    }

    @Test func `a service that returns gets its version, or says that it gets another`() throws {
        let without = String(Self.yaml[..<(Self.yaml.range(of: "services:")?.lowerBound ?? Self.yaml.endIndex)])
        func line(_ yaml: String, _ versions: [(Int, String)]) throws -> String {
            try Self.lines(yaml, without, versions).last ?? ""
        }
        #expect(try line(Self.yaml, []).hasPrefix("+ service  trip  4 columns; fingerprint asof1:"))
        #expect(try line(Self.yaml, [(1, Self.yaml)]).hasPrefix("+ service  trip  version 1 again; 4 columns; "))
        let strict = Self.yaml.replacing("strict: true", with: "strict: false")
        #expect(
            try Self.lines(strict, strict.replacing("trip:", with: "other:"), [(1, Self.yaml)]).contains {
                $0.hasPrefix("+ service  trip  new version 2; 4 columns; ")
            }
        )
    }

    @Test func `another source is no rule, and the plan says what that means`() throws {
        func yaml(_ sql: String) -> String {
            Self.yaml.replacing("ttl: 3h", with: "ttl: 3h, source: { sql: '\(sql)' }")
        }
        let lines = try Self.lines(yaml("SELECT 2, :from, :to"), yaml("SELECT 1, :from, :to"))
        #expect(lines == ["~ view     weather  source changed: values change under all versions of trip"])
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `a version's number is that of the last one that was the same, else one more`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var versions = ServiceVersions()
        var known: [(columns: [ServiceColumn], rules: ServiceRules)] = []
        for _ in 0..<40 {
            let columns = (0..<random.int(1...2)).map {
                ServiceColumn(view: "v", keys: [], feature: "f\($0)", type: .bool)
            }
            let rules = ServiceRules([
                Self.role("v", ttl: random.pick([nil, "1s", "2s"]), strict: random.oneIn(2))
            ])
            let service = ServiceDefinition(name: "s", columns: columns)
            let got = versions.number(of: service, rules: rules)
            let same = known.lastIndex { $0.columns == columns && $0.rules == rules }
            #expect(got.number == (same ?? known.count) + 1 && got.isNew == (same == nil), "seed \(seed)")
            guard got.isNew else { continue }
            known.append((columns, rules))
            versions.add(.init(number: got.number, service, rules: rules))
        }
        #expect(known.count > 3)
    }
}
