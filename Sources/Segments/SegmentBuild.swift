import Dispatch
import Features
import Foundation
package import PointInTime
import Postgres
package import Store
import Synchronization

/// What a run of `asof segments build` asks for.
package struct SegmentBuildOptions: Sendable {
    /// What the process may take, about; the server's sorts are its own.
    package var memoryBytes = 1 << 30
    /// New rows of a partition stay in PostgreSQL while they are fewer than this and than a share of its file.
    package var tailRowsMax = 50_000
    package var tailShareMax = 0.05
    /// Rows of a row group, at most.
    package var groupRowsMax = SegmentLimits.groupRowsMax
    /// Writes every file anew.
    package var rebuildsAll = false

    package init() {}
}

/// How far a run is.
package struct SegmentProgress: Sendable {
    package var rows = 0
    /// About how many rows the run will read.
    package var rowsExpected = 0
}

/// Writes the segments of views: brings a directory up to what history holds.
///
/// Each partition is one statement and one file. A file is listed, in a commit of its own, when it is complete and in
/// place, so that a run that ends early leaves what it finished. The caller holds the directory's lock.
package final class SegmentBuild {
    let session: Session
    private let pool: SessionPool
    private let jobs: Int
    let directory: SegmentDirectory
    let format: any SegmentFormat
    let options: SegmentBuildOptions
    private let manifest: SegmentManifest

    /// What became of one view.
    package struct Summary: Sendable {
        /// Partitions whose file was written.
        package var written = 0
        /// Rows and bytes of those files.
        package var rows: Int64 = 0
        package var bytes: Int64 = 0
        /// Partitions whose file was right.
        package var unchanged = 0
        /// Partitions whose new rows are few enough to stay in PostgreSQL, and those rows.
        package var behind = 0
        package var tailRows: Int64 = 0
        /// Why files had to be written anew that history alone gives no reason for.
        package var repairs: [String] = []
        package var state: LedgerState?
    }

    /// - Parameter sessions: at least one; as many partitions are read side by side.
    package init(
        sessions: [Session],
        directory: SegmentDirectory,
        format: any SegmentFormat,
        options: SegmentBuildOptions
    ) {
        session = sessions[0]
        pool = SessionPool(sessions)
        jobs = sessions.count
        self.directory = directory
        self.format = format
        self.options = options
        manifest = SegmentManifest(sessions[0], directory: directory.id)
    }

    /// Removes what killed runs left, and files of partitions and views that are gone or retired: nobody keeps those up
    /// to date, and they may have rows that were forgotten.
    ///
    /// - Returns: how many files there were.
    package func sweep() throws(StoreError) -> Int {
        let rows = try session.query(
            "SELECT p.number FROM asof.partitions p JOIN asof.views v ON v.id = p.view WHERE v.retired_at IS NULL"
        )
        let partitions = Set((0..<rows.count).compactMap { rows.int32($0, 0) })
        let segments = try manifest.list()
        let gone = segments.filter { !partitions.contains($0.partition) }.map(\.file)
        try manifest.remove(gone, keepsUnlisted: directory.keepsReplaced)
        let listed = Set(segments.filter { partitions.contains($0.partition) }.map(\.file))
        guard directory.keepsReplaced else { return try directory.sweep(listed: listed) }
        let kept = try manifest.unlisted(graceHours: SegmentLimits.replacedHours)
        let count = try directory.sweep(listed: listed.union(kept))
        try manifest.forgetUnlisted(but: kept)
        return count
    }

    /// Brings a view's files up to date.
    ///
    /// - Parameter progress: called by the threads at work.
    /// - Complexity: reads the partitions that have new rows whole; of the others, nothing of history.
    package func run(
        _ view: StoredView,
        progress: @escaping @Sendable (SegmentProgress) -> Void = { _ in }
    ) throws(StoreError) -> Summary {
        let plan = try SegmentPlan(view, self)
        var summary = Summary()
        summary.repairs = plan.repairs
        summary.unchanged = plan.unchanged.count
        summary.behind = plan.behind.count
        summary.tailRows = plan.behind.reduce(0) { $0 + $1.rows }
        summary.state = plan.pinned.state
        if !plan.work.isEmpty {
            for segment in try write(plan, progress) {
                summary.written += 1
                summary.rows += segment.rows
                summary.bytes += segment.written.bytes
            }
        }
        try manifest.advance(plan.unchanged.map(\.file), to: plan.pinned)
        return summary
    }

    private func write(
        _ plan: SegmentPlan,
        _ progress: @escaping @Sendable (SegmentProgress) -> Void
    ) throws(StoreError) -> [Segment] {
        let positions = try BatchPositions(plan.view, upTo: plan.pinned.state, session)
        let meter = ProgressMeter(rowsExpected: plan.rowsExpected, report: progress)
        let results = Mutex<[Result<Segment?, StoreError>]>([])
        let (pool, directory, format, work) = (pool, directory, format, plan.work)
        let groupRowsMax = options.groupRowsMax
        // Of a group's memory there are: rows as they come, columns, columns being written, and their pages.
        let groupBytes = min(max(options.memoryBytes / (jobs * 8), 1 << 20), SegmentLimits.groupBytesMax)
        DispatchQueue.concurrentPerform(iterations: work.count) { index in
            if results.withLock({ $0.contains(where: \.isFailure) }) { return }
            let result = pool.use { session throws(StoreError) in
                try PartitionSegmentWriter(
                    plan: plan,
                    partition: work[index],
                    positions: positions,
                    session: session,
                    directory: directory,
                    format: format,
                    groupRowsMax: groupRowsMax,
                    groupBytes: groupBytes,
                    meter: meter
                ).run()
            }
            results.withLock { $0.append(result) }
        }
        var segments: [Segment] = []
        for result in results.withLock({ $0 }) {
            if let segment = try result.get() { segments.append(segment) }
        }
        return segments
    }
}

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
}

/// Counts rows of several threads.
final class ProgressMeter: Sendable {
    private let progress: Mutex<SegmentProgress>
    private let report: @Sendable (SegmentProgress) -> Void

    init(rowsExpected: Int, report: @escaping @Sendable (SegmentProgress) -> Void) {
        progress = Mutex(SegmentProgress(rowsExpected: rowsExpected))
        self.report = report
    }

    func add(rows: Int) {
        let now = progress.withLock { progress in
            progress.rows += rows
            return progress
        }
        report(now)
    }
}
