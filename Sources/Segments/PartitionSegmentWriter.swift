import Features
import Glibc
import PointInTime
import Postgres
import Store

/// Writes one partition's file: one ordered statement, read by one thread while another writes row groups.
struct PartitionSegmentWriter {
    let plan: SegmentPlan
    let partition: SegmentPlan.Partition
    let positions: BatchPositions
    let session: Session
    let directory: SegmentDirectory
    let format: any SegmentFormat
    let groupRowsMax: Int
    /// About how many bytes of columns a row group has.
    let groupBytes: Int
    let meter: ProgressMeter

    /// - Returns: the segment, in place and listed; `nil` where the partition has no rows.
    func run() throws(StoreError) -> Segment? {
        let temporary = try directory.temporaryPath()
        defer { unlink(temporary) }
        let view = plan.view
        let isKept = directory.keepsReplaced && !partition.hasForgotten
        let output = try create(temporary)
        let contents = try write(to: output)
        let manifest = SegmentManifest(session, directory: directory.id)
        guard let bounds = contents.bounds else {
            if let replaced = partition.replaced {
                try manifest.remove([replaced], keepsUnlisted: isKept)
                if !isKept { directory.remove(replaced) }
            }
            return nil
        }
        let facts = try finish(output)
        let folder = SegmentDirectory.folder(view, partition: partition.number)
        let file = SegmentDirectory.newFile(in: folder, position: plan.pinned.state.position)
        var segment = Segment(
            file: file,
            view: view.id,
            partition: partition.number,
            range: partition.range,
            state: plan.pinned.state,
            batchMax: plan.pinned.batchMax,
            openBatches: plan.pinned.overtaken,
            rows: Int64(contents.rows),
            firstKeys: bounds.firstKeys,
            lastKeys: bounds.lastKeys,
            eventTimes: bounds.times,
            features: plan.features,
            featureMax: plan.featureMax,
            written: facts,
            sha256: try SegmentDirectory.digest(temporary),
            createdAt: Timestamp(microseconds: 0)
        )
        segment.written.etag = try directory.place(temporary, as: file)
        try manifest.replace(with: segment, keepsReplaced: isKept)
        if let replaced = partition.replaced, !isKept { directory.remove(replaced) }
        return segment
    }

    private func create(_ path: String) throws(StoreError) -> any SegmentOutput {
        do throws(HistoryRunError) {
            return try format.create(
                path: path,
                keys: plan.view.storageKeys,
                event: plan.view.eventKey,
                features: plan.view.definition.features,
                featureIDs: plan.features.map(\.id)
            )
        } catch {
            throw .file("\(error)")
        }
    }

    private func finish(_ output: any SegmentOutput) throws(StoreError) -> SegmentFacts {
        do throws(HistoryRunError) { return try output.finish() } catch { throw .file("\(error)") }
    }

    /// What a file has.
    private struct Contents {
        var rows = 0
        /// `nil` where there are no rows.
        var bounds: (firstKeys: [String], lastKeys: [String], times: ClosedRange<Timestamp>)?

        mutating func add(_ group: [Column], keyCount: Int) {
            let times = group[keyCount].int64Values
            guard let low = times.min(), let high = times.max() else { return }
            func keys(_ row: Int) -> [String] { group[..<keyCount].map { $0.value(row).text } }
            let first = bounds?.firstKeys ?? keys(0)
            let range = Timestamp(microseconds: low)...Timestamp(microseconds: high)
            let whole = bounds.map {
                min($0.times.lowerBound, range.lowerBound)...max($0.times.upperBound, range.upperBound)
            }
            bounds = (first, keys(times.count - 1), whole ?? range)
            rows += times.count
        }
    }

    private func write(to output: any SegmentOutput) throws(StoreError) -> Contents {
        var options = Connection.TransactionOptions.read
        options.statementTimeoutMs = Limits.batchQueryTimeoutMs
        return try session.transaction(options) { () throws(StoreError) in
            try session.execute("SET LOCAL work_mem = '\(SegmentLimits.sortMiB)MB'")
            let copy = try CopyOut(
                session,
                query: SegmentRows.query(plan.view, partition.range),
                types: SegmentRows.layout(plan.view).types
            )
            defer { copy.cancel() }
            let contents = try write(copy, to: output)
            // The table is locked since it was read: bytes of another type cannot have been taken for these.
            try plan.view.refuseIfChanged(session)
            return contents
        }
    }

    private func write(_ copy: CopyOut, to output: any SegmentOutput) throws(StoreError) -> Contents {
        let view = plan.view
        var rows = SegmentRows(view, positions, isOvertaken: plan.pinned.isOvertaken(view))
        var contents = Contents()
        var underWay: BackgroundWork<Void>?
        // Whoever still writes must have ended before the file is given up.
        defer { if let underWay { _ = try? underWay.wait() } }
        func flush(isLast: Bool) throws(StoreError) {
            guard let group = rows.takeGroup(isLast: isLast) else { return }
            contents.add(group, keyCount: view.storageKeys.count)
            if let before = underWay {
                underWay = nil
                try before.wait()
            }
            let count = group[0].rowCount
            underWay = BackgroundWork { () throws(StoreError) in
                do throws(HistoryRunError) { try output.write(group, rowCount: count) } catch {
                    throw .file("\(error)")
                }
            }
        }
        while let block = try copy.next(rowsMax: min(SegmentLimits.blockRows, groupRowsMax), bytesMax: groupBytes) {
            try rows.append(block)
            meter.add(rows: block[0].rowCount)
            if rows.rowCount >= groupRowsMax || rows.byteCount >= groupBytes {
                try flush(isLast: false)
            }
        }
        try flush(isLast: true)
        if let last = underWay {
            underWay = nil
            try last.wait()
        }
        return contents
    }
}
