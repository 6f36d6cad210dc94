package import Features
import Postgres

extension Registry {
    /// A version of a service, as `asof.services` has it.
    package struct StoredService: Sendable, Hashable {
        package let definition: ServiceDefinition
        package let version: Int
        /// By which it reads its views, whatever rules they have now.
        package let rules: ServiceRules

        package init(_ definition: ServiceDefinition, version: Int, rules: ServiceRules) {
            self.definition = definition
            self.version = version
            self.rules = rules
        }

        /// Every version of every service that was ever applied.
        static func all(_ session: Session) throws(StoreError) -> [StoredService] {
            try load(session, "SELECT definition::text, version, roles::text FROM asof.services ORDER BY name, version")
        }

        /// Of every service that was ever applied, the version that was in force last.
        static func inForceLast(_ session: Session) throws(StoreError) -> [StoredService] {
            try load(
                session,
                """
                SELECT DISTINCT ON (name) definition::text, version, roles::text FROM asof.services
                ORDER BY name, current_from DESC, version DESC
                """
            )
        }

        /// - Throws: ``StoreError/unknownService(name:hint:)`` where the service has no such version.
        package static func named(
            _ name: String,
            version: Int,
            _ session: Session
        ) throws(StoreError) -> StoredService {
            let found = try load(
                session,
                "SELECT definition::text, version, roles::text FROM asof.services WHERE name = $1 AND version = $2",
                [.text(name), .int32(Int32(clamping: version))]
            )
            if let service = found.first { return service }
            let known = try session.query("SELECT name, max(version) FROM asof.services GROUP BY name ORDER BY name")
            let names = (0..<known.count).compactMap { known.text($0, 0) }
            let newest = names.firstIndex(of: name).flatMap { known.int32($0, 1) }
            throw .unknownService(
                name: "\(name)@\(version)",
                hint: newest.map { "; its newest version is \($0)" } ?? Name.hint(for: name, among: names)
            )
        }

        /// The columns are: definition, version, roles.
        private static func load(
            _ session: Session,
            _ sql: String,
            _ parameters: [Parameter] = []
        ) throws(StoreError) -> [StoredService] {
            let rows = try session.query(sql, parameters)
            var services: [StoredService] = []
            services.reserveCapacity(rows.count)
            for row in 0..<rows.count {
                services.append(
                    StoredService(
                        try JSONDocument.definition(
                            ServiceDefinition.self,
                            from: rows.text(row, 0) ?? "",
                            in: "asof.services"
                        ),
                        version: Int(rows.int32(row, 1) ?? 0),
                        rules: try JSONDocument.definition(
                            ServiceRules.self,
                            from: rows.text(row, 2) ?? "",
                            in: "the roles in asof.services"
                        )
                    )
                )
            }
            return services
        }

        /// The rules of one of its roles.
        /// - Throws: ``StoreError/conflict(_:)`` where `asof.services` contradicts itself.
        func rules(of prefix: String) throws(StoreError) -> ViewRules {
            if let rules = rules[prefix] { return rules }
            throw .conflict(
                "asof.services has no rules for the role '\(prefix)' of \(definition.name)@\(version); restore the row's 'roles'"
            )
        }
    }
}

extension Registry {
    /// What is read for a selection: a service by the rules of its version, features by those that their views have now.
    ///
    /// - Returns: the plan, and the version of the service that it is of, if it is of one.
    /// - Throws: ``FeatureSelectionError``, and ``StoreError`` where the store lacks what is asked for.
    package func plan(
        for selection: FeatureSelection,
        _ session: Session
    ) throws -> (plan: FeaturePlan, service: StoredService?) {
        let service: StoredService? =
            switch selection {
            case .service(let name, let version?): try .named(name, version: version, session)
            case .service(let name, nil): self.service(named: name)
            case .features: nil
            }
        let plan = try FeaturePlan(
            try selection.columns(in: definitions, pinned: service?.definition),
            rules: { prefix throws(StoreError) in try service?.rules(of: prefix) },
            view: { name throws(StoreError) in
                // A version may read what is hidden by now.
                if case .service(_, _?) = selection { return try StoredView.whole(name, session) }
                return try view(named: name)
            }
        )
        return (plan, service)
    }
}

extension StoredView {
    /// A view with every feature that its table has, hidden ones, too; also a view that is hidden itself.
    /// - Throws: ``StoreError/unknownView(name:hint:)`` where it was pruned.
    static func whole(_ name: String, _ session: Session) throws(StoreError) -> StoredView {
        let rows = try session.query(
            "SELECT id, shape, definition::text FROM asof.views WHERE name = $1",
            [.text(name)]
        )
        guard rows.count > 0, let id = rows.int32(0, 0), let shape = rows.int64(0, 1) else {
            throw .unknownView(name: name, hint: "; it was removed from the store")
        }
        var definition = try JSONDocument.definition(ViewDefinition.self, from: rows.text(0, 2) ?? "", in: "asof.views")
        let personal = Set(definition.features.filter(\.isPII).map(\.name))
        let features = try session.query("SELECT name, type FROM asof.features WHERE view = $1", [.int32(id)])
        definition.features = (0..<features.count).compactMap { row in
            guard let name = features.text(row, 0), let type = features.text(row, 1).flatMap(FeatureType.init(text:))
            else { return nil }
            return FeatureDefinition(name: name, type: type, isPII: personal.contains(name))
        }
        return StoredView(id: id, shape: shape, definition: definition)
    }
}

extension ServiceVersions {
    /// Every version of every service that a store ever had.
    package init(_ session: Session) throws(StoreError) {
        self.init()
        for service in try Registry.StoredService.all(session) {
            add(
                Version(number: service.version, columns: service.definition.columns, rules: service.rules),
                of: service.definition.name
            )
        }
    }
}
