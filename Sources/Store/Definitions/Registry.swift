package import Features
import Foundation
import Postgres

/// The definitions that are in force in a store.
package struct Registry: Sendable {
    /// Counts applied changes; 0 = nothing was applied yet.
    package let version: Int64
    package let definitions: Definitions
    package let views: [StoredView]
    /// Of each service that was ever applied, the version that was in force last, by name.
    package let services: [StoredService]
    /// What is hidden, its tables and columns still there.
    package let retired: RetiredDefinitions
    /// When each view of ``retired`` was retired, by name.
    package let retiredAt: [String: Timestamp]

    package init(
        version: Int64,
        definitions: Definitions,
        views: [StoredView],
        services: [StoredService],
        retired: RetiredDefinitions,
        retiredAt: [String: Timestamp] = [:]
    ) {
        self.version = version
        self.definitions = definitions
        self.views = views
        self.services = services
        self.retired = retired
        self.retiredAt = retiredAt
    }

    /// - Throws: ``StoreError/newerDefinitions(_:)``, or the database's error.
    package static func load(_ session: Session) throws(StoreError) -> Registry {
        let document = try session.query(
            "SELECT version, document::text FROM asof.definitions ORDER BY version DESC LIMIT 1"
        )
        var definitions = Definitions()
        if let text = document.count > 0 ? document.text(0, 1) : nil {
            definitions = try JSONDocument.definition(Definitions.self, from: text, in: "asof.definitions")
        }
        let rows = try session.query(
            "SELECT id, shape, retired_at, definition::text FROM asof.views ORDER BY id"
        )
        let former = try FormerFeatures.all(session)
        var views: [StoredView] = []
        var retired = RetiredDefinitions()
        var retiredAt: [String: Timestamp] = [:]
        for row in 0..<rows.count {
            guard let id = rows.int32(row, 0), let shape = rows.int64(row, 1), let text = rows.text(row, 3) else {
                continue
            }
            let definition = try JSONDocument.definition(ViewDefinition.self, from: text, in: "asof.views")
            retired.names += former[id]?.renames(of: definition.name) ?? []
            if let time = rows.timestamp(row, 2).map({ Timestamp(microseconds: $0) }) {
                retired.views.append(definition)
                retiredAt[definition.name] = time
            } else {
                views.append(
                    StoredView(id: id, shape: shape, definition: definition, former: former[id] ?? FormerFeatures())
                )
            }
        }
        retired.features = try loadRetiredFeatures(session)
        let services = try StoredService.inForceLast(session)
        let served = Set(definitions.services.map(\.name))
        retired.services = Set(services.map(\.definition.name)).subtracting(served)
        return Registry(
            version: document.count > 0 ? document.int64(0, 0) ?? 0 : 0,
            definitions: definitions,
            views: views,
            services: services,
            retired: retired,
            retiredAt: retiredAt
        )
    }

    /// No definitions at all.
    package static let empty = Registry(
        version: 0,
        definitions: Definitions(),
        views: [],
        services: [],
        retired: RetiredDefinitions()
    )

    private static func loadRetiredFeatures(_ session: Session) throws(StoreError) -> [RetiredDefinitions.Feature] {
        let rows = try session.query(
            """
            SELECT v.name, f.name, f.type FROM asof.features f JOIN asof.views v ON v.id = f.view
            WHERE f.retired_at IS NOT NULL ORDER BY 1, 2
            """
        )
        return (0..<rows.count).compactMap { row in
            guard let view = rows.text(row, 0), let feature = rows.text(row, 1),
                let type = rows.text(row, 2).flatMap(FeatureType.init(text:))
            else { return nil }
            return RetiredDefinitions.Feature(view: view, feature: feature, type: type)
        }
    }

    /// - Throws: ``StoreError/unknownView(name:hint:)`` naming the nearest known one.
    package func view(named name: String) throws(StoreError) -> StoredView {
        if let view = views.first(where: { $0.name == name }) { return view }
        throw .unknownView(name: name, hint: hint(forView: name))
    }

    /// What a message says behind a name that is no view's in force: since when it is retired and how it comes back, or the
    /// nearest known name.
    package func hint(forView name: String) -> String {
        absence(ofView: name) ?? Name.hint(for: name, among: views.map(\.name))
    }

    /// The same without names of other views; `nil` = there never was such a view.
    package func absence(ofView name: String) -> String? {
        if let windows = definitions.view(named: name)?.windows {
            return " with rows: it has windows over '\(windows.of)', which are computed when they are read"
        }
        guard retired.views.contains(where: { $0.name == name }) else { return nil }
        let since = retiredAt[name].map { " since \($0.text)" } ?? ""
        return " in force: it is retired\(since), with its data; put it back into the definitions and `asof apply` them"
    }

    /// What a message says behind a name that is no service's in force: that it is retired, or the nearest known name.
    package func hint(forService name: String) -> String {
        absence(ofService: name) ?? Name.hint(for: name, among: definitions.services.map(\.name))
    }

    /// The same without names of other services; `nil` = there never was such a service.
    package func absence(ofService name: String) -> String? {
        if retired.services.contains(name), let last = services.first(where: { $0.definition.name == name }) {
            return
                " in force: it is retired, and its versions can be asked for, the last one as \(name)@\(last.version)"
        }
        return nil
    }

    /// What a message says behind a name that a view's feature had, or has and is hidden; `nil` = none ever had it.
    package func hint(forFeature name: String, of view: String) -> String? {
        if let current = views.first(where: { $0.name == view })?.former.current(name) {
            return "; it is called '\(current)' now"
        }
        guard retired.features.contains(where: { $0.view == view && $0.feature == name }) else { return nil }
        return " in force: it is retired, with its data; put it back into the definitions and `asof apply` them"
    }

    /// The same of each retired view, by its name.
    package var retiredHints: [String: String] {
        Dictionary(retired.views.map { ($0.name, hint(forView: $0.name)) }) { first, _ in first }
    }

    /// What a command's arguments name: the views in the order given, without names all of them by name.
    /// - Throws: ``StoreError/unknownView(name:hint:)`` naming the nearest known one.
    package func views(named names: [String]) throws(StoreError) -> [StoredView] {
        if names.isEmpty { return views.sorted { $0.name < $1.name } }
        var named: [StoredView] = []
        for name in names { named.append(try view(named: name)) }
        return named
    }

    /// - Throws: ``StoreError/request(_:)`` naming the nearest known one.
    package func stream(named name: String) throws(StoreError) -> StreamDefinition {
        if let stream = definitions.stream(named: name) { return stream }
        let known = definitions.streams.map(\.name)
        throw .request(
            "no stream '\(name)'\(Name.hint(for: name, among: known))"
                + (known.isEmpty ? "; `asof apply` a features.yaml with streams:" : "")
        )
    }

    /// What a command's arguments name: the streams in the order given, without names all of them by name.
    /// - Throws: as ``stream(named:)``.
    package func streams(named names: [String]) throws(StoreError) -> [StreamDefinition] {
        if names.isEmpty { return definitions.streams.sorted { $0.name < $1.name } }
        var named: [StreamDefinition] = []
        for name in names where !named.contains(where: { $0.name == name }) { named.append(try stream(named: name)) }
        return named
    }

    /// The version of a service that is in force; `nil` where no such service is.
    package func service(named name: String) -> StoredService? {
        guard definitions.service(named: name) != nil else { return nil }
        return services.first { $0.definition.name == name }
    }
}

/// JSON documents of ours in the database.
package enum JSONDocument {
    package static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws(StoreError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw .conflict("a document in schema asof cannot be read by this binary: \(error)")
        }
    }

    /// Whether two values make the same document, byte by byte: strings in them that are equal may be other bytes.
    static func isSame<Value: Encodable & Equatable>(_ left: Value?, _ right: Value?) throws(StoreError) -> Bool {
        guard let left, let right else { return left == nil && right == nil }
        guard left == right else { return false }
        return try encode(left).utf8.elementsEqual(try encode(right).utf8)
    }

    package static func encode(_ value: some Encodable, isPretty: Bool = false) throws(StoreError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw .conflict("a document cannot be written as JSON: \(error)")
        }
    }
}
