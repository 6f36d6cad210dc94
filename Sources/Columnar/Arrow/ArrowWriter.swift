import CArrow
import Features
import Glibc
import PointInTime

/// Writes Parquet or Arrow IPC by Arrow C++.
///
/// Parquet: zstd, row groups of at most 262,144 rows and about 128 MiB. IPC: the file format, not compressed, a record batch
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
        let handle = asof_writer_open(
            try file.duplicate(),
            asof_format(format),
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
        let status = batch.columns[...].withFlatColumns { flat in
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

extension Column {
    /// Calls `body` with pointers to this column's arrays, valid only within it.
    func withFlatColumn(_ body: (asof_column) -> asof_status) -> asof_status {
        guard let validity else { return withFlatValues { body($0) } }
        return validity.withUnsafeBytes { flags in
            withFlatValues { flat in
                var flat = flat
                // Safe: a Bool is a byte, 0 or 1.
                flat.validity = flags.bindMemory(to: UInt8.self).baseAddress
                return body(flat)
            }
        }
    }

    private func withFlatValues(_ body: (asof_column) -> asof_status) -> asof_status {
        switch values {
        case .bool(let values): Self.fixed(values, body)
        case .int32(let values): Self.fixed(values, body)
        case .int64(let values): Self.fixed(values, body)
        case .float32(let values): Self.fixed(values, body)
        case .float64(let values): Self.fixed(values, body)
        case .vector(_, let values): Self.fixed(values, body)
        case .text(let texts):
            Self.offsets(texts.offsets) { offsets in
                texts.bytes.withUnsafeBufferPointer { bytes in
                    var flat = asof_column()
                    flat.offsets = offsets
                    flat.bytes = bytes.baseAddress
                    return body(flat)
                }
            }
        case .listInt64(let rows, let values):
            Self.offsets(rows) { offsets in
                Self.fixed(values) { flat in
                    var flat = flat
                    flat.offsets = offsets
                    return body(flat)
                }
            }
        case .listString(let rows, let texts):
            Self.offsets(rows) { offsets in
                Self.offsets(texts.offsets) { elementOffsets in
                    texts.bytes.withUnsafeBufferPointer { bytes in
                        var flat = asof_column()
                        flat.offsets = offsets
                        flat.element_offsets = elementOffsets
                        flat.bytes = bytes.baseAddress
                        return body(flat)
                    }
                }
            }
        }
    }

    private static func fixed<Element: BitwiseCopyable>(
        _ values: [Element],
        _ body: (asof_column) -> asof_status
    ) -> asof_status {
        values.withUnsafeBytes { bytes in
            var flat = asof_column()
            flat.values = bytes.baseAddress
            return body(flat)
        }
    }

    /// Safe: Int and Int64 have one layout on the 64-bit systems that PostgreSQL's headers are used on here.
    private static func offsets(
        _ offsets: [Int],
        _ body: (UnsafePointer<Int64>?) -> asof_status
    ) -> asof_status {
        offsets.withUnsafeBytes { body($0.bindMemory(to: Int64.self).baseAddress) }
    }
}
