import Features
import PointInTime
import Postgres
import Store

/// What a build has to do for one view: found out before anything is written.
struct SegmentPlan: Sendable {
    /// One partition whose file is to be written.
    struct Partition: Sendable {
        let number: Int32
        let range: PartitionRange
        /// The file that the new one takes the place of.
        let replaced: String?
        /// Whether that file has rows that were forgotten.
        var hasForgotten = false
    }

    let view: StoredView
    /// The state that files will have.
    let pinned: PinnedState
    let features: [Segment.Feature]
    let featureMax: Int32
    private(set) var work: [Partition] = []
    /// Files to which nothing was added.
    private(set) var unchanged: [Segment] = []
    /// Files whose partition has a few rows more.
    private(set) var behind: [(file: String, rows: Int64)] = []
    private(set) var repairs: [String] = []
    /// About how many rows the work reads.
    private(set) var rowsExpected = 0

    init(_ view: StoredView, _ build: SegmentBuild) throws(StoreError) {
        self.view = view
        let session = build.session
        var options = Connection.TransactionOptions.read
        options.isolation = .repeatableRead
        // One snapshot: no feature of a state that this plan has is unknown to it.
        let (pinned, known, partitions) = try session.transaction(options) { () throws(StoreError) in
            try view.refuseIfChanged(session)
            let ledger = Ledger(session)
            return (
                try ledger.pin(try ledger.head()), try Segment.features(of: view, session),
                try ViewSegments.partitions(of: view, session)
            )
        }
        self.pinned = pinned
        (features, featureMax) = known
        let (segments, validity) = try SegmentValidity.listed(view, build.directory, session)
        let judge = try SegmentJudge(view, features, build, segments, validity)
        for (number, range) in partitions {
            let segment = segments.first { $0.partition == number }
            var isDue = true
            if let segment, !build.options.rebuildsAll {
                switch try judge.verdict(segment) {
                case .right:
                    unchanged.append(segment)
                    isDue = false
                case .behind(let rows):
                    behind.append((segment.file, rows))
                    isDue = false
                case .outdated: break
                case .unusable(let reason): repairs.append("\(build.directory.path(segment)): \(reason)")
                }
            }
            if isDue {
                // Also of a file that is written anew for another reason.
                let hasForgotten = try segment.map { segment throws(StoreError) in try judge.hasForgotten(segment) }
                work.append(
                    Partition(
                        number: number,
                        range: range,
                        replaced: segment?.file,
                        hasForgotten: hasForgotten ?? false
                    )
                )
            }
        }
        rowsExpected = try Self.rows(work.map(\.number), session)
    }

    /// About how many rows partitions have, by PostgreSQL's statistics.
    private static func rows(_ partitions: [Int32], _ session: Session) throws(StoreError) -> Int {
        let rows = try session.query(
            """
            SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM unnest($1) AS number
            JOIN pg_class c ON c.oid = to_regclass('history."_p' || number || '"')
            """,
            [.int64Array(partitions.map { Int64($0) })]
        )
        return Int(rows.int64(0, 0) ?? 0)
    }
}

/// Judges the files that a directory has of one view.
private struct SegmentJudge {
    enum Verdict {
        /// It has all rows.
        case right
        /// It lacks so many rows, which are few enough to stay in PostgreSQL.
        case behind(rows: Int64)
        /// It lacks more, or has rows that were forgotten.
        case outdated
        case unusable(reason: String)
    }

    private let view: StoredView
    private let features: [Segment.Feature]
    private let build: SegmentBuild
    private let validity: SegmentValidity
    /// Positions and event times of what was written since the oldest file.
    private var later: [(position: Int64, from: Int64, to: Int64)] = []

    init(
        _ view: StoredView,
        _ features: [Segment.Feature],
        _ build: SegmentBuild,
        _ segments: [Segment],
        _ validity: SegmentValidity
    ) throws(StoreError) {
        self.view = view
        self.features = features
        self.build = build
        self.validity = validity
        guard let oldest = segments.map(\.state.position).min() else { return }
        let rows = try build.session.query(
            """
            SELECT position, min_event_time, max_event_time FROM asof.batches
            WHERE view = $1 AND position > $2 AND min_event_time IS NOT NULL AND kind <> 'forget' AND kind <> 'drop'
            """,
            [.int32(view.id), .int64(oldest)]
        )
        for row in 0..<rows.count {
            later.append((rows.int64(row, 0) ?? 0, rows.timestamp(row, 1) ?? 0, rows.timestamp(row, 2) ?? 0))
        }
    }

    func verdict(_ segment: Segment) throws(StoreError) -> Verdict {
        if let fault = fault(segment) ?? validity.timelineFault(segment) { return .unusable(reason: fault) }
        // What was forgotten is to go from the disk, too.
        if try hasForgotten(segment) { return .outdated }
        let (from, to) = (segment.range.from ?? .min, segment.range.to ?? .max)
        guard later.contains(where: { $0.position > segment.state.position && $0.from < to && $0.to >= from }) else {
            return .right
        }
        let share = Int64((Double(segment.rows) * build.options.tailShareMax).rounded(.up))
        let limit = max(min(Int64(build.options.tailRowsMax), share), 1)
        let count = try rows(segment, isLater: true, limit: limit)
        return count == 0 ? .right : count < limit ? .behind(rows: count) : .outdated
    }

    /// Whether a file has rows that are history's no more.
    func hasForgotten(_ segment: Segment) throws(StoreError) -> Bool {
        guard segment.removed.isEmpty else { return true }
        guard validity.isBeforeRemoval(segment) else { return false }
        // Whose state is of another timeline has no rows that could be counted.
        guard validity.timelineFault(segment) == nil else { return true }
        // Rows only ever go; where there are as many as were written, they are the same.
        return try rows(segment, isLater: false, limit: nil) != segment.rows
    }

    /// What is wrong with the file itself.
    private func fault(_ segment: Segment) -> String? {
        let folder = SegmentDirectory.folder(view, partition: segment.partition)
        guard segment.file.hasPrefix(folder + "/") else { return "its folder has other names now" }
        do throws(StoreError) {
            let columns = try segment.columns(of: features)
            do throws(HistoryRunError) {
                _ = try build.format.open(
                    path: build.directory.path(segment),
                    written: segment.written,
                    keys: view.storageKeys,
                    event: view.eventKey,
                    features: columns
                )
            } catch {
                return error.reason
            }
        } catch {
            return "\(error)"
        }
        return nil
    }

    /// How many rows of a partition history has that the file's state has, or that came after it; at most `limit`.
    private func rows(_ segment: Segment, isLater: Bool, limit: Int64?) throws(StoreError) -> Int64 {
        let pinned = try Ledger(build.session).pin(segment.state)
        let conditions = [isLater ? pinned.exclusion("h") : pinned.condition("h")] + segment.range.conditions("h")
        let rows = try build.session.query(
            """
            SELECT count(*) FROM (SELECT FROM \(view.historyTable) h
            WHERE \(conditions.joined(separator: " AND "))\(limit.map { " LIMIT \($0)" } ?? "")) x
            """
        )
        return rows.int64(0, 0) ?? 0
    }
}
