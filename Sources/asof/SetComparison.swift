import Columnar
import Features
import Foundation
import PointInTime
import Store
import TrainingSets
import Workflows

/// An exported file beside what history gives for its manifest.
struct SetComparison {
    private let described: TrainingSetManifest
    private let path: String
    private let format: FileFormat
    private let open: OpenStore
    private let engine: EngineOptions
    private let spec: TrainingSetSpec
    /// Columns whose values are not shown.
    private let personal: Set<String>

    /// How a comparison ended.
    struct Outcome {
        /// The first one; `nil` where there is none.
        var difference: String?
        /// Whether the file's own content is what the manifest says; known only where history has lost something.
        var isFileIntact = false
        /// What history has lost since.
        var removals: [Removal]
    }

    /// - Parameter folder: where the manifest lies.
    init(_ described: TrainingSetManifest, folder: String, _ open: OpenStore, _ engine: EngineOptions) throws {
        guard let format = FileFormat(name: described.output.format) else {
            throw WorkflowError.refused("the manifest names an unknown format '\(described.output.format)'")
        }
        self.described = described
        path = URL(fileURLWithPath: folder).appendingPathComponent(described.output.file).path
        self.format = format
        self.open = open
        self.engine = engine
        spec = try described.spec(open.session)
        personal = Set(zip(spec.plan.columns, spec.plan.isPII).filter(\.1).map(\.0.outputName))
    }

    /// Makes the set again and compares, a block of rows at a time.
    func outcome() throws -> Outcome {
        let removals = try described.removals(open.session)
        let reader = try TableReader(path: path, format: format)
        if let missing = try select(reader) { return Outcome(difference: missing, removals: removals) }
        var fileDigest = TrainingSetJoin.digest(of: spec.columns)
        var difference: String?
        var isValue = false
        do {
            var blocks = try SpineBlocks(reader)
            let join = try TrainingSetJoin(
                spec,
                sessions: try open.sessions(2),
                engine: try engine.lookup().request(open, spineRows: blocks.rowCount) {
                    Console.writeError("WARNING: \($0)")
                },
                measures: false
            )
            let spineCount = spec.spine.count
            while let batch = try blocks.next(join.blockRows(rowBytes: blocks.rowBytes)) {
                if !removals.isEmpty { fileDigest.update(batch.columns, rowCount: batch.rowCount) }
                if difference != nil { continue }
                let first = join.rowCount
                let spine = ColumnBatch(
                    names: Array(batch.names[..<spineCount]),
                    columns: Array(batch.columns[..<spineCount]),
                    rowCount: batch.rowCount
                )
                difference = firstDifference(batch, try join.join(spine), firstRow: first + 1)
                if difference != nil && removals.isEmpty { break }
            }
            try join.finish()
            for warning in join.warnings { Console.writeError("WARNING: \(warning)") }
            isValue = difference != nil
            difference = difference ?? self.difference(join)
        } catch let error as ColumnarError {
            // A line that nobody exported is a difference; a file that cannot be read is none.
            guard let fault = error.fault, fault.place.row != nil else { throw error }
            var place = fault.place
            place.file = ""
            var reason = fault.reason
            if case .unknownKey = error { reason = "the set has no such column" }
            return Outcome(difference: "\(place.text.dropFirst(2)): \(reason)", removals: removals)
        }
        let isFileIntact = !removals.isEmpty && fileDigest.text == described.contentDigest
        if difference != nil, !isFileIntact { difference = try rowDifference(isValue: isValue) ?? difference }
        return Outcome(difference: difference, isFileIntact: isFileIntact, removals: removals)
    }

    /// Chooses the set's columns.
    /// - Returns: what is wrong where the file has other ones.
    private func select(_ reader: TableReader) throws -> String? {
        // Of JSON objects each has its own keys, and a file without rows has none: their lines are looked at one by one.
        if format != .jsonLines {
            let names = Set(reader.sourceColumns.map(\.name))
            if let missing = spec.columns.first(where: { !names.contains($0.name) }) {
                return "the file has no column '\(missing.name)'"
            }
            let expected = Set(spec.columns.map(\.name))
            if let extra = reader.sourceColumns.first(where: { !expected.contains($0.name) }) {
                return "the file has a column '\(extra.name)' that the set has not"
            }
        }
        do {
            try reader.select(
                spec.columns.map {
                    ColumnRequest(
                        sourceName: $0.name,
                        type: $0.type,
                        passed: $0.passed,
                        isPII: personal.contains($0.name)
                    )
                }
            )
        } catch {
            guard case .badColumnType = error else { throw error }
            return "\(error)"
        }
        return nil
    }

    private func difference(_ join: TrainingSetJoin) -> String? {
        if join.rowCount != described.rows {
            return "the file has \(Console.count(join.rowCount, "row")), the set \(Console.grouped(described.rows))"
        }
        if join.spineDigest.text != described.spine.digest {
            return "the spine's columns are not those that were exported"
        }
        if join.contentDigest.text != described.contentDigest {
            return "the content digest is \(join.contentDigest.text), the manifest's is \(described.contentDigest)"
        }
        return nil
    }

