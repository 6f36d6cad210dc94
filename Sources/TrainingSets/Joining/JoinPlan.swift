import Features
package import PointInTime
import Postgres
import Store

/// How features are looked up.
package enum JoinEngine: String, Sendable, CaseIterable {
    /// One index descent in PostgreSQL for each row of the spine and view.
    case probe
    /// History passes by in order, from files and from PostgreSQL.
    case scan
}

/// What is asked of an export's engine.
package struct EngineRequest: Sendable {
    /// `nil` = whichever the counts speak for.
    package var engine: JoinEngine?
    package var source: ScanInputs
    package var limits: ScanLimits
    /// Rows of the spine, as far as they are known.
    package var spineRows: Int?

    package init(
        _ engine: JoinEngine?,
        source: ScanInputs = ScanInputs(),
        limits: ScanLimits = ScanLimits(),
        spineRows: Int? = nil
    ) {
        self.engine = engine
        self.source = source
        self.limits = limits
        self.spineRows = spineRows
    }
}

/// The engine that was chosen, with what spoke for it.
package struct JoinPlan: Sendable {
    package let engine: JoinEngine
    package let reason: String
    /// What each view was found to have; empty where the choice needed no look at it.
    package let views: [View]
    /// Estimated seconds of either engine; `nil` where they were not compared.
    package let estimates: (probe: Double, scan: Double)?

    package struct View: Sendable, Hashable {
        package var name: String
        package var historyRows: Int
        package var files: Int
        package var fileRows: Int
        package var fileBytes: Int
        /// Rows that only PostgreSQL has, at most.
        package var tailRows: Int
    }

    /// Seconds of one look-up on one session, of a row of a file that is passed by, of a row that comes by COPY, by several
    /// sessions where all such rows are kept, and of a row of the spine in a scan: measured on the machine of
    /// `docs/explanation/performance.md`.
    private enum Cost {
        static let probe = 14e-6
        static let fileRow = 12e-9
        static let keptTailRow = 0.7e-6
        static let tailRow = 1.05e-6
        static let spineRow = 0.6e-6
        /// A page in PostgreSQL's own buffers, with its rows counted.
        static let pageAtHand = 6e-6
        /// An event that PostgreSQL looks up for windows, and one that a scan puts into order.
        static let probedEvent = 1.5e-6
        static let eventRow = 40e-9
        static let scanStart = 0.03
        /// A spine's row in memory, about.
        static let spineRowBytes = 40
    }

    /// So few look-ups are over before files are opened.
    private static let fewRows = 64

    /// Chooses, and opens what a scan needs where it may come to one.
    static func make(
        _ request: EngineRequest,
        _ spec: TrainingSetSpec,
        _ context: Scan.Context
    ) throws(StoreError) -> (JoinPlan, Scan?) {
        if request.engine == .probe {
            return (JoinPlan(engine: .probe, reason: "asked for", views: [], estimates: nil), nil)
        }
        if request.engine == nil, let rows = request.spineRows, rows <= fewRows {
            let reason = "a spine of \(rows) row\(rows == 1 ? "" : "s")"
            return (JoinPlan(engine: .probe, reason: reason, views: [], estimates: nil), nil)
        }
        let scan = try Scan(spec.plan.roles, context)
        let scanned = scan.views(of: spec.plan.roles)
        let views = scanned.map { view in
            View(
                name: view.view.name,
                historyRows: view.historyRows,
                files: view.fileCount,
                fileRows: view.fileRows,
                fileBytes: view.fileBytes,
                tailRows: view.tail.rowsExpected
            )
        }
        guard request.engine == nil else {
            return (JoinPlan(engine: .scan, reason: "asked for", views: views, estimates: nil), scan)
        }
        guard let spineRows = request.spineRows else {
            let reason = "a spine of unknown length"
            return (JoinPlan(engine: .scan, reason: reason, views: views, estimates: nil), scan)
        }
        let lookups = Double(spineRows) * Double(spec.plan.roles.count)
        let events = try eventsLookedUp(spec, scan, spineRows, context.session)
        let pages = try pageSeconds(spec, scanned, spineRows, context.session)
        let probe = (lookups * Cost.probe + events * Cost.probedEvent + pages) / Double(context.sessionCount)
        let blockRows = scan.blockRows(spineRowBytes: Cost.spineRowBytes, spec)
        let blocks = Double((spineRows + blockRows - 1) / blockRows)
        let read = scanned.reduce(0.0) { sum, view in
            let tail = Double(view.tail.rowsExpected)
            return sum + blocks * Double(view.fileRows) * Cost.fileRow
                + (view.tail.isSmall ? tail * Cost.keptTailRow : blocks * tail * Cost.tailRow)
                + (view.view.eventKey == nil ? 0 : blocks * Double(view.fileRows) * Cost.eventRow)
        }
        let estimates = (probe: probe, scan: Cost.scanStart + read + lookups * Cost.spineRow)
        let isProbe = estimates.probe <= estimates.scan
        let reason = "the estimate of \(isProbe ? "look-ups" : "a scan") is lower"
        let plan = JoinPlan(engine: isProbe ? .probe : .scan, reason: reason, views: views, estimates: estimates)
        return (plan, isProbe ? nil : scan)
    }

    /// Seconds that look-ups wait for pages that are not at hand. Of windows the pages of their events are not counted.
    private static func pageSeconds(
        _ spec: TrainingSetSpec,
        _ scanned: [ScannedView],
        _ spineRows: Int,
        _ session: Session
    ) throws(StoreError) -> Double {
        var seconds = 0.0
        for scanned in scanned {
            guard let cost = try PageCost(scanned.view, session) else { continue }
            let roles = spec.plan.roles.count { $0.view.id == scanned.view.id }
            let pages = cost.pagesTouched(byLookups: Double(spineRows) * Double(roles))
            let each = try cost.secondsPerPage(scanned.view, session)
            // What a look-up of pages at hand pays for them is in its own cost.
            seconds += pages * max(0, each - Cost.pageAtHand)
        }
        return seconds
    }

    /// About how many events windows would look up: those of the entities asked for, each of which is taken to have as many as
    /// others.
    private static func eventsLookedUp(
        _ spec: TrainingSetSpec,
        _ scan: Scan,
        _ spineRows: Int,
        _ session: Session
    ) throws(StoreError) -> Double {
        var events = 0.0
        for role in spec.plan.roles {
            guard let windows = role.windows, let view = scan.views[role.view.id] else { continue }
            let entities = try session.query(
                "SELECT greatest(reltuples, 1)::bigint FROM pg_class WHERE oid = to_regclass($1)",
                [.text(windows.events.onlineTable)]
            )
            let each = Double(view.historyRows) / Double(max(1, entities.int64(0, 0) ?? 1))
            events += min(Double(view.historyRows), Double(spineRows) * each)
        }
        return events
    }
}

/// What a scan has read, after the run.
package struct ScanReport: Sendable {
    package let counts: ScanMeter.Counts
    /// Rows and bytes that came by COPY.
    package let tailRows: Int
    package let tailBytes: Int
    /// Bytes read of files, each time counted.
    package let fileBytes: Int

    init(_ scan: Scan, _ roles: [ViewRole]) {
        counts = scan.meter.value
        let views = scan.views(of: roles)
        let tails = views.map(\.tail)
        fileBytes = views.reduce(0) { $0 + $1.fileBytesRead }
        tailRows = tails.reduce(0) { $0 + $1.rowsRead }
        tailBytes = tails.reduce(0) { $0 + $1.bytesRead }
    }
}
