import Columnar
package import Features
package import Operations
import Segments
import Store

/// What a store has of one entity.
package struct ForgetPlan: Sendable {
    package let entity: EntityDefinition
    /// Of each view that has rows of it.
    package let counts: [Forgetting.Count]
    /// Logged predictions about it.
    package let predictions: Int
    /// Views that have a key column of the same name for another entity; they are not touched.
    package let namesakes: [String]
}

/// What was removed of one entity.
package struct ForgetOutcome: Sendable {
    /// Of each view that had rows of it.
    package let counts: [Forgetting.Count]
    /// Logged predictions about it.
    package let predictions: Int
    /// The position that it took in the ledger; `nil` = no view had anything to remove.
    package let position: Int64?
    /// Segments' files that have the rows until they are written anew, and are read without them.
    package let markedSegments: Int?
    /// Segments' files, on whatever host, that may still have the rows; nobody reads them any more.
    package let unreadSegments: Int?
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
    /// - Parameters:
    ///   - segments: where this host's segments are: they stay of use.
    ///   - warning: gets why they do not.
    ///   - confirm: called with what there is, also where that is nothing; false = nothing is removed.
    /// - Returns: `nil` where that was not confirmed.
    package func forget(
        _ entity: String,
        key: String,
        segments: SegmentLocation = SegmentLocation(),
        warning: (String) -> Void = { _ in },
        confirm: (ForgetPlan) throws -> Bool
    ) throws -> ForgetOutcome? {
        try control.run {
            let forgetting = try forgetting(entity, key)
            let directory = try segments.find(self, warning: warning)
            guard try confirm(try ForgetPlan(forgetting)) else { return nil }
            try control.check()
            let rows = try directory.map { directory in
                try ForgottenRows(
                    of: forgetting.views().map(\.view),
                    column: forgetting.entity.key,
                    key: forgetting.key,
                    in: directory,
                    format: ParquetSegments(),
                    session
                )
            }
            var batch: Int64 = 0
            let (counts, predictions, state) = try forgetting.run { taken throws(StoreError) in
                batch = taken
                try rows?.mark(taken)
            }
            // It is done, whether or not this can still be asked.
            let files = try? forgetting.segmentCount(after: batch)
            return ForgetOutcome(
                counts: counts,
                predictions: predictions,
                position: state?.position,
                markedSegments: files?.marked,
                unreadSegments: files?.unread
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
        predictions = try forgetting.predictionCount()
        namesakes = try forgetting.namesakes()
    }
}
