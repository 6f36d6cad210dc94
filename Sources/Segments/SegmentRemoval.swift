package import Store

/// Takes files of segments off the list and off the disk.
package struct SegmentRemoval {
    let session: Session
    let directory: SegmentDirectory

    package init(_ session: Session, directory: SegmentDirectory) {
        self.session = session
        self.directory = directory
    }

    /// The caller holds the directory's lock.
    ///
    /// - Parameter views: `nil` = everything that the directory has, listed or not.
    /// - Returns: how many files there were.
    package func run(_ views: [StoredView]?) throws(StoreError) -> Int {
        let manifest = SegmentManifest(session, directory: directory.id)
        let chosen = views.map { Set($0.map(\.id)) }
        let segments = try manifest.list().filter { chosen?.contains($0.view) ?? true }
        // Off the list first: a reader that has just opened one goes on with it.
        try manifest.remove(segments.map(\.file))
        guard views == nil else {
            for segment in segments { directory.remove(segment.file) }
            return segments.count
        }
        return directory.sweep(listed: [])
    }
}
