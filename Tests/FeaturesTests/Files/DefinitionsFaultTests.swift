import Features
import Testing

/// A features.yaml with its faults, each as `line:column: part of the message`.
struct Fault: CustomTestStringConvertible {
    var name: String
    var yaml: String
    var expected: [String]

    init(_ name: String, _ yaml: String, _ expected: String...) {
        self.name = name
        self.yaml = yaml
        self.expected = expected
    }

    var testDescription: String { name }
}

private let user = "entities: { user: { key: user_id, type: int64 }, item: { key: item_id, type: string } }\n"

/// A view `v` whose text starts on line 2, column 15.
private func view(_ text: String) -> String { user + "views: { v:   \(text) }" }

/// A view `weather` with two string keys and a global view, then a service on line 7.
private func service(_ text: String) -> String {
    """
    entities: { a: { key: origin, type: string }, b: { key: dest, type: string }, c: { key: dest, type: int64 } }
    views:
      weather: { entities: [a], features: { temp: float32, wind: float32 } }
      route: { entities: [a, b], features: { delay_s: int64 } }
      site: { entities: [], features: { load: float64 } }
      other: { entities: [c], features: { z: bool } }
    services: { s: \(text) }
    """
}

@Suite struct DefinitionsFaultTests {
    static let views: [Fault] = [
        Fault(
            "unknown key",
            view("{ entities: [user], features: { a: bool }, cadence: 30d }"),
            "2:58: unknown key 'cadence' in view 'v'; known: entities, ttl"
        ),
        Fault(
            "misspelt key",
            view("{ entity: [user], features: { a: bool } }"),
            "2:10: view 'v' has no entities",
            "2:17: unknown key 'entity' in view 'v'"
        ),
        Fault("nothing", view(""), "2:16: view 'v' is empty; expected a mapping"),
        Fault("no features", view("{ entities: [user] }"), "2:10: view 'v' has no features"),
        Fault("empty features", view("{ entities: [user], features: {} }"), "2:45: view 'v' has no features"),
        Fault("null features", view("{ entities: [user], features: }"), "2:35: view 'v' has no features"),
        Fault(
            "features as list",
            view("{ entities: [user], features: [a] }"),
            "2:45: 'features' of view 'v' is a list"
        ),
        Fault(
            "entities as word",
            view("{ entities: user, features: { a: bool } }"),
            "2:27: 'entities' of view 'v' is a single value; expected a list, as in [user]"
        ),
        Fault(
            "entities empty",
            view("{ entities: , features: { a: bool } }"),
            "2:27: 'entities' of view 'v' is empty; expected a list"
        ),
        Fault(
            "unknown entity",
            view("{ entities: [usr], features: { a: bool } }"),
            "2:28: view 'v' names an unknown entity 'usr'; did you mean 'user'?"
        ),
        Fault(
            "far entity",
            view("{ entities: [airport], features: { a: bool } }"),
            "2:28: view 'v' names an unknown entity 'airport'; known: item, user"
        ),
        Fault(
            "entity twice",
            view("{ entities: [user, user], features: { a: bool } }"),
            "2:34: view 'v' names the entity 'user' twice"
        ),
        Fault(
            "one key column twice",
            "entities: { a: { key: k, type: int64 }, b: { key: k, type: int64 } }\nviews:\n  v: { entities: [a, b], features: { x: bool } }",
            "3:22: two entities of view 'v' have the key column 'k'"
        ),
        Fault(
            "feature named like a key",
            view("{ entities: [user], features: { user_id: int64 } }"),
            "2:47: the feature 'user_id' of view 'v' has the name of one of its keys"
        ),
        Fault(
            "unknown type",
            view("{ entities: [user], features: { a: number } }"),
            "2:50: the feature 'a' of view 'v' has the unknown type 'number'; known: bool, int32"
        ),
        Fault(
            "foreign type",
            view("{ entities: [user], features: { a: double } }"),
            "2:50: the feature 'a' of view 'v' has the unknown type 'double'; did you mean 'float64'?"
        ),
        Fault(
            "type in capitals",
            view("{ entities: [user], features: { a: Int64 } }"),
            "2:50: the feature 'a' of view 'v' has the unknown type 'Int64'; did you mean 'int64'?"
        ),
        Fault(
            "vector(0)",
            view("{ entities: [user], features: { a: vector(0) } }"),
            "2:50: the feature 'a' of view 'v' has the unknown type 'vector(0)'; a vector is vector(n) with n from 1 to 16000"
        ),
        Fault(
            "no type",
            view("{ entities: [user], features: { a: } }"),
            "2:47: the feature 'a' of view 'v' has no type; known: bool"
        ),
        Fault(
            "no type, long form",
            view("{ entities: [user], features: { a: { description: x } } }"),
            "2:47: the feature 'a' of view 'v' has no type"
        ),
        Fault(
            "type as list",
            view("{ entities: [user], features: { a: [int64] } }"),
            "2:50: the type of feature 'a' of view 'v' is a list; expected text"
        ),
        Fault(
            "unknown key of feature",
            view("{ entities: [user], features: { a: { type: bool, default: 1 } } }"),
            "2:64: unknown key 'default' in the feature 'a' of view 'v'; known: type, description"
        ),
        Fault(
            "feature name",
            view("{ entities: [user], features: { 7d: bool } }"),
            "2:47: the feature name '7d' does not start with a letter"
        ),
        Fault(
            "ttl without unit",
            view("{ entities: [user], ttl: 30, features: { a: bool } }"),
            "2:40: the ttl of view 'v' is '30'; expected an integer and a unit (us ms s m h d w), as in 30d"
        ),
        Fault(
            "negative delay",
            view("{ entities: [user], delay: -1s, features: { a: bool } }"),
            "2:42: the delay of view 'v' is '-1s'; expected an integer and a unit"
        ),
        Fault(
            "ttl too long",
            view("{ entities: [user], ttl: 99999999999w, features: { a: bool } }"),
            "2:40: the ttl of view 'v' is '99999999999w'"
        ),
        Fault(
            "ttl as list",
            view("{ entities: [user], ttl: [1d], features: { a: bool } }"),
            "2:40: the ttl of view 'v' is a list; expected text"
        ),
        Fault(
            "ttl below delay",
            view("{ entities: [user], delay: 2d, ttl: 36h, features: { a: bool } }"),
            "2:51: the ttl of view 'v', 36h, is shorter than its delay, 2d"
        ),
        Fault(
            "strict: yes",
            view("{ entities: [user], strict: yes, features: { a: bool } }"),
            "2:43: 'strict' of view 'v' is 'yes'; expected true or false"
        ),
        Fault(
            "online: 1",
            view("{ entities: [user], online: 1, features: { a: bool } }"),
            "2:43: 'online' of view 'v' is '1'; expected true or false"
        ),
        Fault(
            "missing: zero",
            view("{ entities: [user], missing: zero, features: { a: bool } }"),
            "2:44: 'missing' of view 'v' is 'zero'; expected one of error, null"
        ),
        Fault(
            "missing empty",
            view("{ entities: [user], missing: , features: { a: bool } }"),
            "2:44: 'missing' of view 'v' is empty; expected one of error, null"
        ),
        Fault(
            "partition: week",
            view("{ entities: [user], partition: week, features: { a: bool } }"),
            "2:46: 'partition' of view 'v' is 'week'; expected one of day, month, year, none"
        ),
        Fault(
            "source as text",
            view("{ entities: [user], features: { a: bool }, source: SELECT 1 }"),
            "2:66: 'source' of view 'v' is a single value; expected a mapping"
        ),
        Fault(
            "source without sql",
            view("{ entities: [user], features: { a: bool }, source: {} }"),
            "2:58: 'source' of view 'v' has no sql"
        ),
        Fault(
            "blank sql",
            view("{ entities: [user], features: { a: bool }, source: { sql: ' ' } }"),
            "2:73: the sql of view 'v' is empty"
        ),
        Fault(
            "line end in a value",
            view("{ entities: [\"a\\nb\"], features: { a: bool } }"),
            "2:28: view 'v' names an unknown entity 'a b'; known"
        ),
    ]

