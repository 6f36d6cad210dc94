package import Features
package import PointInTime
import Postgres

/// A view as it stands in the store.
package struct StoredView: Sendable {
    package let id: Int32
    /// The definitions version that last changed the view's columns; writers compare it with the store's.
    package let shape: Int64
    package let definition: ViewDefinition
    /// What the view's definition expects of rows, ready to check them.
    package let expectations: ExpectationCheck
    /// What its features were before.
    package let former: FormerFeatures

    package init(id: Int32, shape: Int64, definition: ViewDefinition, former: FormerFeatures = FormerFeatures()) {
        self.id = id
        self.shape = shape
        self.definition = definition
        self.former = former
        expectations = ExpectationCheck(definition)
    }

    /// The same view with other rules; its features are the same.
    init(_ view: StoredView, ruledBy definition: ViewDefinition) {
        id = view.id
        shape = view.shape
        self.definition = definition
        expectations = view.expectations
        former = view.former
    }

    package var name: String { definition.name }

    /// A feature by the name that it has, or had.
    package func feature(called name: String) -> FeatureDefinition? {
        definition.feature(named: name) ?? former.current(name).flatMap { definition.feature(named: $0) }
    }

    /// What a message says behind a name that is no feature's: what it is called now, or the nearest known name.
    package func hint(forFeature name: String) -> String {
        if let current = former.current(name) { return "; it is called '\(current)' now" }
        return Name.hint(for: name, among: definition.features.map(\.name))
    }

    /// The key columns of the view's tables. A global view has one, which is always 0.
    package var storageKeys: [KeyColumn] {
        definition.keys.isEmpty ? [KeyColumn(name: Self.globalKey, type: .int64)] : definition.keys
    }

    package static let globalKey = "_global"

    package var historyTable: String { "history.\(SQLText.identifier(name))" }
    package var onlineTable: String { "online.\(SQLText.identifier(name))" }

    /// The view as if it had other rules than it has now.
    func with(_ rules: ViewRules) -> StoredView {
        var definition = definition
        definition.rules = rules
        return StoredView(self, ruledBy: definition)
    }

    /// Of an event view the feature that identifies an event; history has its values once more, as ``eventColumn``.
    package var eventFeature: FeatureDefinition? { definition.eventPlace.map { definition.features[$0] } }

    /// The column of an event view's history that has no default: a release that does not know events cannot write there.
    package static let eventColumn = "_event"

    /// ``eventColumn`` as a key, which events are ordered by behind their time.
    package var eventKey: KeyColumn? {
        eventFeature.map { KeyColumn(name: Self.eventColumn, type: $0.type == .int64 ? .int64 : .string) }
    }

    /// Comma-separated, quoted, with `alias.` before each where one is given.
    package func keyList(_ alias: String = "") -> String {
        Self.list(storageKeys.map(\.name), alias)
    }

    package func featureList(_ alias: String = "") -> String {
        Self.list(definition.features.map(\.name), alias)
    }

    private static func list(_ names: [String], _ alias: String) -> String {
        names.map { (alias.isEmpty ? "" : alias + ".") + SQLText.identifier($0) }.joined(separator: ", ")
    }

    /// `a.key = b.key AND …`.
    package func keysEqual(_ left: String, _ right: String) -> String {
        storageKeys.map {
            "\(left).\(SQLText.identifier($0.name)) = \(right).\(SQLText.identifier($0.name))"
        }.joined(separator: " AND ")
    }
}

extension FeatureType {
    /// The column type in PostgreSQL.
    package var sqlType: String {
        switch self {
        case .bool: "boolean"
        case .int32: "integer"
        case .int64: "bigint"
        case .float32: "real"
        case .float64: "double precision"
        case .string: "text COLLATE \"C\""
        case .bytes: "bytea"
        case .timestamp: "timestamp with time zone"
        case .vector: "real[]"
        case .listInt64: "bigint[]"
        case .listString: "text[] COLLATE \"C\""
        }
    }
}

extension StoredView {
    /// SQL: whether a role may not read the tables of a view, which are `history` and `online` of a row `v`. A table that is not there
    /// counts as readable: that it is not is said by what reads it.
    /// - Parameter role: SQL of the role; `nil` = whoever asks.
    package static func isDenied(to role: String? = nil) -> String {
        let tables = ["v.history", "v.online"].map { table in
            "NOT has_table_privilege(\(role.map { "\($0), " } ?? "")to_regclass(\(table)), 'SELECT')"
        }
        return "(\(tables.joined(separator: " OR ")))"
    }
}
