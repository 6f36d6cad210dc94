import Columnar
import Store

/// Sets the bad rows of an input aside, before anything is stored that lies behind them.
struct RejectedRows {
    private let file: RejectsFile
    /// What lies before the checkpoint was set aside by the run that consumed it.
    private let keptRows: Int
    /// How many rows an earlier run had set aside.
    var keptCount: Int { file.keptCount }

    /// - Parameter isRecognized: whether a rerun will know the input again.
    init(path: String, _ input: any IngestInput, _ ingestion: Ingestion, isRecognized: Bool) throws(ColumnarError) {
        keptRows = ingestion.resumesAt
        file = try RejectsFile(
            path: path,
            source: isRecognized ? ingestion.source : nil,
            header: input.rejectsHeader,
            keptRows: keptRows
        )
    }

    /// Takes the bad ones of the rows that the input gave last.
    func append(_ checked: CheckedInput, of input: any IngestInput) throws(ColumnarError) {
        let rejects = input.rejects + checked.faults.map { input.rejectedRow($0.fault, part: $0.part) }
        try file.append(
            rejects.map { (row: input.batchFirstRow + $0.offset, reject: $0) }
                .filter { $0.row > keptRows }
                .sorted { $0.row < $1.row }
        )
    }
}