    /// Compares by the content digest's bytes: every NaN is one, zero has two signs, texts are what their bytes are.
    private func firstDifference(_ file: ColumnBatch, _ made: ColumnBatch, firstRow: Int) -> String? {
        for start in stride(from: 0, to: made.rowCount, by: CanonicalRows.chunkRows) {
            let rows = start..<min(made.rowCount, start + CanonicalRows.chunkRows)
            guard Self.bytes(of: file.columns, rows) != Self.bytes(of: made.columns, rows) else { continue }
            for row in rows {
                for (got, (expected, name)) in zip(file.columns, zip(made.columns, made.names))
                where Self.bytes(of: [got], row..<row + 1) != Self.bytes(of: [expected], row..<row + 1) {
                    if personal.contains(name) {
                        return "row \(firstRow + row), column '\(name)': the values differ, and are not shown (pii)"
                    }
                    return "row \(firstRow + row), column '\(name)': the file has \(got.value(row).json), "
                        + "history gives \(expected.value(row).json)"
                }
            }
        }
        return nil
    }

    private static func bytes(of columns: [Column], _ rows: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        CanonicalRows.withBytes(of: columns, rows: rows) { bytes = Array($0) }
        return bytes
    }
}

// MARK: Which rows
extension SetComparison {
    /// Which rows the file lost, gained or exchanged; `nil` where it has the set's, or the manifest does not tell.
    ///
    /// - Parameter isValue: whether a value is known that the file has and history does not give, which says more than that a
    ///   row was changed.
    private func rowDifference(isValue: Bool) throws -> String? {
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
        let counts = "the file has \(Console.count(rows, "row")), the set \(Console.grouped(described.rows))"
        switch difference {
        case .added(let place):
            var place = place
            if rows - 1 == described.rows, let setSum = UInt64(set.sum, radix: 16),
                let row = try row(adding: checker.sum &- setSum, from: place.lowerBound)
            {
                place = row..<row + 1
            }
            let isKnown = place.count == rows - described.rows
            return
                "\(try named(place))\(isKnown ? "" : " or some of them") \(verb(place, "was", "were")) added: \(counts)"
        case .missing(let place):
            let isKnown = place.count == described.rows - rows
            let named =
                place.count == 1 ? "row \(place.lowerBound + 1)" : "rows \(place.lowerBound + 1) to \(place.upperBound)"
            return
                "\(named) of the set\(isKnown ? "" : ", or some of them,") \(verb(place, "is", "are")) missing: \(counts)"
        case .exchanged(let first, let second):
            return "\(try named(first..<first + 1)) and \(try named(second..<second + 1)) are exchanged"
        case .reordered(let place): return "\(try named(place)) are in another order"
        case .changed(let place):
            if rows != described.rows { return "\(try named(place)): not as exported; \(counts)" }
            return isValue ? nil : try changedSpine(place)
        }
    }

    private func verb(_ rows: Range<Int>, _ one: String, _ several: String) -> String {
        rows.count == 1 ? one : several
    }

    /// Names a row whose spine was changed, where history gives what the file has for it.
    private func changedSpine(_ rows: Range<Int>) throws -> String? {
        var spineDigest = TrainingSetJoin.digest(of: spec.spine)
        try forEachBatch { batch, _ in
            spineDigest.update(Array(batch.columns[..<spec.spine.count]), rowCount: batch.rowCount)
            return true
        }
        guard spineDigest.text != described.spine.digest else { return nil }
        return "\(try named(rows)): the spine's columns are not those that were exported"
    }

    /// Whether rows were only added behind the set's own: all that a manifest without checks can tell.
    private func appended() throws -> String? {
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
        let place = described.rows..<rows
        return "\(try named(place)) \(verb(place, "was", "were")) added: "
            + "the file has \(Console.count(rows, "row")), the set \(Console.grouped(described.rows))"
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

    /// As in `row 3 (line 4)`.
    private func named(_ rows: Range<Int>) throws -> String {
        let line = try line(of: rows.lowerBound)
        if rows.count == 1 { return "row \(rows.lowerBound + 1)\(line.map { " (line \($0))" } ?? "")" }
        return "rows \(rows.lowerBound + 1) to \(rows.upperBound)\(line.map { " (from line \($0) on)" } ?? "")"
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

    /// Reads the file once more.
    /// - Parameter body: whether to go on.
    private func forEachBatch(_ body: (ColumnBatch, TableReader) throws -> Bool) throws {
        let reader = try TableReader(path: path, format: format)
        guard try select(reader) == nil else { return }
        while let batch = try reader.next() {
            guard try body(batch, reader) else { return }
        }
    }
}
