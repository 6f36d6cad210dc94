package import Features
import Postgres

extension Registry {
    /// A version of a service, as `asof.services` has it.
    package struct StoredService: Sendable, Hashable {
        package let definition: ServiceDefinition
        package let version: Int
        /// By which it reads its views, whatever rules they have now.
        package let rules: ServiceRules
        /// What it reads of that was pruned since, where something else has the name now; `nil` = nothing.
        let replaced: Replaced?

        /// A view, or a feature of one, that is not what a version read under that name.
        struct Replaced: Sendable, Hashable {
            let view: String
            /// `nil` = the whole view.
            let feature: String?
            /// That of the last prune of the name.
            let position: Int64?
        }

        package init(_ definition: ServiceDefinition, version: Int, rules: ServiceRules) {
            self.init(definition, version: version, rules: rules, replaced: nil)
        }

        init(_ definition: ServiceDefinition, version: Int, rules: ServiceRules, replaced: Replaced?) {
            self.definition = definition
            self.version = version
            self.rules = rules
            self.replaced = replaced
        }

        /// - Throws: ``StoreError/unknownView(name:hint:)``, ``StoreError/unknownFeature(view:name:hint:)`` where it would
        ///   read what was made after it was in force last.
        package func refuseReplaced() throws(StoreError) {
            guard let replaced else { return }
            let place = replaced.position.map { ", the last time at position \($0)" } ?? ""
            let hint = """
                 as \(definition.name)@\(version) knew it: that one was pruned\(place), and what has the name \
                now is another; ask for a version that was made since
                """
            guard let feature = replaced.feature else { throw .unknownView(name: replaced.view, hint: hint) }
            throw .unknownFeature(view: replaced.view, name: feature, hint: hint)
        }

        /// Every version of every service that was ever applied.
        package static func all(_ session: Session) throws(StoreError) -> [StoredService] {
            try load(session, "SELECT * FROM asof.services ORDER BY name, version")
        }

        /// Of every service that was ever applied, the version that was in force last.
        static func inForceLast(_ session: Session) throws(StoreError) -> [StoredService] {
            try load(
                session,
                """
                SELECT DISTINCT ON (name) * FROM asof.services
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
                "SELECT * FROM asof.services WHERE name = $1 AND version = $2",
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

        /// - Parameter sql: rows of `asof.services`, in order.
        private static func load(
            _ session: Session,
            _ sql: String,
            _ parameters: [Parameter] = []
        ) throws(StoreError) -> [StoredService] {
            // What a version names was there when it was put in force, and is not pruned as long as it is: what was made, or
            // got the name, later is another. A feature has each of its names from where the one before ended.
            let rows = try session.query(
                """
                SELECT s.definition::text, s.version, s.roles::text, r.view, r.feature, (
                    SELECT max(b.position) FROM asof.removals m CROSS JOIN LATERAL (
                        SELECT position FROM asof.batches WHERE batch = m.batch LIMIT 1) b
                    WHERE m.kind = 'prune' AND m.view_name = r.view AND m.feature IN ('', coalesce(r.feature, '')))
                FROM (SELECT n.*, row_number() OVER () AS place FROM (\(sql)) n) s LEFT JOIN LATERAL (
                    SELECT v.name AS view, CASE WHEN v.since <= s.current_from THEN f.name END AS feature
                    FROM (
                        SELECT c.place, coalesce(c.value->'window'->>'of', c.value->>'view') AS view,
                            CASE WHEN c.value->'window' IS NULL THEN c.value->>'feature' END AS feature,
                            coalesce(c.value->'window'->>'text', '') AS text
                        FROM jsonb_array_elements((s.definition->'columns') || coalesce(s.definition->'inputs', '[]'))
                            WITH ORDINALITY c (value, place) OFFSET 0) c
                    JOIN asof.views v ON v.name = c.view
                    LEFT JOIN LATERAL (
                        SELECT f.name, f.since FROM asof.features f
                        WHERE f.view = v.id AND f.former = '[]' AND \(Self.names("f.name"))
                        UNION ALL
                        SELECT n.name, n.since FROM asof.features f CROSS JOIN LATERAL (
                            SELECT n.value->>'name' AS name,
                                coalesce(lag((n.value->>'until')::bigint) OVER (ORDER BY n.place), f.since) AS since
                            FROM jsonb_array_elements(f.former || jsonb_build_object('name', f.name))
                                WITH ORDINALITY n (value, place)) n
                        WHERE f.view = v.id AND f.former <> '[]' AND \(Self.names("n.name"))
                            AND NOT EXISTS (
                                SELECT FROM jsonb_array_elements(f.former) WITH ORDINALITY e (value, place)
                                WHERE e.value->>'name' = n.name AND (e.value->>'until')::bigint <= n.since)) f ON true
                    WHERE v.since > s.current_from OR f.since > s.current_from ORDER BY c.place LIMIT 1) r ON true
                ORDER BY s.place
                """,
                parameters
            )
            var services: [StoredService] = []
            services.reserveCapacity(rows.count)
            for row in 0..<rows.count {
                let definition = try JSONDocument.definition(
                    ServiceDefinition.self,
                    from: rows.text(row, 0) ?? "",
                    in: "asof.services"
                )
                var rules = try JSONDocument.definition(
                    ServiceRules.self,
                    from: rows.text(row, 2) ?? "",
                    in: "the roles in asof.services"
                )
                rules.derived = definition.derived
                rules.windows = definition.lookups.filter { $0.window != nil }
                services.append(
                    StoredService(
                        definition,
                        version: Int(rows.int32(row, 1) ?? 0),
                        rules: rules,
                        replaced: rows.text(row, 3).map {
                            Replaced(view: $0, feature: rows.text(row, 4), position: rows.int64(row, 5))
                        }
                    )
                )
            }
            return services
        }

        /// SQL: whether a column of a service means a feature by a name. A window names what it uses of its events.
        private static func names(_ name: String) -> String {
            "CASE WHEN c.feature IS NOT NULL THEN c.feature = \(name) ELSE c.text ~ ('\\m' || \(name) || '\\M') END"
        }

        /// The rules of one of its roles.
        /// - Throws: ``StoreError/conflict(_:)`` where `asof.services` contradicts itself.
        package func rules(of prefix: String) throws(StoreError) -> ViewRules {
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
        try service?.refuseReplaced()
        let plan = try FeaturePlan(
            try selection.columns(in: definitions, pinned: service?.definition),
            inputs: service?.definition.inputs ?? [],
            rules: { prefix throws(StoreError) in try service?.rules(of: prefix) },
            windowRules: { definitions.view(named: $0)?.rules ?? ViewRules() },
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
    package static func whole(_ name: String, _ session: Session) throws(StoreError) -> StoredView {
        let rows = try session.query(
            "SELECT id, shape, definition::text FROM asof.views WHERE name = $1",
            [.text(name)]
        )
        guard rows.count > 0, let id = rows.int32(0, 0), let shape = rows.int64(0, 1) else {
            throw .unknownView(name: name, hint: "; it was removed from the store")
        }
        var definition = try JSONDocument.definition(ViewDefinition.self, from: rows.text(0, 2) ?? "", in: "asof.views")
        // Whether a retired feature is personal is not kept; it may be.
        let shown = Set(definition.features.filter { !$0.isPII }.map(\.name))
        let features = try session.query("SELECT name, type FROM asof.features WHERE view = $1", [.int32(id)])
        definition.features = (0..<features.count).compactMap { row in
            guard let name = features.text(row, 0), let type = features.text(row, 1).flatMap(FeatureType.init(text:))
            else { return nil }
            return FeatureDefinition(name: name, type: type, isPII: !shown.contains(name))
        }
        let former = try FormerFeatures.all(session)[id] ?? FormerFeatures()
        return StoredView(id: id, shape: shape, definition: definition, former: former)
    }
}

extension ServiceVersions {
    /// Every version of every service that a store ever had.
    package init(_ session: Session) throws(StoreError) {
        self.init()
        for service in try Registry.StoredService.all(session) {
            add(Version(number: service.version, service.definition, rules: service.rules))
        }
    }
}
