package import Features
import Online
import Store

/// How a version of a service is answered, made once for each version of the definitions.
package final class ServicePlan: Sendable {
    /// One value of the reply, in the service's order.
    package struct Column: Sendable {
        /// `view__feature` or `alias__feature`, `request__name`, `derive__name`.
        package let name: String
        package let type: FeatureType
        /// The role that the value comes from, in ``ServicePlan/roles``; as many as there are: ``ServicePlan/computed``.
        package let role: Int
        /// The role of the view whose feature it is, also where the value is computed of it; `nil` for all else.
        package let origin: Int?
        /// The value's place in ``RowLayout/columns`` of the role's view, or of what is computed.
        package let source: Int
    }

    /// A view in one of the roles in which the service uses it.
    package struct Role: Sendable {
        package let view: ServedView
        /// What stands before `__` in the names of its columns.
        package let prefix: String
        /// For each of the view's keys, in its order, the place in ``ServicePlan/keys``; none for a global view.
        package let keys: [Int]
        /// The view's place in ``ServicePlan/views``.
        package let viewIndex: Int
        /// Those of this version, whatever the view says now. Of them only the TTL counts for latest values.
        package let rules: ViewRules

        /// µs; `nil` = values never expire.
        package var ttlUs: Int64? { rules.ttl?.microseconds }
    }

    package let name: String
    package let version: Int
    package let fingerprint: String
    /// Those of all roles.
    package let rules: ServiceRules
    package let definition: ServiceDefinition
    package let columns: [Column]
    package let roles: [Role]
    /// What a request row gives, each once, in order of first use; a request may name them in any order.
    package let keys: [KeyColumn]
    /// The views of all roles, each once.
    package let views: [ServedView]
    /// What a request gives and has computed, and what may be given instead of being looked up; often nothing.
    package let inputs: ComputedColumns
    /// ``inputs`` where a reply has columns besides features.
    package var computed: ComputedColumns? { inputs.isEmpty ? nil : inputs }
    /// Floats in a packed row; a vector counts its dimensions.
    package let packedWidth: Int
    /// Why a packed reply is refused, as the end of a sentence that starts with the format; `nil` = it is not.
    package let packedRefusal: String?
    /// The first column that packed32 cannot hold exactly, for which it wants LOSSY; `nil` = none.
    package let lossyColumn: String?

    /// - Throws: ``StoreError/unknownView(name:hint:)``, ``StoreError/unknownFeature(view:name:hint:)`` where what it asks
    ///   for was pruned, whatever has the name now; ``StoreError/request(_:)`` where two views want one key in two types;
    ///   ``StoreError/conflict(_:)`` where a role has no rules; ``StoreError/newerDefinitions(_:)`` where this binary does not
    ///   know what a column is computed by.
    init(
        _ service: Registry.StoredService,
        view: (String) throws(StoreError) -> ServedView
    ) throws(StoreError) {
        try service.refuseReplaced()
        definition = service.definition
        name = service.definition.name
        version = service.version
        fingerprint = service.definition.fingerprint
        rules = service.rules
        var lookups: [ComputedColumns.Lookup] = []
        var roles: [Role] = []
        var keys: [KeyColumn] = []
        var views: [ServedView] = []
        let windows = try Self.windows(service, view)
        for column in service.definition.lookups {
            let computed = windows[column.prefix]
            let view = if let computed { computed } else { try view(column.view) }
            let places = try Self.places(of: column, view, &keys)
            let known = roles.firstIndex { $0.prefix == column.prefix && $0.view === view && $0.keys == places }
            if known == nil {
                if !views.contains(where: { $0 === view }) { views.append(view) }
                let viewIndex = views.firstIndex { $0 === view } ?? 0
                roles.append(
                    Role(
                        view: view,
                        prefix: column.prefix,
                        keys: places,
                        viewIndex: viewIndex,
                        rules: try service.rules(of: column.prefix)
                    )
                )
            }
            let role = known ?? roles.count - 1
            if column.isEventTime {
                lookups.append(
                    .init(role: role, source: nil, type: .timestamp, stored: .timestamp, name: column.outputName)
                )
                continue
            }
            guard let source = view.place(called: column.feature),
                column.type.isShown(of: view.layout.columns[source].type)
            else {
                throw .unknownFeature(view: column.view, name: column.feature, hint: "; it was pruned")
            }
            lookups.append(
                .init(
                    role: role,
                    source: source,
                    type: column.type,
                    stored: view.layout.columns[source].type,
                    name: column.outputName
                )
            )
        }
        inputs = try ComputedColumns(service.definition, lookups: lookups, keys: keys)
        let columns = Self.columns(of: service.definition, lookups, computedRole: roles.count)
        self.columns = columns
        self.roles = roles
        self.keys = keys
        self.views = views
        packedWidth = columns.reduce(0) { $0 + ($1.type.packedWidth ?? 0) }
        packedRefusal = columns.first { $0.type.packedWidth == nil }.map {
            "holds numbers only, and \($0.name) is \($0.type.text); ask for FORMAT rows or columns"
        }
        lossyColumn = columns.first { $0.type.needsLossy }?.name
    }

    /// For each role of windows the view that computes what the service asks for.
    private static func windows(
        _ service: Registry.StoredService,
        _ view: (String) throws(StoreError) -> ServedView
    ) throws(StoreError) -> [String: ServedView] {
        var views: [String: ServedView] = [:]
        let columns = service.definition.lookups.filter { $0.window != nil }
        for column in columns where views[column.prefix] == nil {
            guard let window = column.window else { continue }
            views[column.prefix] = try ServedView(
                windowsOf: try view(window.of),
                columns.filter { $0.prefix == column.prefix },
                try service.rules(of: column.prefix)
            )
        }
        return views
    }

    private static func columns(
        of service: ServiceDefinition,
        _ lookups: [ComputedColumns.Lookup],
        computedRole: Int
    ) -> [Column] {
        let computedCount = service.requestFields.count + service.derived.count
        var next = (lookup: 0, field: 0, derived: service.requestFields.count, narrowed: computedCount)
        return service.columns.map { column in
            func made(_ role: Int, _ source: Int, origin: Int? = nil) -> Column {
                Column(name: column.outputName, type: column.type, role: role, origin: origin, source: source)
            }
            switch column {
            case .feature:
                next.lookup += 1
                let lookup = lookups[next.lookup - 1]
                guard lookup.isNarrowed else {
                    return made(lookup.role, lookup.source ?? 0, origin: lookup.role)
                }
                next.narrowed += 1
                return made(computedRole, next.narrowed - 1, origin: lookup.role)
            case .request:
                next.field += 1
                return made(computedRole, next.field - 1)
            case .derived:
                next.derived += 1
                return made(computedRole, next.derived - 1)
            }
        }
    }

    private static func places(
        of column: FeatureColumn,
        _ view: ServedView,
        _ keys: inout [KeyColumn]
    ) throws(StoreError) -> [Int] {
        var places: [Int] = []
        for (mapping, key) in zip(column.keys, view.definition.keys) {
            guard let known = keys.firstIndex(where: { $0.name == mapping.from }) else {
                places.append(keys.count)
                keys.append(KeyColumn(name: mapping.from, type: key.type))
                continue
            }
            guard keys[known].type == key.type else {
                throw .request(
                    "key '\(mapping.from)' would be \(keys[known].type.rawValue) for one view and \(key.type.rawValue) for '\(view.name)'"
                )
            }
            places.append(known)
        }
        return places
    }
}

extension FeatureType {
    /// Floats that a value takes in a packed reply; `nil` for what is no number.
    package var packedWidth: Int? {
        switch self {
        case .bool, .int32, .int64, .float32, .float64, .timestamp: 1
        case .vector(let dimensions): dimensions
        case .string, .bytes, .listInt64, .listString: nil
        }
    }

    /// Whether packed32 takes the type only from clients that say LOSSY: a float32 holds 24 bits of its 64.
    package var needsLossy: Bool {
        switch self {
        case .int64, .timestamp: true
        case .bool, .int32, .float32, .float64, .vector, .string, .bytes, .listInt64, .listString: false
        }
    }
}
