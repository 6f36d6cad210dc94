package import Features
package import Store

/// What applying definitions does to a store as it is now.
package struct DefinitionsPlan: Sendable {
    /// `''` where the file names none.
    package let project: String
    /// Whether the file names a project, or the store has names of one.
    package let hasProjects: Bool
    package let changes: [DefinitionChange]
    /// What is deleted for good; empty unless that was asked for.
    package let pruned: [Pruning.Item]
    /// Why ``OpenStore/apply(_:options:confirm:progress:)`` does not do it; `nil` where it does.
    package let refusal: WorkflowError?
    let definitions: ProjectDefinitions
    /// The version of the definitions that it was made against.
    let version: Int64

    init(_ input: DefinitionsInput, _ options: ApplyOptions, _ session: Session) throws {
        let registry = try Registry.load(session)
        definitions = try input.resolved(in: registry)
        version = registry.version
        project = definitions.project
        hasProjects = !project.isEmpty || !registry.definitions.projects.isEmpty
        let pruning =
            options.prunes ? try Pruning(session, to: registry.definitions(with: definitions), of: project) : nil
        pruned = pruning?.items ?? []
        changes = registry.changes(to: definitions, pruning: pruning, versions: try ServiceVersions(session))
        refusal = Self.refusal(of: changes, options)
    }

    /// The views that are added, as they are defined.
    package var addedViews: [ViewDefinition] {
        changes.compactMap { change in
            guard case .view(let name) = change.subject, change.kind == .added, change.severity != .refused else {
                return nil
            }
            return definitions.definitions.view(named: name)
        }
    }

    /// Whether nothing that is stored changes.
    package var isEmpty: Bool { changes.isEmpty && pruned.isEmpty }

    /// Whether a change is refused, whatever ``ApplyOptions`` say.
    package var hasRefusedChange: Bool { changes.contains { $0.severity == .refused } }

    /// Whether whoever agreed to `other` has agreed to this.
    func isSame(as other: DefinitionsPlan) -> Bool {
        changes == other.changes && pruned.map(\.name) == other.pruned.map(\.name)
    }

    private static func refusal(of changes: [DefinitionChange], _ options: ApplyOptions) -> WorkflowError? {
        if changes.contains(where: { $0.severity == .refused }) {
            return .refused("nothing was applied: the changes marked ! are refused")
        }
        let retired = changes.count { $0.severity == .retires }
        guard retired == 0 || options.allowsRetiring else {
            return .refused(
                "nothing was applied: \(CountText.count(retired, "change")) marked - would hide what others may use; "
                    + "say --allow-retire if that is meant"
            )
        }
        return nil
    }
}

/// What whoever applies definitions allows.
package struct ApplyOptions: Sendable {
    /// Deletes views and features of the project that the file lacks, with their data.
    package var prunes = false
    /// Hides what the file lacks, its data kept; otherwise that is refused.
    package var allowsRetiring = false

    package init(prunes: Bool = false, allowsRetiring: Bool = false) {
        self.prunes = prunes
        self.allowsRetiring = allowsRetiring
    }
}
