import Features
import PointInTime
import Postgres
package import Store

/// The table `asof.segments`, as far as one directory goes.
package struct SegmentManifest {
    let session: Session
    /// The id in the directory's marker.
    package let directory: String

    package init(_ session: Session, directory: String) {
        self.session = session
        self.directory = directory
    }

    /// The directory's segments by view and partition.
    /// - Parameter view: those of one view; `nil` = of all, also of views that are gone.
    package func list(view: Int32? = nil) throws(StoreError) -> [Segment] {
        let rows = try session.query(
            """
            SELECT file, view, partition, range_from, range_to, position, uid, batch_max, open_batches, rows,
                to_json(first_keys)::text, to_json(last_keys)::text, min_event_time, max_event_time,
                feature_ids::bigint[], to_json(feature_names)::text, feature_max, bytes, tail_bytes, tail_crc, sha256,
                created_at, coalesce(etag, ''), removed_rows, forgotten
            FROM asof.segments WHERE directory = $1::text::uuid AND ($2::integer IS NULL OR view = $2)
            ORDER BY view, range_from NULLS FIRST, partition
            """,
            [.text(directory), .int32(view)]
        )
        var segments: [Segment] = []
        for row in 0..<rows.count { segments.append(try segment(rows, row)) }
        return segments
    }

    private func segment(_ rows: Rows, _ row: Int) throws(StoreError) -> Segment {
        let ids = rows.int64Array(row, 14) ?? []
        let names = try JSONDocument.decode([String].self, from: rows.text(row, 15) ?? "[]")
        guard let file = rows.text(row, 0), let times = rows.timeRange(row, 12, 13), ids.count == names.count else {
            throw .conflict("a row of asof.segments cannot be read by this binary")
        }
        return Segment(
            file: file,
            view: rows.int32(row, 1) ?? 0,
            partition: rows.int32(row, 2) ?? 0,
            range: PartitionRange(from: rows.timestamp(row, 3), to: rows.timestamp(row, 4)),
            state: LedgerState(position: rows.int64(row, 5) ?? 0, uid: rows.uuid(row, 6), committedAt: nil),
            batchMax: rows.int64(row, 7) ?? 0,
            openBatches: rows.int64Array(row, 8) ?? [],
            rows: rows.int64(row, 9) ?? 0,
            firstKeys: try JSONDocument.decode([String].self, from: rows.text(row, 10) ?? "[]"),
            lastKeys: try JSONDocument.decode([String].self, from: rows.text(row, 11) ?? "[]"),
            eventTimes: times,
            features: zip(ids, names).map { Segment.Feature(id: Int32(clamping: $0), name: $1) },
            featureMax: rows.int32(row, 16) ?? 0,
            written: SegmentFacts(
                bytes: rows.int64(row, 17) ?? 0,
                tailBytes: rows.int64(row, 18) ?? 0,
                tailCRC: UInt32(clamping: rows.int64(row, 19) ?? 0),
                etag: rows.text(row, 22) ?? ""
            ),
            sha256: rows.byteArray(row, 20) ?? [],
            createdAt: Timestamp(microseconds: rows.timestamp(row, 21) ?? 0),
            removed: Self.ranges(rows.int64Array(row, 23) ?? []),
            forgotten: rows.int64Array(row, 24) ?? []
        )
    }

    /// `removed_rows`.
    private static func ranges(_ bounds: [Int64]) -> [Range<Int>] {
        stride(from: 0, to: bounds.count - 1, by: 2).map { index in
            let first = Int(clamping: bounds[index])
            return first..<max(first, Int(clamping: bounds[index + 1]))
        }
    }

    /// Marks rows of a file as removed, in the transaction of their forget, which keeps other forgets of the view away. Nothing
    /// happens where the file is not listed any more.
    func remove(_ rows: [Range<Int>], of file: String, forgottenBy batch: Int64) throws(StoreError) {
        let key: [Parameter] = [.text(directory), .text(file)]
        let listed = try session.query(
            "SELECT removed_rows FROM asof.segments WHERE directory = $1::text::uuid AND file = $2 FOR UPDATE",
            key
        )
        guard listed.count > 0 else { return }
        let removed = Self.union(Self.ranges(listed.int64Array(0, 0) ?? []), rows)
        // Else it is not read until it is written anew, as are those that nobody could look into.
        guard removed.count <= SegmentLimits.removedRangesMax else { return }
        try session.query(
            """
            UPDATE asof.segments SET removed_rows = $3, forgotten = forgotten || $4::bigint
            WHERE directory = $1::text::uuid AND file = $2
            """,
            key + [.int64Array(removed.flatMap { [Int64($0.lowerBound), Int64($0.upperBound)] }), .int64(batch)]
        )
    }

    private static func union(_ left: [Range<Int>], _ right: [Range<Int>]) -> [Range<Int>] {
        var union: [Range<Int>] = []
        for range in (left + right).sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = union.last, range.lowerBound <= last.upperBound {
                union[union.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                union.append(range)
            }
        }
        return union
    }

    /// Lists a file in place of the one that its partition had, in one commit.
    /// - Parameter keepsReplaced: whether the other stays for those who read it, see ``unlisted(graceHours:)``.
    func replace(with segment: Segment, keepsReplaced: Bool = false) throws(StoreError) {
        try session.transaction(.write, of: "the listing of segment \(segment.file)") { () throws(StoreError) in
            // Whoever keeps it has seen that it has no forgotten rows, as of the new file's state.
            if keepsReplaced {
                try keepUnlisted("partition = $2", .int32(segment.partition), position: segment.state.position)
            }
            try session.query(
                "DELETE FROM asof.segments WHERE directory = $1::text::uuid AND partition = $2",
                [.text(directory), .int32(segment.partition)]
            )
            try session.query(
                """
                INSERT INTO asof.segments (directory, file, view, partition, range_from, range_to, position, uid, batch_max,
                    open_batches, rows, first_keys, last_keys, min_event_time, max_event_time, feature_ids, feature_names,
                    feature_max, bytes, tail_bytes, tail_crc, sha256, etag)
                VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8::text::uuid, $9, $10, $11, $12, $13, $14, $15,
                    $16::bigint[]::integer[], $17, $18, $19, $20, $21, $22, nullif($23, ''))
                """,
                [
                    .text(directory), .text(segment.file), .int32(segment.view), .int32(segment.partition),
                    .timestamp(microseconds: segment.range.from), .timestamp(microseconds: segment.range.to),
                    .int64(segment.state.position), .text(segment.state.uid), .int64(segment.batchMax),
                    .int64Array(segment.openBatches), .int64(segment.rows), .textArray(segment.firstKeys),
                    .textArray(segment.lastKeys),
                    .timestamp(microseconds: segment.eventTimes.lowerBound.microseconds),
                    .timestamp(microseconds: segment.eventTimes.upperBound.microseconds),
                    .int64Array(segment.features.map { Int64($0.id) }), .textArray(segment.features.map(\.name)),
                    .int32(segment.featureMax), .int64(segment.written.bytes), .int64(segment.written.tailBytes),
                    .int64(Int64(segment.written.tailCRC)), .bytes(segment.sha256), .text(segment.written.etag),
                ]
            )
        }
    }

    /// Moves what unchanged files cover up to a later state, so that a reader looks for later rows only.
    func advance(_ files: [String], to pinned: PinnedState) throws(StoreError) {
        guard !files.isEmpty else { return }
        try session.transaction(.write, of: "the listing of \(files.count) segments") { () throws(StoreError) in
            _ = try session.query(
                """
                UPDATE asof.segments SET position = $3, uid = $4::text::uuid, batch_max = $5, open_batches = $6
                WHERE directory = $1::text::uuid AND file = ANY ($2) AND position < $3
                """,
                [
                    .text(directory), .textArray(files), .int64(pinned.state.position), .text(pinned.state.uid),
                    .int64(pinned.batchMax), .int64Array(pinned.overtaken),
                ]
            )
        }
    }

    /// Takes files off the list.
    /// - Parameter keepsUnlisted: whether they stay for those who read them, see ``unlisted(graceHours:)``.
    func remove(_ files: [String], keepsUnlisted: Bool = false) throws(StoreError) {
        guard !files.isEmpty else { return }
        let subject = "the removal of \(files.count) segments from the list"
        try session.transaction(.write, of: subject) { () throws(StoreError) in
            if keepsUnlisted { try keepUnlisted("file = ANY ($2)", .textArray(files)) }
            _ = try session.query(
                "DELETE FROM asof.segments WHERE directory = $1::text::uuid AND file = ANY ($2)",
                [.text(directory), .textArray(files)]
            )
        }
    }
}

