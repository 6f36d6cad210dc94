import CArrow
package import Features
package import PointInTime

/// A column that is written.
package struct WrittenColumn: Sendable, Hashable {
    package var name: String
    /// What its batches hold.
    package var type: FeatureType
    /// Where it passes through as it came, its type, of which ``type`` is the carrier.
    package var passed: PassedType?

    package init(name: String, type: FeatureType, passed: PassedType? = nil) {
        precondition(passed == nil || passed?.carrier == type, "another carrier than the passed type's")
        self.name = name
        self.type = type
        self.passed = passed
    }
}

/// Writes a table to a file, batch by batch, in bounded memory.
///
/// Writes to the path itself; whoever wants the file to appear whole gives a temporary name and renames it after
/// ``finish()``. A writer that is dropped without it leaves an unfinished file.
package final class TableWriter {
    private enum Sink {
        case text(TextWriter)
        case arrow(ArrowWriter)
    }

    private let sink: Sink
    private let types: [FeatureType]

    /// Creates or empties the file.
    /// - Parameter path: `-` is standard output, for all but Parquet.
    package convenience init(
        path: String,
        format: FileFormat,
        columns: [(name: String, type: FeatureType)]
    ) throws(ColumnarError) {
        try self.init(path: path, format: format, columns: columns.map { WrittenColumn(name: $0.name, type: $0.type) })
    }

    /// The same, with columns that pass through; each must be one that the format has, see ``FileFormat/keeps(_:)``.
    package init(path: String, format: FileFormat, columns: [WrittenColumn]) throws(ColumnarError) {
        if path == "-", format == .parquet {
            throw .cannotWrite(file: "standard output", reason: "Parquet goes to files only; give a file name")
        }
        let file = try OutputFile(path: path)
        types = columns.map(\.type)
        switch format {
        case .csv, .jsonLines: sink = .text(try TextWriter(file: file, format: format, columns: columns))
        case .parquet, .arrow: sink = .arrow(try ArrowWriter(file: file, format: format, columns: columns))
        }
    }

    /// Lets the process keep memory that columns gave back, up to 256 MiB, for the next ones. To be called first of all.
    package static func keepMemory() { asof_keep_memory() }

    /// At most so many threads of this process encode and compress Parquet; by default one for each core.
    package static func limitThreads(_ count: Int) { asof_set_threads(Int32(clamping: count)) }

    /// - Parameter batch: its columns are those of the writer, by order and type; its names do not matter.
    package func write(_ batch: ColumnBatch) throws(ColumnarError) {
        precondition(batch.columns.map(\.type) == types, "a batch of other columns")
        switch sink {
        case .text(let writer): try writer.write(batch)
        case .arrow(let writer): try writer.write(batch)
        }
    }

    /// Writes what is left and returns when the file's bytes are on disk.
    package func finish() throws(ColumnarError) {
        switch sink {
        case .text(let writer): try writer.finish()
        case .arrow(let writer): try writer.finish()
        }
    }
}
