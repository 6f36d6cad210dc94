import Yams

/// What a features.yaml and the files that it includes say, before names are resolved.
package struct DefinitionsText {
    /// The sections of one file.
    struct Document {
        var file: String
        var sections: [String: DefinitionsReader.Field] = [:]
    }

    /// The file that was named; messages of included files carry their own names.
    package let file: String
    /// `''` where the file names none.
    package private(set) var project = ""
    /// In the order of reading: a file, then those that it includes, one after the other.
    private(set) var documents: [Document] = []
    /// Has what is wrong so far.
    private var reader: DefinitionsReader

    /// Reads `yaml` and, from `files`, what it includes.
    ///
    /// - Parameters:
    ///   - yaml: one document, at most ``DefinitionLimits/fileBytesMax``; a byte order mark is skipped.
    ///   - file: its name, that messages carry; paths of `include` are relative to its folder.
    /// - Throws: what keeps a file from being read: YAML's syntax (the first fault of each file), includes that lead to
    ///   nothing, in a circle or too far. Other faults are thrown by ``resolved(against:)``, all together.
    package init(yaml: String, file: String, from files: some DefinitionFiles) throws(DefinitionsError) {
        self.file = file
        var inclusion = Inclusion(file: file, files: files)
        inclusion.read(yaml: yaml, file)
        documents = inclusion.documents
        project = inclusion.project
        reader = inclusion.reader
        if inclusion.isIncomplete { throw error(reader.issues) }
    }

    /// The definitions, with names of other projects as `applied` has them.
    ///
    /// - Parameters:
    ///   - former: what features were called before, for who still calls them so.
    ///   - typing: gives derived columns their types.
    /// - Throws: all faults of all files, by file, line and column.
    package func resolved(
        against applied: Definitions,
        former: [FeatureRename] = [],
        typing: some ExpressionTyping
    ) throws(DefinitionsError) -> ProjectDefinitions {
        var reader = reader
        reader.typing = typing
        reader.others = applied.others(than: project)
        reader.former = former
        let definitions = reader.definitions(documents)
        guard reader.issues.isEmpty else { throw error(reader.issues) }
        var resolved = ProjectDefinitions(definitions, project: project, places: reader.places)
        resolved.renames = reader.renames
        return resolved
    }

    private func error(_ all: [DefinitionsError.Issue]) -> DefinitionsError {
        var seen: Set<DefinitionsError.Issue> = []
        let order = Dictionary(documents.enumerated().map { ($1.file, $0) }) { first, _ in first }
        func place(_ issue: DefinitionsError.Issue) -> (Int, Int, Int) {
            (issue.file.flatMap { order[$0] } ?? 0, issue.line, issue.column)
        }
        let issues = all.filter { seen.insert($0).inserted }.sorted { place($0) < place($1) }
        return DefinitionsError(file: file, issues: Array(issues.prefix(DefinitionLimits.issuesMax)))
    }
}

extension Definitions {
    /// Reads one features.yaml that includes no other and names nothing of another project.
    ///
    /// Names are taken as written: `no`, `on` and `null` are names like others, `1` is none. An empty file is no
    /// definitions.
    /// - Parameters:
    ///   - yaml: one document, at most ``DefinitionLimits/fileBytesMax``; a byte order mark is skipped.
    ///   - file: the name that messages carry.
    ///   - typing: gives derived columns their types.
    /// - Throws: all faults, by line and column; of faults in YAML's own syntax the first.
    package static func parse(
        yaml: String,
        file: String,
        typing: some ExpressionTyping = NoExpressions()
    ) throws(DefinitionsError) -> Definitions {
        let source = try DefinitionsText(yaml: yaml, file: file, from: NoDefinitionFiles())
        return try source.resolved(against: Definitions(), typing: typing).definitions
    }

    /// What of these belongs to other projects, and to the project '' where `project` is another one.
    fileprivate func others(than project: String) -> Definitions {
        Definitions(
            entities: entities.filter { projects[.entity($0.name)] != project },
            views: views.filter { projects[.view($0.name)] != project },
            services: services.filter { projects[.service($0.name)] != project },
            models: models.filter { projects[.model($0.name)] != project },
            streams: streams.filter { projects[.stream($0.name)] != project }
        )
    }
}
