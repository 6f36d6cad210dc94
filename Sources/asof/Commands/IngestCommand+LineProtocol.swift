import ArgumentParser
import Columnar
import Features
import Foundation
import PointInTime
import Store
import Workflows

extension IngestCommand {
    /// Told by the format or, without one, by the first file's name.
    var isLineProtocol: Bool {
        if let format { return LineProtocolReader.isFormat(name: format) }
        return viewAndFiles.prefix(2).contains { LineProtocolReader.isFile(path: $0) }
    }

    /// Before it is known whether the first argument is a view.
    var fileCount: Int {
        viewAndFiles.count - (isLineProtocol && LineProtocolReader.isFile(path: viewAndFiles[0]) ? 0 : 1)
    }

    func validateLineProtocol() throws {
        let others: [(String, Bool)] = [
            ("--map", !map.isEmpty), ("--event-time", eventTime != nil), ("--known-at", knownAt != nil),
            ("--deleted", deleted != nil), ("--ignore-extra", ignoreExtra), ("--null", !null.isEmpty),
            ("--time-unit", timeUnit != nil),
        ]
        if let option = others.first(where: \.1) {
            throw ValidationError("\(option.0) does not go with line protocol; it has --precision s|ms|us|ns")
        }
        if let precision, TimeUnit(rawValue: precision) == nil {
            throw ValidationError("--precision '\(precision)': expected s, ms, us or ns")
        }
    }

    /// Stores files of line protocol, whose points name their views.
    func ingestLines(_ registry: Registry, _ open: OpenStore) throws {
        var files = viewAndFiles[...]
        var views = registry.views
        let first = viewAndFiles[0]
        let isView = files.count > 1 && registry.views.contains { $0.name == first }
        if isView || (files.count > 1 && first != "-" && !FileManager.default.fileExists(atPath: first)) {
            views = [try registry.view(named: first)]
            files = files.dropFirst()
        }
        for file in files { try ingestLines(file, views, open) }
    }

    private func ingestLines(_ file: String, _ views: [StoredView], _ open: OpenStore) throws {
        let shown = file == "-" ? "standard input" : file
        let unit = precision.flatMap { TimeUnit(rawValue: $0) } ?? .ns
        var options = InputOptions()
        options.skipsBadRows = onError == .skip
        options.allowsEarly1970 = allow1970
        options.batchRows = min(options.batchRows, batchRows)
        let reader = try LineProtocolReader(
            path: file,
            views: views.map { view in
                var definition = view.definition
                if let missing { definition.missing = MissingPolicy(rawValue: missing) ?? definition.missing }
                return definition
            },
            precision: unit,
            options: options
        )
        var ingestionOptions = ingestionOptions()
        ingestionOptions.meaning = "line_protocol precision=\(unit.rawValue)"
        let identity = try identity(file)
        let ingestion = try Ingestion(
            session: open.session,
            source: identity,
            form: .points,
            options: ingestionOptions
        )
        let rejected = try rejects.map {
            try RejectsFile(
                path: $0,
                source: identity == nil ? nil : ingestion.source,
                header: [],
                keptRows: ingestion.resumesAt
            )
        }
        var progress = Progress(isQuiet: quiet || json)
        do {
            while try reader.next(now: ingestion.now) {
                try append(reader, views, ingestion, rejected)
                progress.update(shown, rows: reader.rowsRead, bytes: reader.bytesRead, totalBytes: reader.totalBytes)
            }
            let summary = try ingestion.finish()
            progress.clear()
            report(summary, shown, summary.rowsByView.keys.sorted().joined(separator: ", "), progress.elapsed)
            if let rejects, summary.rejected > 0 { try RejectedRows.report(summary, shown, rejects, isQuiet: json) }
        } catch let code as ExitCode {
            throw code
        } catch {
            progress.clear()
            // An error of the batch under way adds nothing to the one that came first.
            try? ingestion.settle()
            throw located(error, shown, ingestion.summary, isResumable: identity != nil) { row in
                let index = row - reader.batchFirstRow
                return reader.lines.indices.contains(index) ? reader.lines[index] : nil
            }
        }
    }

    /// Hands the reader's last batch on; bad points are on disk before anything is stored that lies behind them.
    private func append(
        _ reader: LineProtocolReader,
        _ views: [StoredView],
        _ ingestion: Ingestion,
        _ rejected: RejectsFile?
    ) throws {
        let input = InputRows(
            parts: reader.parts.map { part in
                InputRows.Part(
                    view: views[part.view],
                    rows: ViewRows(keys: part.keys, eventTimes: part.eventTimes, features: part.features),
                    offsets: part.offsets
                )
            },
            undecodable: reader.rejects.map { UndecodableRow(offset: $0.offset, text: $0.text) },
            texts: reader.texts
        )
        let checked = ingestion.check(input)
        guard let rejected else { return try ingestion.append(checked) }
        let refused = checked.faults.map { part, fault in
            reader.rejectedRow(input.parts[part].offsets[fault.row], reason: fault.reason)
        }
        try rejected.append(
            (reader.rejects + refused).map { (row: reader.batchFirstRow + $0.offset, reject: $0) }
                .filter { $0.row > ingestion.resumesAt }
                .sorted { $0.row < $1.row }
        )
        try ingestion.append(checked)
    }
}
