import Features
import Testing

/// A change of the definitions below, as a replacement of text, and the lines that it makes.
struct Edit: CustomTestStringConvertible {
    var name: String
    var replacements: [(String, String)]
    var expected: [String]
    var severity: DefinitionChange.Severity

    init(
        _ name: String,
        _ replacements: [(String, String)],
        _ severity: DefinitionChange.Severity,
        _ expected: String...
    ) {
        self.name = name
        self.replacements = replacements
        self.severity = severity
        self.expected = expected
    }

    var testDescription: String { name }
}

@Suite struct DefinitionChangesTests {
    private static let base = """
        entities:
          user: { key: user_id, type: int64 }
          item: { key: item_id, type: string }
          spare: { key: spare_id, type: string }
        views:
          stats:
            entities: [user]
            ttl: 30d
            features: { clicks: int64, ctr: float64 }
          site: { entities: [], features: { load: float32 } }
        services:
          ranking: [stats.*, site.load]
        """

    private static func parse(_ yaml: String) throws -> Definitions {
        try Definitions.parse(yaml: yaml, file: "f.yaml")
    }

    static let edits: [Edit] = [
        Edit("nothing", [], .safe),
        Edit(
            "another order of views and entities",
            [
                ("  spare: { key: spare_id, type: string }\n", ""),
                ("entities:\n", "entities:\n  spare: { key: spare_id, type: string }\n"),
            ],
            .safe
        ),
        Edit(
            "a feature that is named like a word of the commands",
            [("ctr: float64", "ctr: float64, SEQ: int64, source: int64")],
            .refused,
            "! feature  stats.SEQ     its name is a word of the server's commands; spell it otherwise, for example seq",
            "+ feature  stats.source  int64",
            "~ service  ranking       new version: "
        ),
        Edit(
            "a feature that is named like a row's own event time",
            [("ctr: float64", "ctr: float64, event_time: timestamp")],
            .refused,
            "! feature  stats.event_time  a column of that name is the event time of a row, in files and in a source's sql; "
                + "call the feature otherwise, for example happened_at",
            "~ service  ranking           new version: "
        ),
        Edit(
            "entity added",
            [("  spare:", "  shop: { key: shop_id, type: int64 }\n  spare:")],
            .safe,
            "+ entity   shop  key shop_id int64"
        ),
        Edit(
            "entity removed",
            [("  spare: { key: spare_id, type: string }\n", "")],
            .retires,
            "- entity   spare  no view uses it"
        ),
        Edit(
            "unused entity changed",
            [("spare_id, type: string", "spare_id, type: int64")],
            .safe,
            "~ entity   spare  key spare_id string -> spare_id int64"
        ),
        Edit(
            "used entity's type changed",
            [("user_id, type: int64", "user_id, type: string")],
            .refused,
            "! entity   user  key user_id int64 -> user_id string; the data of stats has the old key: define another entity and views of it"
        ),
        Edit(
            "used entity's key changed",
            [("key: user_id", "key: uid")],
            .refused,
            "! entity   user     key user_id int64 -> uid int64; the data of stats has the old key",
            "~ service  ranking  new version: stats__clicks from stats.clicks(user_id) -> stats.clicks(uid);"
        ),
        Edit(
            "entity noted",
            [("type: int64 }", "type: int64, description: x, owner: me, tags: { a: b } }")],
            .safe,
            "~ entity   user  description, owner none -> me, tags"
        ),
        Edit(
            "entity renamed, same key",
            [("  user:", "  person:"), ("[user]", "[person]")],
            .retires,
            "+ entity   person  key user_id int64",
            "- entity   user    no view uses it",
            "~ view     stats   entities [user] -> [person], same keys"
        ),
        Edit(
            "view added",
            [("  site:", "  deal: { entities: [user, item], features: { x: bool } }\n  site:")],
            .safe,
            "+ view     deal  key user_id int64, item_id string; 1 feature"
        ),
        Edit(
            "global view added",
            [("  site:", "  hour: { entities: [], features: { x: bool, y: bool } }\n  site:")],
            .safe,
            "+ view     hour  global; 2 features"
        ),
        Edit(
            "view removed",
            [("  site: { entities: [], features: { load: float32 } }\n", ""), (", site.load", "")],
            .retires,
            "- view     site     retired with 1 feature; data kept",
            "~ service  ranking  new version: -site__load; fingerprint asof1:"
        ),
        Edit(
            "entities of a view changed",
            [("[user]", "[user, item]")],
            .refused,
            "! view     stats    entities [user] -> [user, item]; its data has the old keys: make a view under another name",
            "~ service  ranking  new version: "
        ),
        Edit(
            "ttl changed",
            [("ttl: 30d", "ttl: 7d")],
            .safe,
            "~ view     stats    ttl 30d -> 7d",
            "~ service  ranking  new version: stats ttl 30d -> 7d; fingerprint asof1:"
        ),
        Edit(
            "ttl removed",
            [("ttl: 30d", "ttl:")],
            .safe,
            "~ view     stats    ttl 30d -> none",
            "~ service  ranking  new version: stats ttl 30d -> none; fingerprint asof1:"
        ),
        Edit("ttl spelled otherwise", [("ttl: 30d", "ttl: 720h")], .safe),
        Edit(
            "rules of a view that no service reads",
            [(", site.load", ""), ("features: { load", "delay: 1h, features: { load")],
            .safe,
            "~ view     site     delay 0s -> 1h",
            "~ service  ranking  new version: -site__load; fingerprint asof1:"
        ),
        Edit(
            "settings changed",
            [
                (
                    "ttl: 30d",
                    "ttl: 30d\n    delay: 5m\n    strict: true\n    missing: null\n    source: { sql: \"SELECT :from, :to\" }\n    owner: me"
                )
            ],
            .safe,
            "~ view     stats    delay 0s -> 5m",
            "~ view     stats    strict false -> true",
            "~ view     stats    missing error -> null",
            "~ view     stats    source added",
            "~ view     stats    owner none -> me",
            "~ service  ranking  new version: stats delay 0s -> 5m, strict false -> true; fingerprint asof1:"
        ),
        Edit(
            "offline",
            [("ttl: 30d", "ttl: 30d\n    online: false")],
            .retires,
            "~ view     stats  online true -> false"
        ),
        Edit(
            "partition changed",
            [("ttl: 30d", "ttl: 30d\n    partition: day")],
            .refused,
            "! view     stats  partition month -> day; its history is partitioned already: make a view under another name"
        ),
        Edit(
            "feature added",
            [("load: float32", "load: float32, heat: float32")],
            .safe,
            "+ feature  site.heat  float32"
        ),
        Edit(
            "feature added to a star",
            [("ctr: float64", "ctr: float64, cvr: float32")],
            .safe,
            "+ feature  stats.cvr  float32",
            "~ service  ranking    new version: +stats__cvr; fingerprint asof1:"
        ),
        Edit(
            "feature removed",
            [(", ctr: float64", "")],
            .retires,
            "- feature  stats.ctr  retired float64; data kept",
            "~ service  ranking    new version: -stats__ctr; fingerprint asof1:"
        ),
        Edit(
            "feature's type widened",
            [("load: float32", "load: float64")],
            .safe,
            "~ feature  site.load  float32 -> float64, with its history",
            "~ service  ranking    new version: site__load float32 -> float64; fingerprint"
        ),
        Edit(
            "feature's type changed",
            [("load: float32", "load: string")],
            .refused,
            "! feature  site.load  float32 -> string; its data has the old type: add a feature under another name",
            "~ service  ranking    new version: site__load float32 -> string; fingerprint"
        ),
        Edit(
            "feature described",
            [("load: float32", "load: { type: float32, description: x }")],
            .safe,
            "~ feature  site.load  description"
        ),
        Edit(
            "features in another order",
            [("clicks: int64, ctr: float64", "ctr: float64, clicks: int64")],
            .safe,
            "~ view     stats    other order of features",
            "~ service  ranking  new version: other order; fingerprint asof1:"
        ),
        Edit(
            "service added",
            [("  ranking:", "  a: [site.load]\n  ranking:")],
            .safe,
            "+ service  a  1 column; fingerprint asof1:"
        ),
        Edit(
            "service removed",
            [("  ranking: [stats.*, site.load]", "")],
            .retires,
            "- service  ranking  retired; its versions are kept"
        ),
        Edit(
            "service noted",
            [("[stats.*, site.load]", "{ owner: me, features: [stats.*, site.load] }")],
            .safe,
            "~ service  ranking  owner none -> me"
        ),
        Edit(
            "service with another key",
            [("[stats.*, site.load]", "[{ view: stats, keys: { user_id: seller } }, site.load]")],
            .safe,
            "~ service  ranking  new version: stats__clicks from stats.clicks(user_id) -> stats.clicks(seller); stats__ctr from stats.ctr(user_id) -> stats.ctr(seller); fingerprint asof1:"
        ),
    ]

