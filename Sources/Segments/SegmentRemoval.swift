package import Store

/// Takes files of segments off the list and off the disk.
package struct SegmentRemoval {
    let session: Session
    let directory: SegmentDirectory

    package init(_ session: Session, directory: SegmentDirectory) {
        self.session = session
        self.directory = directory
    }

    /// What became of files.
    package struct Outcome: Sendable {
        /// How many are gone.
        package fileprivate(set) var removed = 0
        /// Objects that stay for those who read them, and go with a later build or removal.
        package fileprivate(set) var kept = 0
        /// Why each of the others is still there.
        package fileprivate(set) var failures: [StoreError] = []
    }

    /// The caller holds the directory's lock.
    ///
    /// - Parameter views: `nil` = everything that the directory has, listed or not.
    package func run(_ views: [StoredView]?) throws(StoreError) -> Outcome {
        let manifest = SegmentManifest(session, directory: directory.id)
        let chosen = views.map { Set($0.map(\.id)) }
        let segments = try manifest.list().filter { chosen?.contains($0.view) ?? true }
        // Off the list first: a reader that has just opened one goes on with it. Of an object it reads a piece at a time.
        try manifest.remove(segments.map(\.file), keepsUnlisted: directory.keepsReplaced)
        let kept =
            directory.keepsReplaced ? try manifest.unlisted(graceHours: SegmentLimits.replacedHours) : []
        var outcome = Outcome()
        if views == nil {
            outcome.kept = try directory.files().count(where: kept.contains)
            var failures: [StoreError] = []
            outcome.removed = try directory.sweep(listed: kept) { failures.append($0) }
            outcome.failures = failures
            if directory.keepsReplaced { try manifest.forgetUnlisted(but: kept) }
            return outcome
        }
        for segment in segments {
            guard !kept.contains(segment.file) else {
                outcome.kept += 1
                continue
            }
            if let error = directory.remove(segment.file) {
                outcome.failures.append(error)
            } else {
                outcome.removed += 1
            }
        }
        return outcome
    }
}
