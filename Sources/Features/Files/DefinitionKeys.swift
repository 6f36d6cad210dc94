/// The keys of the mappings in features.yaml: the reader knows no others, and docs/reference/features-yaml.md is made of these.
package struct DefinitionKeys: Sendable {
    package struct Key: Sendable {
        package let name: String
        /// What stands behind it.
        package let value: String
        /// What its absence means; `nil` = it must be there.
        package let standard: String?
        package let text: String
    }

    /// What the mapping is of.
    package let title: String
    package let intro: String
    /// In the order in which messages list them.
    package let keys: [Key]

    var names: [String] { keys.map(\.name) }

    private init(_ title: String, _ intro: String, _ keys: [Key]) {
        self.title = title
        self.intro = intro
        self.keys = keys
    }

    private static func key(_ name: String, _ value: String, _ standard: String?, _ text: String) -> Key {
        Key(name: name, value: value, standard: standard, text: text)
    }

    private static let annotations = [
        key("description", "text", "", "what it is, for people: `asof describe`, lists, the server's definitions"),
        key("owner", "text", "", "who answers for it"),
        key("tags", "mapping of texts", "", "anything else that people or programs look for"),
    ]
}

extension DefinitionKeys {
    static let file = DefinitionKeys(
        "The file",
        "One YAML document. Several files make one set of definitions by `include`.",
        [
            key(
                "project",
                "name",
                "no project",
                "whose names these are: applying the file touches its own project only"
            ),
            key(
                "include",
                "list of paths",
                "",
                "files that count as if they stood here; `*` and `?` match within a name"
            ),
            key("entities", "mapping", "", "what features describe, by name"),
            key("views", "mapping", "", "groups of features, by name"),
            key("services", "mapping", "", "what models read, by name"),
            key("models", "mapping", "", "what is trained and asked, by name"),
            key("streams", "mapping", "", "what is read all the time, by name"),
        ]
    )

    static let entity = DefinitionKeys(
        "`entities: { NAME: … }`",
        "`user: { key: user_id, type: int64 }`.",
        [
            key("key", "name", nil, "the column of it in history, spines, files and requests"),
            key("type", "`int64` or `string`", nil, "of its keys"),
        ] + annotations
    )

    static let view = DefinitionKeys(
        "`views: { NAME: … }`",
        "One row for each entity and event time. A view that has `windows` is of another kind: see below.",
        [
            key(
                "entities",
                "list of entities",
                nil,
                "whose features these are; `[]` makes a global view with one latest row"
            ),
            key("ttl", "duration", "never expires", "a value older than this is not returned, offline or online"),
            key("delay", "duration", "`0s`", "offline: a value counts as known this long after its event time"),
            key(
                "strict",
                "`true`, `false`",
                "`false`",
                "offline: the event time must lie before the label time, not at it"
            ),
            key("missing", "`error`, `null`", "`error`", "what an input row without one of the features means"),
            key("online", "`true`, `false`", "`true`", "whether latest values are kept"),
            key(
                "partition",
                "`day`, `month`, `year`, `none`",
                "`month`",
                "how history is partitioned, by event time; never changed"
            ),
            key("features", "mapping", nil, "its features by name, each a type or a mapping; not where `scores` is"),
            key("events", "`{ id: FEATURE }`", "", "each row is an event of its own, which that feature identifies"),
            key("scores", "`{ model: MODEL }`", "", "the features are what `asof score` writes of that model"),
            key("source", "`{ sql: … }`", "", "a batch view: what `asof materialize` runs"),
            key("retention", "duration", "for ever", "what `asof drop-history` leaves; at least `ttl`"),
            key("max_age", "duration", "", "`asof status` complains where the newest event is older"),
            key(
                "backfilled",
                "`true`, `false`",
                "`false`",
                "rows were stored later than they were known: `asof learn` takes them as known at their event time and `delay`; an export with `--known-at-label` does not"
            ),
            key("lateness", "duration", "none", "of a batch view: how far back each run asks again"),
            key(
                "tolerance",
                "number",
                "`1e-12`",
                "of a batch view: floats that differ by less, relatively, are no corrections"
            ),
        ] + annotations
    )

