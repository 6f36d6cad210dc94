import CArrow
import Features
import Glibc
import PointInTime

/// Writes Parquet or Arrow IPC by Arrow C++.
///
/// Parquet: zstd, row groups of at most 262,144 rows and 32 MiB before they are encoded. IPC: the file format, not compressed, a record batch
/// for each 131,072 rows and each batch written.
final class ArrowWriter {
    private let file: OutputFile
    private let handle: OpaquePointer

    init(
        file: OutputFile,
        format: FileFormat,
        columns: [WrittenColumn]
    ) throws(ColumnarError) {
        self.file = file
        let names = columns.map { strdup($0.name) }
        let passed = columns.map { $0.passed.map { strdup($0.text) } ?? nil }
        defer { for text in names + passed { free(text) } }
        var failure = asof_failure()
        // The file format's footer says where its parts lie, which standard output may not know.
        let handle = asof_writer_open(
            try file.duplicate(),
            format == .arrow && file.isStandardOutput ? ASOF_IPC_STREAM : asof_format(format),
            Int32(columns.count),
            names.map { UnsafePointer($0) },
            columns.map { asof_type($0.type) },
            passed.map { UnsafePointer($0) },
            &failure
        )
        guard let handle else { throw .cannotWrite(file: file.name, reason: failure.takeReason()) }
        self.handle = handle
    }

    deinit { asof_writer_free(handle) }

    func write(_ batch: ColumnBatch) throws(ColumnarError) {
        guard batch.rowCount > 0 else { return }
        var failure = asof_failure()
        let status = FlatColumns.with(batch.columns) { flat in
            asof_writer_write(handle, flat, Int64(batch.rowCount), &failure)
        }
        guard status == ASOF_OK else { throw .cannotWrite(file: file.name, reason: failure.takeReason()) }
    }

    func finish() throws(ColumnarError) {
        var failure = asof_failure()
        guard asof_writer_finish(handle, &failure) == ASOF_OK else {
            throw .cannotWrite(file: file.name, reason: failure.takeReason())
        }
        try file.finish()
    }
}