extension SegmentManifest {
    /// Notes when listed files were taken off the list.
    /// - Parameter position: as of which they have no rows that were forgotten; `nil` = as of their own.
    private func keepUnlisted(
        _ condition: String,
        _ value: Parameter,
        position: Int64? = nil
    ) throws(StoreError) {
        _ = try session.query(
            """
            INSERT INTO asof.replaced_segments (directory, file, view, position)
            SELECT directory, file, view, greatest(position, $3) FROM asof.segments
            WHERE directory = $1::text::uuid AND \(condition) AND removed_rows = '{}'
            ON CONFLICT DO NOTHING
            """,
            [.text(directory), value, .int64(position)]
        )
    }

    /// Files that were taken off the list so short a time ago that somebody may still read them. Those that a forget came
    /// after are none: what was forgotten is to go.
    func unlisted(graceHours: Int) throws(StoreError) -> Set<String> {
        let rows = try session.query(
            """
            SELECT r.file FROM asof.replaced_segments r WHERE r.directory = $1::text::uuid
                AND r.replaced_at > clock_timestamp() - make_interval(hours => $2)
                AND NOT EXISTS (
                    SELECT FROM asof.batches b WHERE b.position > r.position AND b.view IN (0, r.view)
                    AND b.kind NOT IN ('data', 'materialize', 'rebuild', 'definitions', 'drop'))
            """,
            [.text(directory), .int32(Int32(graceHours))]
        )
        return Set((0..<rows.count).compactMap { rows.text($0, 0) })
    }

    /// Forgets that files were taken off the list, once they are gone.
    func forgetUnlisted(but kept: Set<String>) throws(StoreError) {
        try session.transaction(.write, of: "the end of replaced segments") { () throws(StoreError) in
            _ = try session.query(
                "DELETE FROM asof.replaced_segments WHERE directory = $1::text::uuid AND file <> ALL ($2)",
                [.text(directory), .textArray(kept.sorted())]
            )
        }
    }
}

extension Segment {
    /// A view's features with their ids, in the definition's order, and the greatest id that it ever had.
    package static func features(
        of view: StoredView,
        _ session: Session
    ) throws(StoreError) -> (features: [Feature], max: Int32) {
        let rows = try session.query(
            "SELECT id, name FROM asof.features WHERE view = $1",
            [.int32(view.id)]
        )
        var ids: [String: Int32] = [:]
        for row in 0..<rows.count { ids[rows.text(row, 1) ?? ""] = rows.int32(row, 0) }
        var features: [Feature] = []
        for feature in view.definition.features {
            guard let id = ids[feature.name] else {
                throw .conflict("view '\(view.name)' has changed under this command; run it again")
            }
            features.append(Feature(id: id, name: feature.name))
        }
        return (features, ids.values.max() ?? 0)
    }
}
