import Features
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
            let state = try request.position.map { try Ledger(session).state(at: $0) }
            guard !request.entities.isEmpty || keys.isEmpty else {
                throw WorkflowError.usage(
                    "name an entity: \(keys.map { "\($0.name)=…" }.joined(separator: ",")). `asof get --help` has examples"
                )
            }
            for entity in request.entities.isEmpty ? [""] : request.entities {
                try control.check()
                let values = try EntityText.parse(entity, keys: keys)
                let rows = try plan.roles.map { role in
                    let roleKeys = role.keyColumns.compactMap { name in
                        keys.firstIndex { $0.name == name }.map { values[$0] }
                    }
                    return try EntityLookup(session).read(role, keys: roleKeys, request.moment, state: state)
                }
                try each(EntityFeatures(plan: plan, keys: keys, entity: values, rows: rows))
            }
        }
    }
}