    @Test(arguments: edits)
    func `every difference is one line with its severity`(edit: Edit) throws {
        var yaml = Self.base
        for (old, new) in edit.replacements {
            try #require(yaml.contains(old))
            yaml = yaml.replacing(old, with: new, maxReplacements: 1)
        }
        let changes = try Self.parse(yaml).changes(from: Self.parse(Self.base))
        let lines = DefinitionChange.lines(changes)
        let isAsExpected =
            lines.count == edit.expected.count && zip(lines, edit.expected).allSatisfy { $0.hasPrefix($1) }
        #expect(isAsExpected, "\n\(lines.joined(separator: "\n"))")
        #expect((changes.map(\.severity).max() ?? .safe) == edit.severity)
        for change in changes { #expect((change.wayOut != nil) == (change.severity == .refused)) }
    }

    @Test func `from nothing everything is added, and to nothing everything is retired`() throws {
        let definitions = try Self.parse(Self.base)
        let added = definitions.changes(from: Definitions())
        #expect(added.map(\.mark) == Array("++++++"))
        #expect(added.allSatisfy { $0.severity == .safe })
        #expect(
            added.map(\.subject) == [
                .entity("user"), .entity("item"), .entity("spare"), .view("stats"), .view("site"), .service("ranking"),
            ]
        )
        let removed = Definitions().changes(from: definitions)
        #expect(removed.map(\.mark) == Array("------"))
        #expect(removed.allSatisfy { $0.severity == .retires })
    }

