import Columnar
import Store

/// A file while its rows are handed on.
protocol IngestInput {
    var form: InputForm { get }
    /// The options that give the input its meaning, spelled out; a rerun must have the same.
    var meaning: String { get }
    /// What stands before the rows of a file of rejected ones, without its line end; empty = nothing.
    var rejectsHeader: [UInt8] { get }
    var rowsRead: Int { get }
    var bytesRead: Int { get }
    var totalBytes: Int? { get }

    /// - Parameter now: the time of rows that have none, µs since 1970-01-01 UTC.
    /// - Returns: `nil` at the end.
    func next(now: Int64) throws(ColumnarError) -> InputRows?

    /// As ``TableReader/openEndedRow``.
    var openEndedRow: Int? { get }

    /// The number of the first row that ``next(now:)`` returned last, from 1.
    var batchFirstRow: Int { get }
    /// Those among them that could not be read, ascending.
    var rejects: [RejectedRow] { get }
    /// One among them that the store refuses.
    /// - Parameter part: of the ``InputRows``, whose rows the fault counts.
    func rejectedRow(_ fault: RowFault, part: Int) -> RejectedRow
    /// The file of a folder that a row of the input lies in, and its number there; `nil` where there is one file.
    func origin(ofRow row: Int) -> (file: String, row: Int)?
    /// The line of one among them by its number in the input; `nil` where it is not known.
    func line(ofRow row: Int) -> Int?
}