    static let feature = DefinitionKeys(
        "`features: { NAME: … }` of a view",
        "A type (`clicks: int64`), or a mapping: `rate: { type: float64, was: ctr, min: 0 }`. Types: \(FeatureType.spellings).",
        [
            key("type", "type", nil, "of its values; may become wider: int32 → int64, int32, int64, float32 → float64"),
            key("description", "text", "", "what it is, for people"),
            key(
                "was",
                "name",
                "",
                "what it was called: it goes on with its column and history; may stay or go once applied"
            ),
            key("min", "value", "", "the least value that is expected"),
            key("max", "value", "", "the greatest"),
            key("in", "list of values", "", "the only ones"),
            key("max_null", "share, as `5%`", "", "how many rows of a batch may have none"),
            key("action", "`reject`, `warn`, `stop`", "`reject`", "what becomes of a row that is not as expected"),
            key("pii", "`true`, `false`", "`false`", "its values are kept out of messages, logs, reports and pages"),
        ]
    )

    static let source = DefinitionKeys(
        "`source: { … }` of a view",
        "",
        [
            key(
                "sql",
                "SQL",
                nil,
                "a query with `:from` and `:to`, whose columns are the keys, `event_time` and the features"
            )
        ]
    )

    static let events = DefinitionKeys(
        "`events: { … }` of a view",
        "",
        [
            key(
                "id",
                "feature",
                nil,
                "a string or int64, by which a correction is known from another event of the same time"
            )
        ]
    )

    static let scores = DefinitionKeys(
        "`scores: { … }` of a view",
        "",
        [key("model", "model", nil, "whose answers the view keeps")]
    )

    static let windowView = DefinitionKeys(
        "`views: { NAME: … }` with windows",
        "Aggregates over the events of another view, computed when they are read; nothing is stored.",
        [
            key("entities", "list of entities", nil, "those of the events, or the leading ones of them"),
            key("windows", "mapping", nil, "of what, and which"),
            key("delay", "duration", "`0s`", "an event counts this long after its time, offline and online"),
            key("strict", "`true`, `false`", "`false`", "an event at the very end of a window does not count"),
        ] + annotations
    )

    static let windows = DefinitionKeys(
        "`windows: { … }` of a view",
        "`{ of: departures, features: { n_1h: count over 1h, avg_delay: avg(delay) over 3h where delay > 0 } }`.",
        [
            key("of", "view", nil, "a view with `events`"),
            key("features", "mapping", nil, "the windows by the names of their features"),
        ]
    )

    static let service = DefinitionKeys(
        "`services: { NAME: … }`",
        "A list of its columns, or a mapping with the list. Each is `view.feature`, `view.*`, or one of the mappings below.",
        [key("features", "list", nil, "the columns in the model's order; `view.*` is expanded when it is applied")]
            + annotations
    )

    static let role = DefinitionKeys(
        "An element of a service: a role of a view",
        "One view may be used for several entities of a row: `{ view: weather, as: dest_weather, keys: { origin: dest }, features: [temp] }`.",
        [
            key("view", "view", nil, "whose features these are"),
            key("as", "name", "the view's name", "what stands before `__` in the names of its columns"),
            key(
                "keys",
                "mapping",
                "the view's own",
                "for a key of the view the column of the request or spine that it is read from"
            ),
            key("features", "list of features", "all", "of the view, in the order of the columns"),
        ]
    )

    static let requestField = DefinitionKeys(
        "An element of a service: a request field",
        "`{ request: sched_dep, type: timestamp }`: the column `request__sched_dep`.",
        [
            key("request", "name", nil, "comes with the request; offline from the spine's column of that name"),
            key("type", "type", nil, "of its values"),
        ]
    )

    static let derivedColumn = DefinitionKeys(
        "An element of a service: a derived column",
        "`{ derive: rest_s, from: \"extract(epoch from label_time - flights._event_time)\" }`: the column `derive__rest_s`.",
        [
            key("derive", "name", nil, "of the column"),
            key("from", "expression", nil, "of other columns, keys and `label_time`"),
        ]
    )

