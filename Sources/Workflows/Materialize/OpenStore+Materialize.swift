package import Features
package import Materializing
package import Store

/// Which batch views are brought up to date, and how.
package struct MaterializeRequest: Sendable {
    /// In this order; `nil` = all, each after those that its SQL reads.
    package var views: [String]?
    package var options: MaterializationOptions
    /// Whether to wait for another run of a view instead of giving up.
    package var waits: Bool

    package init(
        views: [String]?,
        options: MaterializationOptions = MaterializationOptions(),
        waits: Bool = false
    ) {
        self.views = views
        self.options = options
        self.waits = waits
    }
}

/// What a run of one view did.
package struct MaterializeOutcome: Sendable {
    package let view: StoredView
    /// What was asked for; empty where there was nothing to do.
    package let window: Range<Timestamp>
    package let summary: Materialization.Summary
    package let elapsed: Duration
}

/// Where a run of several views is, in the order in which things come.
package enum MaterializeProgress {
    /// Another run has the view, and this one waits for it: the view, and who has it.
    case waiting(String, holder: String)
    case began(StoredView)
    /// A chunk begins: its window, what was done before it, and the part of the view's window that is done, from 0 to 1.
    case chunk(StoredView, Range<Timestamp>, before: Materialization.Summary, done: Double)
    /// A chunk was committed, or counted in a dry run.
    case chunkDone(StoredView, Materialization.Chunk)
    case done(MaterializeOutcome)
    /// One of all views failed; those that do not read it go on.
    case failed(StoredView, any Error)
    /// A view was left out, since it reads one that failed or was left out.
    case leftOut(StoredView, reads: String)
}

/// What became of the views.
package struct MaterializeOutcomes: Sendable {
    package fileprivate(set) var done: [MaterializeOutcome] = []
    /// Views that failed or were left out; only where all were asked for.
    package fileprivate(set) var failed: Set<String> = []
}

extension OpenStore {
    /// Runs the SQL of batch views and stores what is new; each chunk is one commit.
    ///
    /// Each view has a ``MaterializationLock`` while it is at work, unless in a dry run.
    /// - Throws: what is wrong with a view that was named; chunks before it stay, and the error says so. Where all were
    ///   asked for, only what concerns them together, such as a cycle.
    package func materialize(
        _ request: MaterializeRequest,
        progress: (MaterializeProgress) -> Void = { _ in }
    ) throws -> MaterializeOutcomes {
        try control.run {
            let registry = try Registry.load(session)
            var outcomes = MaterializeOutcomes()
            if let names = request.views {
                for view in try names.map({ try registry.view(named: $0) }) {
                    outcomes.done.append(try materialize(view, request, progress))
                }
                return outcomes
            }
            // What reads a view that failed would miss its rows for good: the watermark would have passed them.
            for (view, reads) in try ViewDependencies(session, registry).order() {
                try control.check()
                if let cause = reads.intersection(outcomes.failed).min() {
                    progress(.leftOut(view, reads: cause))
                    outcomes.failed.insert(view.name)
                    continue
                }
                do {
                    outcomes.done.append(try materialize(view, request, progress))
                } catch {
                    if control.isOver, !RunControl.isUncertain(error) { throw error }
                    progress(.failed(view, error))
                    outcomes.failed.insert(view.name)
                }
            }
            return outcomes
        }
    }

    private func materialize(
        _ view: StoredView,
        _ request: MaterializeRequest,
        _ progress: (MaterializeProgress) -> Void
    ) throws -> MaterializeOutcome {
        let lock =
            request.options.isDryRun
            ? nil
            : try MaterializationLock(
                view,
                conninfo: conninfo,
                waits: request.waits,
                interruption: control.interruption
            ) { progress(.waiting(view.name, holder: $0)) }
        defer { lock?.release() }
        let start = ContinuousClock.now
        progress(.began(view))
        let run = try Materialization(session, view, request.options)
        do {
            while let window = run.nextWindow {
                try control.check()
                progress(.chunk(view, window, before: run.summary, done: run.done))
                guard let chunk = try run.runNext() else { break }
                progress(.chunkDone(view, chunk))
            }
        } catch {
            guard let state = run.summary.state else { throw error }
            throw StoppedShort(
                cause: error,
                stored: "\(CountText.count(run.summary.stored, "row")) of the chunks before are stored "
                    + "(position \(state.position)); the same command goes on after them"
            )
        }
        let outcome = MaterializeOutcome(
            view: view,
            window: run.window,
            summary: run.summary,
            elapsed: start.duration(to: .now)
        )
        progress(.done(outcome))
        return outcome
    }
}
