package import Features
package import Store

/// What applying definitions does to a store as it is now.
package struct DefinitionsPlan: Sendable {
    /// Whether the file names a project, or the store has names of one.
    package let hasProjects: Bool
    package let changes: [DefinitionChange]
    /// What is deleted for good; empty unless that was asked for.
    package let pruned: [Pruning.Item]
    /// Tables that are written anew, since features get wider types; empty where no store was asked.
    package let rewrites: [HistoryRewrite]
    /// Why ``OpenStore/apply(_:options:confirm:progress:)`` does not do it; `nil` where it does.
    package let refusal: WorkflowError?
    /// Online tables that are made of history; empty where the plan was made without the store.
    package private(set) var fills: [PlannedFill] = []
    /// What answers no more.
    package private(set) var stopped = StoppedAnswers()
    /// Whether it was made without the store, which alone knows how many rows there are.
    private(set) var isWithoutStore = false
    let definitions: ProjectDefinitions
    /// What it was made against.
    let applied: AppliedDefinitions
    private let prunes: Bool

    /// Against a store.
    init(_ input: DefinitionsInput, _ options: ApplyOptions, _ session: Session) throws {
        let registry = try Registry.load(session)
        let definitions = try input.resolved(in: registry.definitions, registry.retired.names)
        let pruning =
            options.prunes
            ? try Pruning(
                session,
                to: registry.definitions(with: definitions),
                of: definitions.project,
                definitions.renames
            ) : nil
        let rewrites = try HistoryRewrite.all(session, to: registry.definitions(with: definitions), definitions.renames)
        self.init(definitions, options, try AppliedDefinitions(registry, session), pruning, rewrites)
        fills = try PlannedFill.all(merged, applied, session)
        if let pruning { try stopped.add(pruning, session) }
        if let agreed = options.agreed { try agreed.check(self) }
    }

    /// Against what `asof definitions --json` printed of a store; ``ApplyOptions/prunes`` needs the store itself.
    /// - Throws: `DefinitionsError` for faults of the files; ``WorkflowError`` as ``DefinitionsInput`` does.
    package init(_ input: DefinitionsInput, against applied: AppliedDefinitions) throws {
        self.init(try input.resolved(in: applied.definitions, applied.retired.names), ApplyOptions(), applied, nil)
        isWithoutStore = true
    }

    private init(
        _ definitions: ProjectDefinitions,
        _ options: ApplyOptions,
        _ applied: AppliedDefinitions,
        _ pruning: Pruning?,
        _ rewrites: [HistoryRewrite] = []
    ) {
        self.definitions = definitions
        self.applied = applied
        prunes = options.prunes
        hasProjects = !definitions.project.isEmpty || !applied.definitions.projects.isEmpty
        pruned = pruning?.items ?? []
        changes = applied.changes(to: definitions, pruning: pruning) + rewrites.flatMap(\.refusals)
        self.rewrites = rewrites
        stopped.add(retired: changes)
        refusal = Self.refusal(of: changes, options)
    }

    /// `''` where the file names none.
    package var project: String { definitions.project }

    /// The store's id.
    package var store: String { applied.store }

    /// The version of the definitions that it was made against.
    package var version: Int64 { applied.version }

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

extension DefinitionsPlan {
    /// A service that answers by another version than before.
    package struct ServiceVersion: Sendable {
        package let name: String
        package let number: Int
        /// Of names and types.
        package let fingerprint: String
        /// Of rules.
        package let rules: String
    }

    /// The services that are added, or get another version, by the definitions' order.
    package var services: [ServiceVersion] {
        let merged = merged
        return merged.services.compactMap { service in
            let rules = merged.rules(of: service)
            let number = applied.versions.number(of: service, rules: rules).number
            if let old = applied.definitions.service(named: service.name) {
                let before = applied.versions.number(of: old, rules: applied.definitions.rules(of: old)).number
                guard before != number else { return nil }
            }
            return ServiceVersion(
                name: service.name,
                number: number,
                fingerprint: service.fingerprint,
                rules: rules.fingerprint
            )
        }
    }

    /// The models that read one of ``services``: their versions stay pinned to the version that each was trained with.
    package var models: [String] {
        let names = Set(services.map(\.name))
        return merged.models.filter { names.contains($0.service) }.map(\.name)
    }

    /// Views whose tables are written anew for wider types, or made of history, by a plan that was made without the store: how
    /// many rows that are, and how long it takes, is not known to it.
    package var uncounted: [String] {
        guard isWithoutStore, !hasRefusedChange else { return [] }
        let known = applied.definitions.views + applied.retired.views
        return merged.views.filter { view in
            guard view.windows == nil, let old = known.first(where: { $0.name == view.name }) else { return false }
            let isWider = view.features.contains { feature in
                let was = definitions.renames.first { $0.view == view.name && $0.name == feature.name }?.was
                guard let before = old.feature(named: feature.name) ?? was.flatMap({ old.feature(named: $0) }) else {
                    return false
                }
                return before.type != feature.type
            }
            return isWider || (view.isOnline && !old.isOnline)
        }.map(\.name)
    }

    private var merged: Definitions { definitions.merged(into: applied.definitions, retired: applied.retired) }

    static let digestPrefix = "asof-plan-2:"

    /// What whoever reads a plan agrees to: `asof-plan-2:` and the SHA-256, in hexadecimal digits, over the store's id, the
    /// file's definitions, as names of other projects resolve, the options that change what is done, and all that is done.
    ///
    /// Not over the version that it was made against: what other projects apply meanwhile makes another plan only where this
    /// one reads it.
    package func digest() throws -> String {
        var lines = [Self.digestPrefix, store, project, "\(definitions.adopts ? 1 : 0) \(prunes ? 1 : 0)"]
        lines.append(try JSONDocument.encode(definitions.definitions))
        lines += definitions.renames.map { "\($0.view).\($0.name) was \($0.was)" }
        lines += changes.map { "\($0.kind) \($0.severity) \($0.noun) \($0.name) \($0.detail.onOneLine)" }
        lines += pruned.map { "deleted \($0.noun) \($0.name)" }
        lines += services.map { "service \($0.name)@\($0.number) \($0.fingerprint) \($0.rules)" }
        lines += stopped.services.map { "stopped \($0)" } + stopped.models.map { "stopped model \($0)" }
        return Self.digestPrefix + Fingerprint.digits(of: lines.joined(separator: "\n"), bytes: 32)
    }
}

/// What whoever applies definitions allows.
package struct ApplyOptions: Sendable {
    /// Deletes views and features of the project that the file lacks, with their data.
    package var prunes = false
    /// Hides what the file lacks, its data kept; otherwise that is refused.
    package var allowsRetiring = false
    /// The plan that was agreed to: another one is refused. `nil` = any.
    package var agreed: AgreedPlan?

    package init(prunes: Bool = false, allowsRetiring: Bool = false, agreed: AgreedPlan? = nil) {
        self.prunes = prunes
        self.allowsRetiring = allowsRetiring
        self.agreed = agreed
    }
}