    static let longValues: [Fault] = [
        Fault(
            "a long value is quoted by its start",
            view("{ entities: [\(String(repeating: "u", count: 1_000))], features: { a: bool } }"),
            "2:28: view 'v' names an unknown entity '\(String(repeating: "u", count: 60))…'; known: item, user"
        )
    ]

    static let services: [Fault] = [
        Fault("empty", service("[]"), "7:16: service 's' has no features"),
        Fault(
            "null",
            service(""),
            "7:17: service 's' is empty; expected a list, as in [user_stats.clicks_7d, weather.*]"
        ),
        Fault("a word", service("weather"), "7:16: service 's' is a single value; expected a list"),
        Fault("long form without features", service("{ description: x }"), "7:13: service 's' has no features"),
        Fault(
            "unknown key",
            service("{ columns: [], features: [weather.*] }"),
            "7:18: unknown key 'columns' in service 's'; known: features, description"
        ),
        Fault(
            "view alone",
            service("[weather]"),
            "7:17: service 's' has 'weather'; expected view.feature or view.*; did you mean 'weather.*'?"
        ),
        Fault("three parts", service("[a.b.c]"), "7:17: service 's' has 'a.b.c'; expected view.feature or view.*"),
        Fault("list in list", service("[[a.b]]"), "7:17: an element of service 's' is a list; expected text"),
        Fault(
            "unknown view",
            service("[weathr.temp]"),
            "7:17: service 's' names an unknown view 'weathr'; did you mean 'weather'?"
        ),
        Fault(
            "far view",
            service("[clicks.*]"),
            "7:17: service 's' names an unknown view 'clicks'; known: other, route, site, weather"
        ),
        Fault(
            "unknown feature",
            service("[weather.tmp, weather.humidity]"),
            "7:17: service 's' names an unknown feature 'tmp' of the view 'weather'; did you mean 'temp'?",
            "7:30: service 's' names an unknown feature 'humidity' of the view 'weather'; known: temp, wind"
        ),
        Fault(
            "feature twice",
            service("[weather.temp, weather:temp]"),
            "7:31: service 's' has the column 'weather__temp' twice"
        ),
        Fault(
            "feature and star",
            service("[weather.temp, weather.*]"),
            "7:31: service 's' has the column 'weather__temp' twice"
        ),
        Fault("no view", service("[{ as: w }]"), "7:17: an element of service 's' has no view"),
        Fault(
            "role of unknown view",
            service("[{ view: wether, as: w }]"),
            "7:25: service 's' names an unknown view 'wether'; did you mean 'weather'?"
        ),
        Fault("alias name", service("[{ view: weather, as: my__w }]"), "7:38: the alias name 'my__w' contains '__'"),
        Fault(
            "a role named as columns of requests",
            service("[{ view: weather, as: request }]"),
            "7:38: service 's' has a role 'request', which stands for columns of requests and of computed features; give"
        ),
        Fault(
            "a role named as computed columns",
            service("[{ view: weather, as: derive, features: [temp] }]"),
            "7:38: service 's' has a role 'derive', which stands for columns of requests and of computed features; give"
        ),
        Fault(
            "unknown key of role",
            service("[{ view: weather, alias: w }]"),
            "7:34: unknown key 'alias' in an element of service 's'"
        ),
        Fault(
            "mapping the wrong way round",
            service("[{ view: weather, as: w, keys: { dest: origin } }]"),
            "7:49: the view 'weather' has no key 'dest'; 'keys' maps the view's key to the request's column, and its keys are: origin"
        ),
        Fault(
            "keys of a global view",
            service("[{ view: site, keys: { a: b } }]"),
            "7:39: the view 'site' is global and has no keys to map"
        ),
        Fault(
            "keys as list",
            service("[{ view: weather, keys: [origin] }]"),
            "7:40: 'keys' of service 's' is a list; expected a mapping"
        ),
        Fault(
            "key column name",
            service("[{ view: weather, keys: { origin: _dest } }]"),
            "7:50: the column name '_dest' does not start with a letter"
        ),
        Fault(
            "half a mapping",
            service("[{ view: route, as: back, keys: { origin: dest } }]"),
            "7:48: the keys 'origin' and 'dest' of 'route' would both be read from 'dest'; map each to a column of its own"
        ),
        Fault(
            "one prefix in two roles",
            service("[weather.temp, { view: weather, keys: { origin: dest }, features: [wind] }]"),
            "7:83: service 's' has 'weather' in two roles"
        ),
        Fault(
            "alias of another view",
            service("[{ view: weather, as: site, features: [temp] }, site.load]"),
            "7:64: service 's' has 'site' in two roles"
        ),
        Fault(
            "one column of two types",
            service("[route.*, other.*]"),
            "7:26: service 's' reads the request's 'dest' both as string and as int64"
        ),
        Fault(
            "empty features of a role",
            service("[{ view: weather, features: [] }]"),
            "7:44: 'features' of an element of service 's' is empty"
        ),
        Fault(
            "features of a role as word",
            service("[{ view: weather, features: temp }]"),
            "7:44: 'features' of an element of service 's' is a single value; expected a list"
        ),
        Fault(
            "unknown feature of a role",
            service("[{ view: weather, features: [tmp] }]"),
            "7:45: service 's' names an unknown feature 'tmp'"
        ),
    ]

