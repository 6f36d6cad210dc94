package import Features

/// The first difference between a file and the training set that history gives for its manifest. Rows count from 0, lines
/// from 1.
package enum SetDifference: Sendable, Hashable {
    /// A column of the set that the file has not.
    case missingColumn(String)
    /// A column of the file that the set has not.
    case extraColumn(String)
    /// A column of another type, as the reader says it.
    case columnType(String)
    /// Of a set in several files: one that is not there.
    case missingPart(String)
    /// A file, or a folder, beside them that the set has not.
    case extraPart(String)
    /// One of the files has other columns, or of other types.
    case part(String, reason: String)
    /// A line that nobody exported: its place without the file, and what is wrong with it.
    case unreadable(place: String, reason: String)
    case value(row: Int, column: String, file: Value, history: Value)
    /// Values of a personal feature differ.
    case hiddenValue(row: Int, column: String)
    case rowCount(RowCounts)
    case contentDigest(file: String, manifest: String)
    /// The spine's columns are others than were exported; `nil` = nothing tells which rows'.
    case spine(FileRows?)
    /// Rows that the set has not.
    /// - isExact: whether all of these rows were added; else some of them.
    case added(FileRows, isExact: Bool, RowCounts)
    /// Rows of the set, by their numbers there, that the file has not.
    case missing(Range<Int>, isExact: Bool, RowCounts)
    case exchanged(FileRows, FileRows)
    /// The same rows in another order.
    case reordered(FileRows)
    /// Rows that are others than were exported, while their count differs, too.
    case changed(FileRows, RowCounts)

    /// How many rows the file and the set have.
    package struct RowCounts: Sendable, Hashable {
        package let file: Int
        package let set: Int
    }

    /// Rows of the file.
    package struct FileRows: Sendable, Hashable {
        package let rows: Range<Int>
        /// Of the first row; `nil` where the format has no lines.
        package let line: Int?
    }
}
