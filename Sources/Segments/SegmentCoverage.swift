import Features
package import PointInTime
import Postgres
package import Store

/// A view's files as somebody reads them who has nothing but files: whether they have all of its history at a position.
package struct SegmentCoverage: Sendable {
    /// Those that can be read, in the order of their partitions.
    package let files: [Segment]
    /// The features asked for, with what names them for good.
    package let features: [Segment.Feature]
    /// What of the view's history the files lack or have damaged, a sentence each; none where they are enough.
    package let gaps: [String]
    /// The greatest position up to which no row is lacking; that asked for where there are no gaps.
    package let position: Int64

    /// - Parameters:
    ///   - names: the features that will be read.
    ///   - state: the state that will be read.
    /// - Complexity: looks at index and footer of each file, and of history at what came after it.
    package init(
        _ view: StoredView,
        features names: [String],
        at state: LedgerState,
        in directory: SegmentDirectory,
        format: some SegmentFormat,
        _ session: Session
    ) throws(StoreError) {
        let found = try ViewSegments.find(view, features: names, in: directory, session)
        let (runs, warnings) = found.open(view, in: directory, format: format)
        let known = try Segment.features(of: view, session).features
        features = names.compactMap { name in known.first { $0.name == name } }
        let pinned = try Ledger(session).pin(state)
        let later = try Self.commits(view, upTo: state.position, session)
        var gaps: [String] = []
        var reached = state.position
        var files: [Segment] = []
        for (part, run) in zip(found.parts, runs) {
            let segment = run == nil ? nil : part.segment
            if let segment { files.append(segment) }
            if let segment, !segment.removed.isEmpty {
                gaps.append("\(segment.file) has rows of forgotten entities, which only Asof leaves out")
            }
            let after = segment?.state.position ?? 0
            let (from, to) = (part.range.from ?? .min, part.range.to ?? .max)
            // Most partitions have no commit behind their file; of the others history is asked.
            let commits = later.filter { $0.position > after && $0.from < to && $0.to >= from }
            guard let first = commits.map(\.position).min() else { continue }
            let count = try Self.rows(view, part.range, beyond: segment, in: pinned, session)
            guard count > 0 else { continue }
            reached = min(reached, first - 1)
            let day = part.range.from.map { " from \(String(Timestamp(microseconds: $0).text.prefix(10))) on" } ?? ""
            gaps.append("the partition\(day) has \(count) rows that no file has")
        }
        self.files = files
        self.gaps = gaps.isEmpty ? [] : warnings.map { "\($0)" } + gaps
        position = reached
    }

    /// The view's commits that have rows, with the range of their event times.
    private static func commits(
        _ view: StoredView,
        upTo position: Int64,
        _ session: Session
    ) throws(StoreError) -> [(position: Int64, from: Int64, to: Int64)] {
        let rows = try session.query(
            """
            SELECT position, min_event_time, max_event_time FROM asof.batches
            WHERE view = $1 AND position <= $2 AND min_event_time IS NOT NULL AND kind <> 'forget' AND kind <> 'drop'
            """,
            [.int32(view.id), .int64(position)]
        )
        return (0..<rows.count).map { row in
            (rows.int64(row, 0) ?? 0, rows.timestamp(row, 1) ?? 0, rows.timestamp(row, 2) ?? 0)
        }
    }

    /// How many rows a partition has in a state that its file has not.
    private static func rows(
        _ view: StoredView,
        _ range: PartitionRange,
        beyond segment: Segment?,
        in pinned: PinnedState,
        _ session: Session
    ) throws(StoreError) -> Int64 {
        var conditions = [pinned.condition("h")] + range.conditions("h")
        if let segment { conditions.append(try Ledger(session).pin(segment.state).exclusion("h")) }
        let rows = try session.query(
            "SELECT count(*) FROM \(view.historyTable) h WHERE \(conditions.joined(separator: " AND "))"
        )
        return rows.int64(0, 0) ?? 0
    }
}
