import Columnar
import Expressions
import Features
import PointInTime
import Postgres
import Store
import TrainingSets

extension OpenStore {
    /// Reads features of single entities: the latest, or those of a moment or state.
    ///
    /// - Parameter each: gets the entities in order, each before the next is read.
    /// - Throws: ``WorkflowError/usage(_:)`` where no entity is named and one is needed; ``EntityTextError``; ``StoreError``.
    package func features(_ request: GetRequest, each: (EntityFeatures) throws -> Void) throws {
        try control.run {
            let plan = try Registry.load(session).plan(naming: request.features, session).plan
            let keys = try plan.requestKeys()
            // A field may also be a key.
            let fields = plan.requestFields.filter { field in !keys.contains { $0.name == field.name } }
            let state = try request.position.map { try Ledger(session).state(at: $0) }
            guard !request.entities.isEmpty || keys.isEmpty && fields.isEmpty else {
                let expected = (keys.map(\.name) + fields.map(\.name)).map { "\($0)=…" }.joined(separator: ",")
                throw WorkflowError.usage("name an entity: \(expected). `asof get --help` has examples")
            }
            for entity in request.entities.isEmpty ? [""] : request.entities {
                try control.check()
                let (values, texts) = try EntityText.parse(entity, keys: keys, fields: fields.map(\.name))
                var rows = try plan.roles.map { role in
                    let roleKeys = role.keyColumns.compactMap { name in
                        keys.firstIndex { $0.name == name }.map { values[$0] }
                    }
                    return try EntityLookup(session).read(role, keys: roleKeys, request.moment, state: state)
                }
                try plan.narrow(&rows)
                var given = Dictionary(zip(keys.map(\.name), values)) { first, _ in first }
                for (field, text) in zip(fields, texts) { given[field.name] = try field.value(of: text) }
                try each(
                    EntityFeatures(
                        plan: plan,
                        keys: keys,
                        entity: values,
                        rows: rows,
                        fields: plan.requestFields.map { given[$0.name] ?? .null },
                        derived: try derived(plan, given, rows, request.moment)
                    )
                )
            }
        }
    }

    private func derived(
        _ plan: FeaturePlan,
        _ given: [String: Value],
        _ rows: [EntityRow],
        _ moment: EntityLookup.Moment
    ) throws -> [Value] {
        guard !plan.derived.isEmpty else { return [] }
        var types: [String: FeatureType] = [:]
        for key in try plan.requestKeys() { types[key.name] = key.type.featureType }
        for field in plan.requestFields { types[field.name] = field.type }
        let time =
            switch moment {
            case .at(let time), .served(let time): time.microseconds
            case .latest: try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
            }
        return plan.derived.evaluate(
            rowCount: 1,
            labelTimes: Column(type: .timestamp, values: .int64([time])),
            request: { Column(type: types[$0] ?? .bool, value: given[$0] ?? .null) },
            lookup: { place in
                switch plan.lookups[place] {
                case .feature(let role, let feature):
                    Column(
                        type: plan.narrowed[plan.lookups[place]]?.type ?? plan.roles[role].features[feature].type,
                        value: rows[role].values[feature]
                    )
                case .eventTime(let role): Column(type: .timestamp, value: rows[role].validEventTime)
                }
            }
        ).columns.map { $0.value(0) }
    }
}

extension FeaturePlan {
    /// Values of columns from before a change of types, in the types that those have.
    fileprivate func narrow(_ rows: inout [EntityRow]) throws {
        for (lookup, column) in narrowed {
            guard case .feature(let role, let feature) = lookup else { continue }
            let value = rows[role].values[feature]
            let stored = Column(type: roles[role].features[feature].type, value: value)
            do throws(TooNarrow) {
                rows[role].values[feature] = try stored.narrowed(to: column.type).value(0)
            } catch {
                throw WorkflowError.refused(refusal(of: error, column))
            }
        }
    }
}

extension RequestField {
    /// A value as a command's arguments spell it; the empty text is null, but of a string or bytes.
    fileprivate func value(of text: String) throws -> Value {
        if text.isEmpty, type != .string, type != .bytes { return .null }
        do throws(ValueTextError) {
            return try TextColumn.column(Array(text.utf8).span, as: type, times: TimeReading(unit: .us)).value(0)
        } catch {
            throw WorkflowError.refused(
                "request field '\(name)': expected \(type.text), got '\(text)': \(error.reason)"
            )
        }
    }
}
