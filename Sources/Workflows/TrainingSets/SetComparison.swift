import Columnar
import Features
import Foundation
import PointInTime
import Store
import TrainingSets

/// An exported file beside what history gives for its manifest.
struct SetComparison {
    let described: TrainingSetManifest
    /// The set's file, or its files in the order of their rows.
    private let paths: [String]
    /// Where ``paths`` lie and nothing else; `nil` = the set is one file.
    private let folder: String?
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
        if let parts = described.output.parts {
            guard format == .parquet, !parts.isEmpty, parts.allSatisfy({ !$0.contains("/") && $0 != ".." }) else {
                throw VerificationObstacle.damagedManifest(
                    "the parts of '\(described.output.file)' are no names of Parquet files"
                )
            }
            paths = parts.map { InputPath.file($0, in: request.data) }
            folder = request.data
        } else {
            paths = [request.data]
            folder = nil
        }
        self.format = format
        self.store = store
        lookup = request.lookup
        spec = try described.spec(store.session)
        personal = Set(zip(spec.plan.columns, spec.plan.isPII).filter(\.1).map(\.0.outputName))
    }

    /// Makes the set again and compares, a block of rows at a time.
    func result(_ warning: (String) -> Void) throws -> VerifyResult {
        let removals = try described.removals(store.session)
        if let difference = try partDifference() {
            return VerifyResult(outcome: .different(difference), removals: removals)
        }
        let reader = try reader()
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
            if let difference = partDifference(error) {
                return VerifyResult(outcome: .different(difference), removals: removals)
            }
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
        let rows: SetDifference?
        do { rows = try rowDifference(isValue: isValue) } catch let error as ColumnarError {
            // Of a difference further on the first one stays.
            guard partDifference(error) != nil else { throw error }
            rows = nil
        }
        return VerifyResult(outcome: .different(rows ?? difference), removals: removals)
    }

    /// A set's files beside those that its manifest names; names that begin with `_` or `.` are of those who wrote them.
    private func partDifference() throws -> SetDifference? {
        guard let folder else { return nil }
        let names = try InputPath.names(in: folder).filter { name in
            !name.split(separator: "/").contains { $0.hasPrefix("_") || $0.hasPrefix(".") }
        }
        let parts = described.output.parts ?? []
        let known = Set(names)
        if let missing = parts.first(where: { !known.contains($0) }) { return .missingPart(missing) }
        let expected = Set(parts)
        return names.first { !expected.contains($0) }.map { .extraPart($0) }
    }

    /// What an error of a file of several says about the set; `nil` where it says nothing, or there is one file.
    private func partDifference(_ error: ColumnarError) -> SetDifference? {
        guard folder != nil else { return nil }
        func name(_ file: String) -> String { String(file.split(separator: "/").last ?? "") }
        return switch error {
        case .noSuchFile(let file): .missingPart(name(file))
        case .noSuchColumn(let file, let column, _): .part(name(file), reason: "it has no column '\(column)'")
        case .unexpectedColumn(let file, let column):
            .part(name(file), reason: "it has a column '\(column)' that the set has not")
        case .badColumnType(let file, let column, let expected, let got, _):
            .part(name(file), reason: "column '\(column)' is \(got), in the set it is \(expected.text)")
        default: nil
        }
    }

    private func reader() throws(ColumnarError) -> TableReader {
        guard folder == nil else { return try TableReader(parts: paths, format: format) }
        var options = InputOptions()
        // A set is written with commas, whatever it is called.
        options.delimiter = CSVDialect.comma
        return try TableReader(path: paths[0], format: format, options: options)
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
        // What is looked up in PostgreSQL has no U+0000.
        let free = Set(spec.spine.map(\.name)).subtracting(spec.plan.roles.flatMap(\.keyColumns))
            .subtracting(spec.plan.requestFields.map(\.name))
        do {
            try reader.select(
                spec.columns.map {
                    ColumnRequest(
                        sourceName: $0.name,
                        type: $0.type,
                        passed: $0.passed,
                        isPII: personal.contains($0.name),
                        keepsNul: free.contains($0.name)
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
        let reader = try reader()
        guard try select(reader) == nil else { return }
        while let batch = try reader.next() {
            try store.control.check()
            guard try body(batch, reader) else { return }
        }
    }
}