    @Test(arguments: [
        (FeatureType.float32, "+ feature  site.heat  float32; its data returns", DefinitionChange.Severity.safe),
        (
            .int64,
            "! feature  site.heat  its retired data is int64, not float32; use another name, or delete the data with asof "
                + "apply --prune first", .refused
        ),
    ])
    func `a retired feature returns with its type only`(
        type: FeatureType,
        line: String,
        severity: DefinitionChange.Severity
    ) throws {
        let new = try Self.parse(Self.base.replacing("load: float32", with: "load: float32, heat: float32"))
        let retired = RetiredDefinitions(features: [.init(view: "site", feature: "heat", type: type)])
        let changes = try new.changes(from: Self.parse(Self.base), retired: retired)
        #expect(changes.map(\.line) == [line])
        #expect(changes.map(\.severity) == [severity])
        let elsewhere = RetiredDefinitions(features: [.init(view: "stats", feature: "heat", type: type)])
        #expect(
            try new.changes(from: Self.parse(Self.base), retired: elsewhere).map(\.line) == [
                "+ feature  site.heat  float32"
            ]
        )
    }

    @Test func `a retired view returns with its keys, partition and types only`() throws {
        let new = try Self.parse(Self.base)
        let applied = Definitions(entities: new.entities, views: new.views.filter { $0.name == "site" })
        let old = try #require(new.view(named: "stats"))
        func lines(_ retired: ViewDefinition) -> [String] {
            new.changes(from: applied, retired: RetiredDefinitions(views: [retired]))
                .filter { $0.noun != "service" }.map(\.line)
        }
        #expect(lines(old) == ["+ view     stats  key user_id int64; 2 features; its data returns"])
        var view = old
        view.keys[0].type = .string
        #expect(
            lines(view).map { $0.prefix(70) } == [
                "! view     stats  its retired data has key user_id string, not key use"
            ]
        )
        view = old
        view.partition = .none
        #expect(lines(view).map { $0.prefix(58) } == ["! view     stats  its retired data has partition none, not"])
        view = old
        view.features[1].type = .string
        #expect(
            lines(view).map { $0.prefix(63) } == [
                "+ view     stats  key user_id int64; 2 features; its data retur",
                "! feature  stats.ctr  its retired data is string, not float64; ",
            ]
        )
    }
}