    static let model = DefinitionKeys(
        "`models: { NAME: … }`",
        "",
        [
            key("service", "service", nil, "what it reads; each version stays with the version that it was trained on"),
            key("task", "`binary`, `regression`, `multiclass`", "by `objective`", "what it predicts"),
            key("label", "column", "by `labels`", "the spine's column that is learned"),
            key("label_delay", "duration", "`0s`", "how long after its time a label is known"),
            key(
                "fallback",
                "`base`, `model`, `null`, a number",
                "`base`",
                "the answer for an entity that nothing is known of"
            ),
            key("algorithm", "word, or `{ WORD: { parameters } }`", "`xgboost`", "what `asof train` fits"),
            key("objective", "`logistic`, `squared`", "", "another word for the task"),
            key("encode", "mapping", "by type", "how a column becomes numbers, by the column's name"),
            key(
                "collisions",
                "share, as `20%`",
                "`10%`",
                "how many values of a hash may share a bucket before it is refused"
            ),
            key("labels", "mapping", "", "the view that `asof learn` learns from"),
            key("publish", "mapping", "", "when what was learned is published"),
            key("log", "share, as `100%`, or `off`", "`off`", "which predictions are kept"),
        ] + annotations
    )

    static let labels = DefinitionKeys(
        "`labels: { … }` of a model",
        "",
        [
            key("view", "view", nil, "whose rows are labels"),
            key("value", "feature", nil, "what is predicted"),
            key("at", "feature", "the event time", "a timestamp: the time whose features count"),
        ]
    )

    static let publish = DefinitionKeys(
        "`publish: { … }` of a model",
        "",
        [
            key("every", "duration", "`10s`", "between two publishes, by the times of commits"),
            key("keep", "duration", "`30d`", "how long one can be gone back to"),
        ]
    )

    static let encoding = DefinitionKeys(
        "`encode: { COLUMN: … }` of a model",
        "A word (`standard`, `onehot(8)`, `hash(65536)`, …), or a mapping with `onehot`, `hash` or `map`.",
        [
            key("onehot", "`{ min_count: N }`", "", "a number for each value"),
            key("min_count", "whole number", "`1`", "values that are rarer share one"),
            key("hash", "power of two", "", "buckets"),
            key("with", "list of columns", "", "crossed with these"),
            key("signed", "`true`, `false`", "`false`", "half of the values count as -1"),
            key(
                "map",
                "`view.[features]`",
                "",
                "numbers by which a value that was never seen is near others, which stand for it"
            ),
            key("nearest", "whole number", "`1`", "of a map: how many of those"),
            key("else", "`hash(N)`", "", "of a map: for values without such numbers"),
        ]
    )

    static let onehot = DefinitionKeys(
        "`onehot: { … }` of an encoding",
        "",
        [key("min_count", "whole number", "`1`", "rarer values share one")]
    )

    static let stream = DefinitionKeys(
        "`streams: { NAME: … }`",
        "",
        [
            key("kafka", "mapping", nil, "the topic"),
            key("into", "view or list of views", nil, "each record is a row of all of them, in one commit"),
            key("format", "`json`", "`json`", "of records"),
            key("start", "`earliest`, `latest`, a time", "`earliest`", "where a topic begins that was never read"),
            key("map", "mapping", "`value.NAME`", "for a key or feature the path of it in the record"),
            key(
                "event_time",
                "`timestamp`, or a path and `unit ms`",
                "`timestamp`",
                "the record's own time, or a value of it"
            ),
            key("deleted", "`tombstone`", "", "a record without a value deletes its key"),
            key("on_error", "`stop`, `reject`", "`stop`", "what becomes of a record that cannot be stored"),
        ] + annotations
    )

    static let kafka = DefinitionKeys(
        "`kafka: { … }` of a stream",
        "",
        [
            key("brokers", "text", nil, "`host:port`, several with commas"),
            key("topic", "text", nil, "that is read"),
            key("properties", "path", "", "a file of the client's properties, where secrets are"),
        ]
    )

    /// In the order of the page.
    package static let all = [
        file, entity, view, feature, events, source, scores, windowView, windows, service, role, requestField,
        derivedColumn,
        model, labels, publish, encoding, onehot, stream, kafka,
    ]
}
