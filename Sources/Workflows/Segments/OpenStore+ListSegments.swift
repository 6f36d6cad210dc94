package import PointInTime
package import Segments
package import Store

/// The files that a store knows of in a directory.
package struct SegmentList: Sendable {
    package struct Entry: Sendable {
        package let view: StoredView
        package let listing: SegmentListing
        /// Where the file is, with the directory.
        package let path: String
    }

    package let directory: SegmentDirectory
    /// By view, as they were asked for, then by partition.
    package let entries: [Entry]
}

/// What was removed from a directory.
package struct SegmentDropOutcome: Sendable {
    package let directory: SegmentDirectory
    package let files: SegmentRemoval.Outcome
}

extension OpenStore {
    /// Lists files of segments, and whether a scan would read them.
    ///
    /// - Parameters:
    ///   - names: the views; none = all, by name.
    ///   - directory: called once the views are known.
    package func listSegments(
        _ names: [String] = [],
        in directory: () throws -> SegmentDirectory,
        format: any SegmentFormat
    ) throws -> SegmentList {
        try control.run {
            let views = try Registry.load(session).views(named: names)
            let directory = try directory()
            var entries: [SegmentList.Entry] = []
            for view in views {
                try control.check()
                for listing in try SegmentListing.read(view, in: directory, format: format, session) {
                    entries.append(.init(view: view, listing: listing, path: directory.path(listing.segment)))
                }
            }
            return SegmentList(directory: directory, entries: entries)
        }
    }

    /// Removes files of segments; history is not touched.
    ///
    /// - Parameters:
    ///   - names: the views; `nil` = everything that the directory has, listed or not.
    ///   - directory: called once the views are known; waits for its lock.
    package func dropSegments(
        _ names: [String]?,
        in directory: () throws -> SegmentDirectory
    ) throws -> SegmentDropOutcome {
        try control.run {
            let registry = try Registry.load(session)
            let views = try names?.map { try registry.view(named: $0) }
            let directory = try directory()
            let lock = try directory.lock(conninfo: conninfo, interruption: control.interruption)
            let files = try SegmentRemoval(session, directory: directory).run(views)
            _ = consume lock
            return SegmentDropOutcome(directory: directory, files: files)
        }
    }
}
