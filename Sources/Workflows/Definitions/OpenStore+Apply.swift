import Store

/// What applying has come to.
package enum ApplyProgress: Sendable {
    /// What is to be done next, unless it is refused.
    case planned(DefinitionsPlan)
    /// Online tables are made beside their views, which takes its time.
    case filling([PlannedFill])
    /// Somebody else applied the version meanwhile, and nothing was applied here; another plan is made.
    case stale(version: Int64)
}

/// Definitions that are in force.
package struct ApplyOutcome: Sendable {
    /// What was done.
    package let plan: DefinitionsPlan
    package let version: Int64
    /// The position that it took in the ledger; 0 where nothing that is stored changed.
    package let position: Int64
}

extension OpenStore {
    /// What ``apply(_:options:confirm:progress:)`` would do.
    package func plan(_ input: DefinitionsInput, options: ApplyOptions = ApplyOptions()) throws -> DefinitionsPlan {
        try control.run { try DefinitionsPlan(input, options, session) }
    }

    /// Puts definitions in force, in one transaction.
    ///
    /// What is applied is what was planned: where somebody else applies meanwhile, a plan is made anew, up to
    /// ``WorkflowLimits/plansMax`` times.
    /// - Parameters:
    ///   - confirm: called with a plan that is not empty, not refused, and not the one that was confirmed before; false =
    ///     nothing is applied.
    ///   - progress: called with each plan, and where one has become stale.
    /// - Returns: `nil` where that was not confirmed.
    /// - Throws: ``StoppedShort`` where the run was over before anything was applied; ``DefinitionsPlan/refusal``; `DefinitionsError` for faults of the files; as `Registry.apply` does.
    package func apply(
        _ input: DefinitionsInput,
        options: ApplyOptions = ApplyOptions(),
        confirm: (DefinitionsPlan) throws -> Bool = { _ in true },
        progress: (ApplyProgress) -> Void = { _ in }
    ) throws -> ApplyOutcome? {
        try control.run {
            var agreed: DefinitionsPlan?
            for _ in 0..<WorkflowLimits.plansMax {
                do {
                    try control.check()
                    let plan = try DefinitionsPlan(input, options, session)
                    progress(.planned(plan))
                    if let refusal = plan.refusal { throw refusal }
                    if !plan.isEmpty, agreed.map(plan.isSame) != true {
                        guard try confirm(plan) else { return nil }
                        agreed = plan
                    }
                    try OnlineTableBuild.discardLeft(session)
                    // What is pruned has columns that a table made before would keep.
                    let fills = options.prunes ? [] : plan.fills.filter(\.isBeside)
                    if !fills.isEmpty { progress(.filling(fills)) }
                    let prepared = try OnlineTableBuild.all(fills.map(\.view), planned: plan.version, session)
                    defer { for build in prepared { build.discard() } }
                    // Also where nothing that is stored changes: descriptions and the order of things may have.
                    let (version, state) = try Registry.putInForce(
                        plan.definitions,
                        prunes: options.prunes,
                        planned: plan.version,
                        session,
                        prepared: prepared
                    )
                    return ApplyOutcome(plan: plan, version: version, position: state?.position ?? 0)
                } catch StoreError.stalePlan(let version) {
                    progress(.stale(version: version))
                } catch  where control.isOver && !RunControl.isUncertain(error) {
                    throw StoppedShort(cause: error, stored: "nothing was applied")
                }
            }
            throw WorkflowError.refused(
                "nothing was applied: definitions changed \(WorkflowLimits.plansMax) times meanwhile; run the command again"
            )
        }
    }
}
