import Columnar
import PointInTime
import TrainingSets

extension SetComparison {
    /// Which rows the file lost, gained or exchanged; `nil` where it has the set's, or the manifest does not tell.
    ///
    /// - Parameter isValue: whether a value is known that the file has and history does not give, which says more than that a
    ///   row was changed.
    func rowDifference(isValue: Bool) throws -> SetDifference? {
        guard let set = described.rowMarks else { return try appended() }
        var digest = TrainingSetJoin.digest(of: spec.columns)
        digest.marks = RowMarker(rowsEach: max(set.rowsEach, 1))
        try forEachBatch { batch, _ in
            digest.update(batch.columns, rowCount: batch.rowCount)
            return true
        }
        let rows = digest.rowCount
        guard let checker = digest.marks,
            let difference = RowDifference(file: checker.marks, fileRows: rows, set: set, setRows: described.rows)
        else { return nil }
        let counts = SetDifference.RowCounts(file: rows, set: described.rows)
        switch difference {
        case .added(var place):
            if rows - 1 == described.rows, let setSum = UInt64(set.sum, radix: 16),
                let row = try row(adding: checker.sum &- setSum, from: place.lowerBound)
            {
                place = row..<row + 1
            }
            return .added(try placed(place), isExact: place.count == rows - described.rows, counts)
        case .missing(let place):
            return .missing(place, isExact: place.count == described.rows - rows, counts)
        case .exchanged(let first, let second):
            return .exchanged(try placed(first..<first + 1), try placed(second..<second + 1))
        case .reordered(let place): return .reordered(try placed(place))
        case .changed(let place):
            if rows != described.rows { return .changed(try placed(place), counts) }
            return isValue ? nil : try changedSpine(place)
        }
    }

    /// Names a row whose spine was changed, where history gives what the file has for it.
    private func changedSpine(_ rows: Range<Int>) throws -> SetDifference? {
        var spineDigest = TrainingSetJoin.digest(of: spec.spine)
        try forEachBatch { batch, _ in
            spineDigest.update(Array(batch.columns[..<spec.spine.count]), rowCount: batch.rowCount)
            return true
        }
        guard spineDigest.text != described.spine.digest else { return nil }
        return .spine(try placed(rows))
    }

    /// Whether rows were only added behind the set's own: all that a manifest without checks can tell.
    private func appended() throws -> SetDifference? {
        var digest = TrainingSetJoin.digest(of: spec.columns)
        var rows = 0
        try forEachBatch { batch, _ in
            // Subtracted only where it cannot overflow: the manifest may say any number.
            let wanted = described.rows > rows ? min(batch.rowCount, described.rows - rows) : 0
            let head = batch.slice(0..<wanted)
            digest.update(head.columns, rowCount: wanted)
            rows += batch.rowCount
            return true
        }
        guard rows > described.rows, digest.text == described.contentDigest else { return nil }
        let counts = SetDifference.RowCounts(file: rows, set: described.rows)
        return .added(try placed(described.rows..<rows), isExact: true, counts)
    }

    /// The first row at or behind `start` whose check adds so much to the sum of all.
    private func row(adding share: UInt64, from start: Int) throws -> Int? {
        var first = 0
        var found: Int?
        try forEachBatch { batch, _ in
            let rows = RowMarker.rows(of: batch.columns, rowCount: batch.rowCount, adding: share)
            let base = first
            found = rows.map { base + $0 }.first { $0 >= start }
            first += batch.rowCount
            return found == nil
        }
        return found
    }

    private func placed(_ rows: Range<Int>) throws -> SetDifference.FileRows {
        .init(rows: rows, line: try line(of: rows.lowerBound))
    }

    private func line(of row: Int) throws -> Int? {
        guard format == .csv || format == .jsonLines else { return nil }
        var line: Int?
        var first = 0
        try forEachBatch { batch, reader in
            if row < first + batch.rowCount { line = reader.line(ofBatchRow: row - first) }
            first += batch.rowCount
            return line == nil
        }
        return line
    }
}
