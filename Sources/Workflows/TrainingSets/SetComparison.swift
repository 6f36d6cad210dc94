import Columnar
import Features
import Foundation
import PointInTime
import Store
import TrainingSets

/// An exported file beside what history gives for its manifest.
struct SetComparison {
    let described: TrainingSetManifest
    private let path: String
    let format: FileFormat
    private let store: OpenStore
    private let lookup: LookupOptions
    let spec: TrainingSetSpec
    /// Columns whose values are not shown.
    private let personal: Set<String>

    /// - Throws: ``WorkflowError/refused(_:)`` or ``StoreError`` where the manifest cannot be followed in this store.
    init(_ request: VerifyRequest, _ store: OpenStore) throws {
        described = request.manifest
        guard let format = FileFormat(name: described.output.format) else {
            throw WorkflowError.refused("the manifest names an unknown format '\(described.output.format)'")
        }
        path = URL(fileURLWithPath: request.folder).appendingPathComponent(described.output.file).path
        self.format = format
        self.store = store
        lookup = request.lookup
        spec = try described.spec(store.session)
        personal = Set(zip(spec.plan.columns, spec.plan.isPII).filter(\.1).map(\.0.outputName))
    }

    /// Makes the set again and compares, a block of rows at a time.
    func result(_ warning: (String) -> Void) throws -> VerifyResult {
        let removals = try described.removals(store.session)
        let reader = try TableReader(path: path, format: format)
        if let difference = try select(reader) {
            return VerifyResult(outcome: .different(difference), removals: removals)
        }
        var fileDigest = TrainingSetJoin.digest(of: spec.columns)
        var difference: SetDifference?
        var isValue = false
        do {
            var blocks = try SpineBlocks(reader)
            let join = try TrainingSetJoin(
                spec,
                sessions: try store.sessions(2),
                engine: try lookup.request(store, spineRows: blocks.rowCount, warning: warning),
                measures: false
            )
            let spineCount = spec.spine.count
            while let batch = try blocks.next(join.blockRows(rowBytes: blocks.rowBytes)) {
                try store.control.check()
                if !removals.isEmpty { fileDigest.update(batch.columns, rowCount: batch.rowCount) }
                if difference != nil { continue }
                let first = join.rowCount
                let spine = ColumnBatch(
                    names: Array(batch.names[..<spineCount]),
                    columns: Array(batch.columns[..<spineCount]),
                    rowCount: batch.rowCount
                )
                difference = firstDifference(batch, try join.join(spine), firstRow: first)
                if difference != nil && removals.isEmpty { break }
            }
            try join.finish()
            join.warnings.forEach(warning)
            isValue = difference != nil
            difference = difference ?? self.difference(join)
        } catch let error as ColumnarError {
            // A line that nobody exported is a difference; a file that cannot be read is none.
            guard let fault = error.fault, fault.place.row != nil else { throw error }
            var place = fault.place
            place.file = ""
            var reason = fault.reason
            if case .unknownKey = error { reason = "the set has no such column" }
            let difference = SetDifference.unreadable(place: String(place.text.dropFirst(2)), reason: reason)
            return VerifyResult(outcome: .different(difference), removals: removals)
        }
        guard let difference else { return VerifyResult(outcome: .equal, removals: removals) }
        // A file that is what the manifest says, and which history no longer gives, is not at fault.
        if !removals.isEmpty, fileDigest.text == described.contentDigest {
            return VerifyResult(outcome: .historyLost(difference), removals: removals)
        }
        let rows = try rowDifference(isValue: isValue)
        return VerifyResult(outcome: .different(rows ?? difference), removals: removals)
    }

    /// Chooses the set's columns.
    /// - Returns: what is wrong where the file has other ones.
    private func select(_ reader: TableReader) throws -> SetDifference? {
        // Of JSON objects each has its own keys, and a file without rows has none: their lines are looked at one by one.
        if format != .jsonLines {
            let names = Set(reader.sourceColumns.map(\.name))
            if let missing = spec.columns.first(where: { !names.contains($0.name) }) {
                return .missingColumn(missing.name)
            }
            let expected = Set(spec.columns.map(\.name))
            if let extra = reader.sourceColumns.first(where: { !expected.contains($0.name) }) {
                return .extraColumn(extra.name)
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
            return .columnType("\(error)")
        }
        return nil
    }

    private func difference(_ join: TrainingSetJoin) -> SetDifference? {
        if join.rowCount != described.rows {
            return .rowCount(.init(file: join.rowCount, set: described.rows))
        }
        if join.spineDigest.text != described.spine.digest {
            return .spine(nil)
        }
        if join.contentDigest.text != described.contentDigest {
            return .contentDigest(file: join.contentDigest.text, manifest: described.contentDigest)
        }
        return nil
    }

    /// Compares by the content digest's bytes: every NaN is one, zero has two signs, texts are what their bytes are.
    private func firstDifference(_ file: ColumnBatch, _ made: ColumnBatch, firstRow: Int) -> SetDifference? {
        for start in stride(from: 0, to: made.rowCount, by: CanonicalRows.chunkRows) {
            let rows = start..<min(made.rowCount, start + CanonicalRows.chunkRows)
            guard Self.bytes(of: file.columns, rows) != Self.bytes(of: made.columns, rows) else { continue }
            for row in rows {
                for (got, (expected, name)) in zip(file.columns, zip(made.columns, made.names))
                where Self.bytes(of: [got], row..<row + 1) != Self.bytes(of: [expected], row..<row + 1) {
                    if personal.contains(name) {
                        return .hiddenValue(row: firstRow + row, column: name)
                    }
                    return .value(
                        row: firstRow + row,
                        column: name,
                        file: got.value(row),
                        history: expected.value(row)
                    )
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

    /// Reads the file once more.
    /// - Parameter body: whether to go on.
    func forEachBatch(_ body: (ColumnBatch, TableReader) throws -> Bool) throws {
        let reader = try TableReader(path: path, format: format)
        guard try select(reader) == nil else { return }
        while let batch = try reader.next() {
            try store.control.check()
            guard try body(batch, reader) else { return }
        }
    }
}
