import Features
import Serving
import Store

/// How to read what a page shows, to be copied: by redis-cli, Python, curl and SQL.
enum PageExamples {
    /// What a request gives: its name and type, and whether the type is a text.
    private struct Given {
        let name: String
        /// As a word of a command.
        let word: String
        /// As JSON and Python have it.
        let literal: String

        init(_ key: KeyColumn) {
            name = key.name
            (word, literal) = key.type == .string ? ("a", "\"a\"") : ("1", "1")
        }

        init(_ field: RequestField) {
            name = field.name
            switch field.type {
            case .string: (word, literal) = ("a", "\"a\"")
            case .bool: (word, literal) = ("1", "true")
            case .int32, .int64: (word, literal) = ("1", "1")
            case .float32, .float64: (word, literal) = ("1.5", "1.5")
            case .timestamp: (word, literal) = ("2026-01-01T00:00:00Z", "\"2026-01-01T00:00:00Z\"")
            case .bytes, .vector, .listInt64, .listString: (word, literal) = ("…", "…")
            }
        }
    }

    /// Of features, so many: a page is no list of all.
    private static let featuresMax = 3

    static func of(_ view: ServedView, _ scope: PageScope) -> [[String: Any]] {
        let definition = view.definition
        let keys = definition.keys.map { Given($0) }
        let entity =
            keys.isEmpty
            ? "''"
            : keys.count == 1 ? keys[0].word : "'" + keys.map { "\($0.name)=\($0.word)" }.joined(separator: ",") + "'"
        let python = entity == "''" ? "\"\"" : "\"\(entity.filter { $0 != "'" })\""
        let command = definition.isOnline ? "FS.GET \(view.name) \(entity) META" : "FS.ASOF \(view.name) \(entity) '*'"
        let words =
            definition.isOnline
            ? "\"FS.GET\", \"\(view.name)\", \(python)" : "\"FS.ASOF\", \"\(view.name)\", \(python), \"*\""
        var examples = [
            example(definition.isOnline ? "FS.GET" : "FS.ASOF", "\(redis(scope)) \(command)"),
            example("Python", "\(connect(scope))\nstore.execute(\(words))"),
        ]
        if definition.isOnline, !keys.isEmpty {
            let names = definition.features.prefix(featuresMax).map { "\"\(view.name):\($0.name)\"" }.joined(
                separator: ", "
            )
            let entities = keys.map { "\"\($0.name)\": [\($0.literal)]" }.joined(separator: ", ")
            examples.append(
                example(
                    "curl",
                    curl("/get-online-features", "{\"features\": [\(names)], \"entities\": {\(entities)}}", scope)
                )
            )
        }
        if definition.windows == nil {
            let filter = view.stored.storageKeys.map {
                "\"\($0.name)\" = \(definition.isGlobal ? "0" : $0.type == .string ? "'a'" : "1")"
            }.joined(separator: " AND ")
            let latest = "SELECT * FROM \(view.stored.onlineTable) WHERE \(filter);\n"
            examples.append(
                example(
                    "SQL",
                    (definition.isOnline ? latest : "")
                        + "SELECT * FROM \(view.stored.historyTable) WHERE \(filter) ORDER BY _event_time DESC LIMIT 10;"
                )
            )
        }
        return examples
    }

    static func of(_ service: ServicePlan, _ scope: PageScope) -> [[String: Any]] {
        let pinned = "\(service.name)@\(service.version)"
        let given = given(service)
        return [
            example("FS.SERVE", "\(redis(scope)) FS.SERVE \(pinned) \(rows(given)) META"),
            example(
                "Python",
                "\(connect(scope))\nstore.get_online_features(\"\(pinned)\", {\(columns(given))})"
            ),
            example("curl", curl("/v1/serve/\(pinned)", "{\"keys\": {\(columns(given))}, \"meta\": true}", scope)),
            example(
                "Training set",
                "asof export --spine labels.csv --label-time at --features \(pinned) --out training.parquet"
            ),
        ]
    }

    static func of(model: String, _ service: ServicePlan, _ scope: PageScope) -> [[String: Any]] {
        let given = given(service)
        return [
            example("ML.PREDICT", "\(redis(scope)) ML.PREDICT \(model) \(rows(given))"),
            example("Python", "\(connect(scope))\nstore.predict(\"\(model)\", {\(columns(given))})"),
            example("curl", curl("/v1/predict/\(model)", "{\"keys\": {\(columns(given))}}", scope)),
        ]
    }

    private static func given(_ service: ServicePlan) -> [Given] {
        service.keys.map { Given($0) } + service.definition.requestFields.map { Given($0) }
    }

    private static func rows(_ given: [Given]) -> String {
        let (names, words) = (given.map(\.name), given.map(\.word))
        return (["KEYS", "\(given.count)"] + names + ["ROWS", "1"] + words).joined(separator: " ")
    }

    private static func columns(_ given: [Given]) -> String {
        given.map { "\"\($0.name)\": [\($0.literal)]" }.joined(separator: ", ")
    }

    private static func redis(_ scope: PageScope) -> String {
        let address = scope.respAddress
        let colon = address.lastIndex(of: ":") ?? address.endIndex
        return "redis-cli -h \(address[..<colon].filter { $0 != "[" && $0 != "]" }) -p \(address[colon...].dropFirst())"
    }

    private static func connect(_ scope: PageScope) -> String {
        "import asof_client as asof\nstore = asof.connect(\"\(scope.respAddress)\")"
    }

    private static func curl(_ path: String, _ body: String, _ scope: PageScope) -> String {
        "curl http://\(scope.address)\(path) -H 'Content-Type: application/json' \\\n  -d '\(body)'"
    }

    private static func example(_ title: String, _ text: String) -> [String: Any] {
        ["title": title, "text": PageText.long(text)]
    }
}
