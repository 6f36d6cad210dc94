/// A row that cannot be read as what was asked for, with its original text, where rows may be skipped.
package struct RejectedRow: Sendable {
    /// Its place among the rows of its batch's part of the input, from 0, good ones counted, too.
    package var offset: Int
    /// From 1; `nil` for formats without lines.
    package var line: Int?
    package var column: String?
    /// As the end of a sentence.
    package var reason: String
    /// As it stands in the file, without its line end; a JSON object for formats that are no text.
    package var text: [UInt8]

    package init(offset: Int, line: Int?, column: String?, reason: String, text: [UInt8]) {
        self.offset = offset
        self.line = line
        self.column = column
        self.reason = reason
        self.text = text
    }

    /// - Returns: `nil` where the error is not one of a row.
    init?(_ error: ColumnarError, offset: Int, text: [UInt8]) {
        guard let fault = error.fault else { return nil }
        self.init(
            offset: offset,
            line: fault.place.line,
            column: fault.place.column,
            reason: fault.reason,
            text: text
        )
    }
}