    static let together: [Fault] = [
        Fault(
            "all at once, in the order of the file",
            """
            services: { s: [v.a, v.gone, w.x, nowhere.x] }
            views:
              v: { entities: [user], features: { a: flot, b: int64 } }
              w: { entities: [broken], features: { x: bool }, stict: true }
            entities:
              broken: { key: 1k, type: int64 }
            more: 1
            """,
            "1:35: service 's' names an unknown view 'nowhere'; known: v, w",
            "3:19: view 'v' names an unknown entity 'user'; known: broken",
            "3:41: the feature 'a' of view 'v' has the unknown type 'flot'",
            "4:51: unknown key 'stict' in view 'w'; did you mean 'strict'?",
            "6:18: the key name '1k' does not start with a letter",
            "7:1: unknown key 'more' in the file"
        )
    ]

    @Test(arguments: syntax + structure + views + longValues + services + together)
    func `every fault is named with its place`(fault: Fault) {
        var issues: [String] = []
        do {
            _ = try Definitions.parse(yaml: fault.yaml, file: "f.yaml")
        } catch {
            issues = error.description.split(separator: "\n").map(String.init)
        }
        let isAsExpected =
            issues.count == fault.expected.count
            && zip(issues, fault.expected).allSatisfy { $0.hasPrefix("f.yaml:" + $1) }
        #expect(isAsExpected, "\n\(fault.yaml)\ngot\n\(issues.joined(separator: "\n"))")
    }
}
