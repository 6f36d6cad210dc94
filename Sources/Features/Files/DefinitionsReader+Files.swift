import Yams

/// Names of several files, and names of other projects.
extension DefinitionsReader {
    /// The names that a section has in all documents, in their order; what is defined in two files is a fault.
    mutating func collected(
        _ section: String,
        of documents: [DefinitionsText.Document],
        _ kind: String,
        _ subject: (String) -> DefinitionChange.Subject
    ) -> [Field] {
        var fields: [Field] = []
        for document in documents {
            file = document.file
            for field in named(document.sections[section], kind) {
                let subject = subject(field.name)
                if let first = places[subject] {
                    fault(
                        at: field.key,
                        "the \(kind) '\(field.name)' is defined in two files; first at \(first); keep one of them"
                    )
                    continue
                }
                places[subject] = place(of: field.key)
                fields.append(field)
            }
        }
        return fields
    }

    /// Where a name of the file that is being read stands, as `file:line:column`.
    func place(of key: Node) -> String { "\(file):\(key.mark?.line ?? 1):\(key.mark?.column ?? 1)" }

    /// What the files define, else what another project has applied.
    func knownEntity(named name: String) -> EntityDefinition? {
        if let entity = entities.first(where: { $0.name == name }) { return entity }
        return brokenEntities.contains(name) ? nil : others.entity(named: name)
    }

    var knownEntityNames: [String] { Array(brokenEntities.union((entities + others.entities).map(\.name))) }

    /// What the files define, else what another project has applied.
    func knownView(named name: String) -> ViewDefinition? {
        if let view = views.first(where: { $0.name == name }) { return view }
        return brokenViews.contains(name) ? nil : others.view(named: name)
    }

    var knownViewNames: [String] { Array(brokenViews.union((views + others.views).map(\.name))) }

    /// How many there are with those of other projects, which may be the same ones.
    func count(_ fields: [Field], besides others: [String]) -> Int {
        Set(fields.map(\.name)).union(others).count
    }
}
