package import Features
import Store
import Windows

/// A project's definitions as somebody gives them: one file, with those that it includes.
package struct DefinitionsInput {
    private let text: DefinitionsText
    private let adopts: Bool

    /// Reads the file and what it includes.
    ///
    /// - Parameters:
    ///   - bytes: the file's, in UTF-8.
    ///   - file: its name, that messages carry; paths of `include` are relative to its folder.
    ///   - files: where those are read.
    ///   - adopts: whether what the file defines and was applied without a project becomes its project's.
    /// - Throws: ``WorkflowError/refused(_:)`` for bytes that are no UTF-8; `DefinitionsError` as `DefinitionsText` has it.
    package init(
        _ bytes: some Sequence<UInt8>,
        file: String,
        from files: some DefinitionFiles,
        adopts: Bool = false
    ) throws {
        guard let yaml = String(validating: bytes, as: UTF8.self) else {
            throw WorkflowError.refused("\(file) is not valid UTF-8")
        }
        text = try DefinitionsText(yaml: yaml, file: file, from: files)
        self.adopts = adopts
    }

    /// `''` where the file names none.
    package var project: String { text.project }

    /// Checks the files by themselves, without a store.
    ///
    /// - Parameter applied: what other projects have; without it a name of theirs is a fault.
    /// - Returns: what the files define.
    /// - Throws: `DefinitionsError` for faults of the files; ``WorkflowError/refused(_:)`` where they define nothing, although
    ///   what is in force is not known.
    package func validated(against applied: AppliedDefinitions? = nil) throws -> Definitions {
        let definitions = try resolved(in: applied?.definitions ?? Definitions(), applied?.retired.names ?? [])
            .definitions
        if definitions.isEmpty, text.project.isEmpty { throw definesNothing }
        return definitions
    }

    private var definesNothing: WorkflowError {
        .refused("\(text.file) defines nothing: no entity, no view, no service; is it the right file?")
    }

    /// The definitions, with names of other projects as they are in force.
    ///
    /// Refuses a file that defines nothing where something is in force: it is rarely the file that was meant, unless it
    /// names its project.
    /// - Parameter former: what features in force were called before.
    func resolved(in applied: Definitions, _ former: [FeatureRename]) throws -> ProjectDefinitions {
        guard !adopts || !text.project.isEmpty else {
            throw WorkflowError.usage(
                "\(text.file) names no project, and --adopt moves names into one: add a line as `project: team_a`"
            )
        }
        var new = try text.resolved(against: applied, former: former, typing: WindowTypes())
        guard !new.definitions.isEmpty || !new.project.isEmpty || applied.isEmpty else {
            throw definesNothing
        }
        new.adopts = adopts
        return new
    }
}
