import Features
import PointInTime
import Store
import Windowing

/// The point-in-time join by merging: a block of the spine is sorted once, and each view's history passes by in order.
///
/// History comes from segment files where they are, and from PostgreSQL where they are not; the answer is the same. What
/// ``Probe`` says of a row, this says.
final class Scan {
    /// What all parts of a scan share.
    struct Context {
        let pool: SessionPool
        let sessionCount: Int
        let pinned: PinnedState
        let options: JoinOptions
        let source: ScanInputs
        let limits: ScanLimits
        let clock: StageClock
        /// How many views are scanned.
        let viewCount: Int

        /// For use while no thread borrows a session.
        var session: Session { pool.first }
        /// What runs of one view's tail may take.
        var tailMemory: Int {
            limits.tailMemory ?? max(16 << 20, (limits.memory - TrainingSetLimits.scanBaseBytes) * 3 / 10)
                / max(1, viewCount)
        }
    }

    let context: Context
    let views: [Int32: ScannedView]
    /// The widest block's bytes of features a row, so far.
    var learnedRowBytes = 0
    let meter = ScanMeter()
    /// Files that could not be read, each with the reason and what to do.
    private(set) var warnings: [String]

    /// Finds the files and tails of the roles' views; nothing of them is read yet.
    init(_ roles: [ViewRole], _ context: Context) throws(StoreError) {
        self.context = context
        var views: [Int32: ScannedView] = [:]
        var warnings: [String] = []
        let totals = try Ledger(context.session).totals()
        for role in roles where views[role.view.id] == nil {
            var features: [FeatureDefinition] = []
            for other in roles where other.view.id == role.view.id {
                for feature in other.scannedFeatures where !features.contains(where: { $0.name == feature.name }) {
                    features.append(feature)
                }
            }
            views[role.view.id] = try ScannedView(
                role.scannedView,
                features: features,
                historyRows: Int(clamping: totals[role.view.id]?.rows ?? 0),
                context
            ) { warnings.append($0) }
        }
        self.views = views
        self.warnings = warnings
    }

    /// The scanned views, in the order of the roles.
    func views(of roles: [ViewRole]) -> [ScannedView] {
        var seen: Set<Int32> = []
        return roles.compactMap { seen.insert($0.view.id).inserted ? views[$0.view.id] : nil }
    }

    /// Begins to read what only PostgreSQL has, for the first block. Sessions are in use until ``settle()`` returns.
    func prepare(_ roles: [ViewRole]) {
        for view in views(of: roles) { view.tail.prepare(context.pool) }
    }

    /// Waits until no session is in use.
    func settle() {
        for view in views.values { view.tail.settle() }
    }

    /// Joins a block of the spine.
    ///
    /// - Parameters:
    ///   - times: those of windows.
    ///   - column: the spine's column of a name.
    ///   - progress: gets the share of the block's work that is done.
    /// - Returns: for each role what it gave, rows in the spine's order.
    func join(
        _ roles: [ViewRole],
        labelTimes: Column,
        windowsAt times: Column,
        rowPositions: Column?,
        column: (String) throws(StoreError) -> Column,
        progress: (Double) -> Void
    ) throws(StoreError) -> [JoinedView] {
        prepare(roles)
        // Sessions are the caller's again, also after an error.
        defer { settle() }
        var spines: [[String]: SortedSpine] = [:]
        var joined: [JoinedView] = []
        for (index, role) in roles.enumerated() {
            guard let view = views[role.view.id] else { preconditionFailure("every role's view was opened") }
            func report(_ share: Double) { progress((Double(index) + share) / Double(roles.count)) }
            var keys: [Column] = []
            for name in role.keyColumns { keys.append(try column(name)) }
            let bounds = role.windows == nil ? labelTimes : times
            let found: JoinedView?
            if let windows = role.windows {
                let requests = WindowRequests(
                    keys: keys,
                    times: bounds,
                    isKnownAtLabel: context.options.knownAtLabel,
                    positions: rowPositions
                )
                found = try untilWhole(view) { () throws(ScanFailure) in try view.join(windows, requests, meter) }
            } else {
                // Views that are asked by the same columns share one order.
                let spine = spines[role.keyColumns] ?? sorted(keys, bounds, rowPositions)
                let isWantedAgain = roles[(index + 1)...].contains { $0.keyColumns == role.keyColumns }
                spines[role.keyColumns] = isWantedAgain ? spine : nil
                found = try untilWhole(view) { () throws(ScanFailure) in try view.join(role, spine, meter, report) }
            }
            if let found { joined.append(found) } else { joined.append(try lookUp(role, keys, bounds, rowPositions)) }
            report(1)
        }
        return joined
    }

    private func sorted(_ keys: [Column], _ labelTimes: Column, _ rowPositions: Column?) -> SortedSpine {
        context.clock.measure(.sort) {
            SortedSpine(
                keys: keys,
                labelTimes: labelTimes,
                positions: rowPositions,
                workers: Workers(context.limits.threads)
            )
        }
    }

    /// For events of which PostgreSQL alone has more than fit into the memory.
    private func lookUp(
        _ role: ViewRole,
        _ keys: [Column],
        _ labelTimes: Column,
        _ rowPositions: Column?
    ) throws(StoreError) -> JoinedView {
        settle()
        let probe = ProbeJoin(pool: context.pool, pinned: context.pinned, options: context.options)
        return try context.clock.measure(.probe) { () throws(StoreError) in
            try probe.join(role, keys: keys, labelTimes: labelTimes, rowPositions: rowPositions)
        }
    }

    /// A file that turns out to be damaged is given up, and the view is joined once more.
    private func untilWhole(
        _ view: ScannedView,
        _ join: () throws(ScanFailure) -> JoinedView?
    ) throws(StoreError) -> JoinedView? {
        while true {
            do throws(ScanFailure) {
                return try join()
            } catch {
                switch error {
                case .store(let error): throw error
                // Each time one file less, so this ends.
                case .run(let error):
                    settle()
                    warnings.append(try view.giveUp(error))
                }
            }
        }
    }
}
