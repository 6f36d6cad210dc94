import ArgumentParser
import Columnar
import PointInTime
import Store

enum OnError: String, ExpressibleByArgument {
    case stop, skip
}

/// Hands rows on, and sets the bad ones aside before anything is stored that lies behind them.
struct RejectedRows {
    private let view: StoredView
    private let reader: TableReader
    private let ingestion: Ingestion
    private let layout: IngestLayout
    private let file: RejectsFile

    init(
        path: String,
        _ view: StoredView,
        _ reader: TableReader,
        _ layout: IngestLayout,
        _ ingestion: Ingestion
    ) throws {
        self.view = view
        self.reader = reader
        self.ingestion = ingestion
        self.layout = layout
        file = try RejectsFile(
            path: path,
            source: ingestion.source.isEmpty ? nil : ingestion.source,
            header: reader.headerText,
            keptRows: ingestion.resumesAt
        )
    }

    /// Takes the good rows of the reader's last batch; its bad ones are known to the reader.
    func append(_ rows: ViewRows) throws {
        let undecodable = reader.batchRejects.map { UndecodableRow(offset: $0.offset, text: $0.text) }
        let checked = ingestion.check(InputRows(rows, of: view, undecodable: undecodable))
        let rejects =
            reader.batchRejects
            + checked.faults.map { _, fault in
                var reject = reader.rejectedRow(fault.row, reason: fault.reason)
                reject.column = fault.feature.flatMap { layout.column(ofFeature: $0) }
                return reject
            }
        // What lies before the checkpoint was set aside by the run that consumed it.
        try file.append(
            rejects.map { (row: reader.batchFirstRow + $0.offset, reject: $0) }
                .filter { $0.row > ingestion.resumesAt }
                .sorted { $0.row < $1.row }
        )
        try ingestion.append(checked)
    }

    /// - Throws: ``ExitCode`` where every row was bad: that is no ingest, but a wrong option.
    static func report(_ summary: IngestionSummary, _ shown: String, _ path: String, isQuiet: Bool) throws {
        let isEmpty = summary.rows == 0 && summary.resumedRows == 0
        if !isQuiet || isEmpty {
            Console.writeError(
                "\(isEmpty ? "asof: " : "WARNING: ")\(shown): \(Console.count(summary.rejected, "row")) rejected: \(path), "
                    + "reasons in \(RejectsFile.reasonsPath(path))"
            )
        }
        if isEmpty { throw ExitCode.failure }
    }
}
