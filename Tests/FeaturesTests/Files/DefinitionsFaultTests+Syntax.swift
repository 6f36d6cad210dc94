/// Faults of YAML's own syntax, and of the file's outer structure.
extension DefinitionsFaultTests {
    static let syntax: [Fault] = [
        Fault("tab", "views:\n\tv: 1", "2:1: YAML does not allow tabs for indentation; use blanks"),
        Fault("tab in line 1", "\tviews: {}", "1:1: YAML does not allow tabs"),
        Fault("unclosed list", "views: [", "2:1: no valid YAML: did not find expected node content"),
        Fault("unclosed quote", "views: 'x", "1:10: no valid YAML: found unexpected end of stream"),
        Fault("bad indentation", "views:\n  a: {}\n b: {}", "3:2: no valid YAML: did not find expected key"),
        Fault("bare asterisk", "services: { s: [*] }", "1:18: no valid YAML: did not find expected alphabetic"),
        Fault("unknown alias", "entities: *x", "1:11: no valid YAML: found undefined alias"),
        Fault("two documents", "views: {}\n---\nviews: {}", "2:1: a second YAML document starts here"),
        Fault("an empty second document", "views: {}\n---\n", "2:1: a second YAML document starts here"),
        Fault("control character", "views: {}\n# \u{1}\n", "2:3: no valid YAML: control characters are not allowed"),
        Fault("NUL", "views:\r\n  a: \u{0}", "2:6: no valid YAML: control characters are not allowed"),
        Fault(
            "duplicate section",
            "views: {}\nentities: {}\nviews: {}",
            "3:1: the key 'views' is given twice in this mapping; first on line 1"
        ),
        Fault(
            "duplicate view",
            "views:\n  v: {}\n  w: {}\n  v: {}",
            "4:3: the key 'v' is given twice in this mapping; first on line 2"
        ),
        Fault(
            "three of a key, another pair, one quoted",
            "a: 1\r\nb: { x: 1, x: 2 }\r\na: 2\r\n\"a\": 3",
            "2:12: the key 'x' is given twice",
            "3:1: the key 'a' is given twice",
            "4:1: the key 'a' is given twice"
        ),
        Fault("quoted twin first", "\"a\": 1\n'b': 1\nb: 2\na: 2", "3:1: the key 'b'", "4:1: the key 'a'"),
        Fault("duplicate number keys", "1: a\n'1': b", "1:1: unknown key '1'", "2:1: the key '1' is given twice"),
        Fault("escaped duplicate", "\"\\x61\": 1\n\"\\x61\": 2", "1:1: the key 'a' is given more than once"),
        Fault("tag", "views: !foo {}", "1:8: the YAML tag '!foo' is not understood; remove it"),
        Fault(
            "merge key",
            "views: { v: &v { entities: [], features: { a: bool } }, w: { <<: *v, entities: [], features: { b: bool } } }",
            "1:62: the YAML merge key '<<' is not understood"
        ),
    ]

    static let structure: [Fault] = [
        Fault(
            "NUL in a feature's description",
            "views: { v: { entities: [], features: { a: { type: bool, description: \"\\0\" } } } }",
            "1:71: the description contains U+0000"
        ),
        Fault(
            "NUL in a tag's name",
            "views: { v: { entities: [], features: { a: bool }, tags: { \"\\0\": x } } }",
            "1:60: a key of 'tags' contains U+0000"
        ),
        Fault(
            "a fault behind aliases is named once",
            "entities: { a: { key: k, type: int64, tags: &t [x] }, b: { key: l, type: int64, tags: *t } }",
            "1:45: 'tags' is a list; expected a mapping"
        ),
        Fault("a list", "- a", "1:1: the file is a list; expected a mapping"),
        Fault("a word", "hello", "1:1: the file is a single value; expected a mapping"),
        Fault(
            "unknown section",
            "entitis: {}",
            "1:1: unknown key 'entitis' in the file; did you mean 'entities'?; known: project, include, entities, views, services"
        ),
        Fault("section as list", "views: [a]", "1:8: 'views' is a list; expected a mapping"),
        Fault("section as word", "services: x", "1:11: 'services' is a single value"),
        Fault("complex key", "views: { ? [a] : {} }", "1:12: a key of 'views' is a list; expected a name"),
        Fault(
            "number as name",
            "entities: { 1: { key: k, type: int64 } }",
            "1:13: the entity name '1' does not start with a letter"
        ),
        Fault("empty name", "views: { '': {} }", "1:10: the view name '' is empty"),
        Fault("name of ours", "views: { _v: {} }", "1:10: the view name '_v' does not start with a letter"),
        Fault("double underscore", "services: { a__b: [x.y] }", "1:13: the service name 'a__b' contains '__'"),
        Fault(
            "long name",
            "views: { \(String(repeating: "a", count: 49)): {} }",
            "1:10: the view name '\(String(repeating: "a", count: 49))' has 49 characters; 48 are allowed"
        ),
        Fault("view with blank", "views: { my view: {} }", "1:10: the view name 'my view' has a character other than"),
        Fault(
            "entity as word",
            "entities: { user: int64 }",
            "1:19: entity 'user' is a single value; expected a mapping"
        ),
        Fault("entity empty", "entities:\n  user:", "2:8: entity 'user' is empty; expected a mapping"),
        Fault(
            "entity without parts",
            "entities: { user: {} }",
            "1:13: entity 'user' has no key",
            "1:13: entity 'user' has no type; known: int64, string"
        ),
        Fault(
            "entity key type",
            "entities: { u: { key: k, type: float64 } }",
            "1:32: the type of entity 'u' is 'float64'; expected one of int64, string"
        ),
        Fault(
            "entity key type empty",
            "entities: { u: { key: k, type: } }",
            "1:32: the type of entity 'u' is empty; expected one of int64, string"
        ),
        Fault(
            "entity key name",
            "entities: { u: { key: user-id, type: int64 } }",
            "1:23: the key name 'user-id' has a character other than"
        ),
        Fault(
            "system column",
            "entities: { u: { key: ctid, type: int64 } }",
            "1:23: the key name 'ctid' is the name of a PostgreSQL system column"
        ),
        Fault(
            "key as list",
            "entities: { u: { key: [a], type: int64 } }",
            "1:23: the key of entity 'u' is a list; expected text"
        ),
        Fault(
            "unknown key of entity",
            "entities: { u: { keys: k, key: k, type: int64 } }",
            "1:18: unknown key 'keys' in entity 'u'; did you mean 'key'?"
        ),
        Fault(
            "tags as list",
            "entities: { u: { key: k, type: int64, tags: [a] } }",
            "1:45: 'tags' is a list; expected a mapping"
        ),
        Fault(
            "tag as mapping",
            "entities: { u: { key: k, type: int64, tags: { a: {} } } }",
            "1:50: the tag 'a' is a mapping; expected text"
        ),
        Fault(
            "description with NUL",
            "entities: { u: { key: k, type: int64, description: \"a\\0\" } }",
            "1:52: the description contains U+0000, which PostgreSQL cannot store"
        ),
    ]
}
