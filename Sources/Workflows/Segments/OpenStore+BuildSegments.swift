package import PointInTime
package import Segments
package import Store

/// Which views' segments are brought up to date, and how.
package struct SegmentBuildRequest: Sendable {
    /// None = all, by name.
    package var views: [String]
    /// Partitions that are read side by side; each takes a session.
    package var jobs: Int
    package var options: SegmentBuildOptions

    package init(views: [String] = [], jobs: Int = 2, options: SegmentBuildOptions = SegmentBuildOptions()) {
        self.views = views
        self.jobs = jobs
        self.options = options
    }
}

/// What became of one view's segments.
package struct SegmentBuildOutcome: Sendable {
    package let view: StoredView
    package let summary: SegmentBuild.Summary
    package let elapsed: Duration
}

/// Where a build of several views is.
package enum SegmentBuildProgress: Sendable {
    /// Another build is at work in the directory, and this one waits for it.
    case waiting(SegmentDirectory)
    /// Files were removed that belonged to nothing any more.
    case swept(Int)
    case began(StoredView)
    /// Comes from the threads at work.
    case rows(StoredView, SegmentProgress)
    case done(SegmentBuildOutcome)
}

extension OpenStore {
    /// Brings the segments of views up to what history holds; each file is a commit of its own.
    ///
    /// - Parameters:
    ///   - directory: called once the views are known; its lock is held until the end.
    ///   - format: what files are written in.
    ///   - progress: called by one thread at a time, but for ``SegmentBuildProgress/rows(_:_:)``.
    /// - Returns: one outcome a view.
    /// - Throws: what stops one view stops all; files that were listed before stay.
    package func buildSegments(
        _ request: SegmentBuildRequest,
        in directory: () throws -> SegmentDirectory,
        format: any SegmentFormat,
        progress: @escaping @Sendable (SegmentBuildProgress) -> Void = { _ in }
    ) throws -> [SegmentBuildOutcome] {
        try control.run {
            let views = try Registry.load(session).views(named: request.views)
            let directory = try directory()
            let lock = try directory.lock(conninfo: conninfo, interruption: control.interruption) {
                progress(.waiting(directory))
            }
            let build = SegmentBuild(
                sessions: try sessions(request.jobs),
                directory: directory,
                format: format,
                options: request.options
            )
            let swept = try build.sweep()
            if swept > 0 { progress(.swept(swept)) }
            var outcomes: [SegmentBuildOutcome] = []
            for view in views {
                try control.check()
                let start = ContinuousClock.now
                progress(.began(view))
                let summary = try build.run(view) { progress(.rows(view, $0)) }
                let outcome = SegmentBuildOutcome(view: view, summary: summary, elapsed: start.duration(to: .now))
                progress(.done(outcome))
                outcomes.append(outcome)
            }
            _ = consume lock
            return outcomes
        }
    }
}
