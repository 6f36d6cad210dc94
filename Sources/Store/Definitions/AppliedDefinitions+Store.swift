package import Features

extension AppliedDefinitions {
    /// What a store has now.
    package init(_ registry: Registry, _ session: Session) throws(StoreError) {
        self.init(
            store: try session.storeID(),
            version: registry.version,
            registry.definitions,
            retired: registry.retired,
            versions: try ServiceVersions(session)
        )
    }

    /// Reads what `asof definitions --json` printed.
    ///
    /// - Parameter file: its name, for messages.
    /// - Throws: ``StoreError/newerDefinitions(_:)`` naming the field that this binary does not know, or that is not as it
    ///   should be.
    package init(json: String, file: String) throws(StoreError) {
        self = try JSONDocument.definition(AppliedDefinitions.self, from: json, in: file)
    }

    /// What applying `file` would change, after `pruning` where that is done as well.
    package func changes(to file: ProjectDefinitions, pruning: Pruning? = nil) -> [DefinitionChange] {
        guard let pruning else { return file.changes(from: definitions, retired: retired, versions: versions) }
        let remaining = pruning.remaining(of: retired)
        return file.changes(from: definitions, retired: remaining, versions: versions).map { change in
            var change = change
            change.detail = change.detail.replacing("; data kept", with: "")
            return change
        }
    }
}
