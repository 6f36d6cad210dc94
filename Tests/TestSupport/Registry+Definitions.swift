package import Features
package import Store

extension Registry {
    /// Applies definitions of no project.
    @discardableResult
    package static func apply(
        _ definitions: Definitions,
        prunes: Bool = false,
        planned: Int64? = nil,
        _ session: Session,
        lockTimeoutMs: Int = Limits.applyLockTimeoutMs,
        prepared: [OnlineTableBuild] = []
    ) throws(StoreError) -> (Registry, LedgerState?) {
        try apply(
            ProjectDefinitions(definitions),
            prunes: prunes,
            planned: planned,
            session,
            lockTimeoutMs: lockTimeoutMs,
            prepared: prepared
        )
    }
}
