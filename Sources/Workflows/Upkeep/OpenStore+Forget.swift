package import Features
package import Operations
import Store

/// What a store has of one entity.
package struct ForgetPlan: Sendable {
    package let entity: EntityDefinition
    /// Of each view that has rows of it.
    package let counts: [Forgetting.Count]
    /// Views that have a key column of the same name for another entity; they are not touched.
    package let namesakes: [String]
}

/// What was removed of one entity.
package struct ForgetOutcome: Sendable {
    /// Of each view that had rows of it.
    package let counts: [Forgetting.Count]
    /// The position that it took in the ledger; `nil` = there was nothing to remove.
    package let position: Int64?
    /// Segments' files, on whatever host, that may still have the rows; nobody reads them any more.
    package let segments: Int?
}

extension OpenStore {
    /// What ``forget(_:key:confirm:)`` would remove.
    ///
    /// - Throws: as `Forgetting` does for an unknown entity or a key of another type.
    package func planForgetting(_ entity: String, key: String) throws -> ForgetPlan {
        try control.run { try ForgetPlan(try forgetting(entity, key)) }
    }

    /// When the key was forgotten before, newest first.
    /// - Complexity: one slow digest of the key, about a tenth of a second.
    package func forgotten(_ entity: String, key: String) throws -> [Timestamp] {
        try control.run { try forgetting(entity, key).earlier() }
    }

    /// Removes one entity from history and online tables, in one transaction.
    ///
    /// - Parameter confirm: called with what there is, also where that is nothing; false = nothing is removed.
    /// - Returns: `nil` where that was not confirmed.
    package func forget(
        _ entity: String,
        key: String,
        confirm: (ForgetPlan) throws -> Bool = { _ in true }
    ) throws -> ForgetOutcome? {
        try control.run {
            let forgetting = try forgetting(entity, key)
            guard try confirm(try ForgetPlan(forgetting)) else { return nil }
            try control.check()
            let (counts, state) = try forgetting.run()
            return ForgetOutcome(
                counts: counts,
                position: state?.position,
                // It is done, whether or not this can still be asked.
                segments: try? forgetting.segmentCount()
            )
        }
    }

    private func forgetting(_ entity: String, _ key: String) throws -> Forgetting {
        try Forgetting(session, entity: entity, key: key, try Registry.load(session).definitions)
    }
}

extension ForgetPlan {
    fileprivate init(_ forgetting: Forgetting) throws {
        entity = forgetting.entity
        counts = try forgetting.count()
        namesakes = try forgetting.namesakes()
    }
}
