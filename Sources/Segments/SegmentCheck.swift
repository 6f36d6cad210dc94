import Features
package import PointInTime
import Postgres
package import Store

/// Proves that files of segments are what was written, and that history has the same rows.
package struct SegmentCheck {
    let session: Session
    let directory: SegmentDirectory
    let format: any SegmentFormat

    package init(_ session: Session, directory: SegmentDirectory, format: any SegmentFormat) {
        self.session = session
        self.directory = directory
        self.format = format
    }

    /// One file and what is wrong with it.
    package struct Finding: Sendable {
        package let file: String
        /// `nil` where it is in order.
        package let fault: String?
    }

    /// Checks every file that is listed for a view.
    ///
    /// - Parameter progress: called with the number of files behind and in all.
    /// - Complexity: reads the files whole, and counts history's rows.
    package func run(
        _ view: StoredView,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(StoreError) -> [Finding] {
        let known = Set(try ViewSegments.partitions(of: view, session).map(\.number))
        let features = try Segment.features(of: view, session).features
        let (listed, validity) = try SegmentValidity.listed(view, directory, session)
        // Nobody asks for the file of a partition that was dropped; the next build removes it.
        let segments = listed.filter { known.contains($0.partition) }
        var findings: [Finding] = []
        for segment in segments {
            findings.append(Finding(file: segment.file, fault: try fault(segment, view, features, validity)))
            progress(findings.count, segments.count)
        }
        return findings
    }

    /// Files in the directory that no list has: they are in nobody's way, and the next build removes them.
    package func strays() throws(StoreError) -> [String] {
        let listed = Set(try SegmentManifest(session, directory: directory.id).list().map(\.file))
        let kept = try SegmentManifest(session, directory: directory.id).unlisted(
            graceHours: SegmentLimits.replacedHours
        )
        return try directory.files().filter { !listed.contains($0) && !kept.contains($0) }
    }

    private func fault(
        _ segment: Segment,
        _ view: StoredView,
        _ features: [Segment.Feature],
        _ validity: SegmentValidity
    ) throws(StoreError) -> String? {
        do throws(StoreError) {
            guard try directory.digest(of: segment) == segment.sha256 else { return "its SHA-256 is another" }
            _ = try segment.columns(of: features)
        } catch {
            return "\(error)"
        }
        if let fault = contentFault(segment, view) { return fault }
        if let fault = validity.fault(segment) { return fault }
        let rows = try historyRows(segment, view)
        let marked = segment.removed.isEmpty ? "" : ", less those that are marked as forgotten"
        return rows == segment.remainingRows
            ? nil
            : "it has \(segment.remainingRows) rows\(marked); history had \(rows) at position \(segment.state.position)"
    }

    private func contentFault(_ segment: Segment, _ view: StoredView) -> String? {
        do throws(HistoryRunError) {
            let run = try format.open(
                path: directory.path(segment),
                written: segment.written,
                keys: view.storageKeys,
                event: view.eventKey,
                features: []
            )
            var rows: Int64 = 0
            var last: GroupOrder?
            for group in run.groups.indices {
                let order = try run.order(ofGroup: group, with: [.positions, .knownAt, .events])
                if let fault = Self.fault(order, behind: last, segment) { return fault }
                rows += Int64(order.rowCount)
                last = order
            }
            return rows == segment.rows ? nil : "it has \(rows) rows; \(segment.rows) are listed"
        } catch {
            return error.reason
        }
    }

    /// What is wrong with a group's rows, themselves or behind those of the group before.
    private static func fault(_ order: GroupOrder, behind last: GroupOrder?, _ segment: Segment) -> String? {
        guard let positions = order.positions else { return "it has no positions" }
        if let last, last.rowCount > 0, !last.isAscending(last.rowCount - 1, order, 0) {
            return "its rows are not in order"
        }
        for row in 0..<order.rowCount {
            if row > 0, !order.isAscending(row - 1, order, row) { return "its rows are not in order" }
            if positions[row] > segment.state.position { return "it has rows of a later position" }
            if !segment.range.contains(order.times[row]) { return "it has rows of another partition" }
        }
        return nil
    }

    private func historyRows(_ segment: Segment, _ view: StoredView) throws(StoreError) -> Int64 {
        let pinned = try Ledger(session).pin(segment.state)
        let condition = ([pinned.condition("h")] + segment.range.conditions("h")).joined(separator: " AND ")
        return try session.query("SELECT count(*) FROM \(view.historyTable) h WHERE \(condition)").int64(0, 0) ?? 0
    }
}

extension PartitionRange {
    /// SQL: that the row which `alias` names lies in the range.
    func conditions(_ alias: String) -> [String] {
        [
            from.map { "\(alias)._event_time >= \(KnownPartitions.literal($0))" },
            to.map { "\(alias)._event_time < \(KnownPartitions.literal($0))" },
        ].compactMap(\.self)
    }
}

extension GroupOrder {
    /// Whether a row stands before another of the same view by keys, event time, event and position.
    fileprivate func isAscending(_ row: Int, _ other: GroupOrder, _ otherRow: Int) -> Bool {
        for (left, right) in zip(keys, other.keys) {
            if let isBefore = Self.isBefore(left, row, right, otherRow) { return isBefore }
        }
        if times[row] != other.times[otherRow] { return times[row] < other.times[otherRow] }
        if let events, let others = other.events, let isBefore = Self.isBefore(events, row, others, otherRow) {
            return isBefore
        }
        guard let positions, let others = other.positions else { return false }
        return positions[row] < others[otherRow]
    }

    /// `nil` where both are the same.
    private static func isBefore(_ left: Keys, _ row: Int, _ right: Keys, _ otherRow: Int) -> Bool? {
        switch (left, right) {
        case (.int64(let left), .int64(let right)):
            return left[row] == right[otherRow] ? nil : left[row] < right[otherRow]
        case (.string(let offsets, let bytes), .string(let otherOffsets, let otherBytes)):
            let left = bytes[offsets[row]..<offsets[row + 1]]
            let right = otherBytes[otherOffsets[otherRow]..<otherOffsets[otherRow + 1]]
            if left.lexicographicallyPrecedes(right) { return true }
            return right.lexicographicallyPrecedes(left) ? false : nil
        default: return false
        }
    }
}
