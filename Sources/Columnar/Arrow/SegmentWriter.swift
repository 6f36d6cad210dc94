import CArrow
import Features
import Glibc
package import PointInTime

/// Writes a segment's file, a row group at a time.
///
/// The file is plain Parquet, so that other engines read it, of a form that ``SegmentFile`` reads faster than any:
/// nothing is compressed, fixed widths are not encoded, pages have checksums.
package final class SegmentWriter {
    private let file: OutputFile
    private let handle: OpaquePointer
    private let columns: SegmentColumns
    private var keys = SegmentKeys()
    private(set) package var rowCount = 0

    /// Creates the file.
    package init(path: String, columns: SegmentColumns) throws(ColumnarError) {
        file = try OutputFile(path: path)
        self.columns = columns
        let names = columns.names.map { strdup($0) }
        defer { for name in names { free(name) } }
        var failure = asof_failure()
        let handle = asof_segment_writer_open(
            try file.duplicate(),
            Int32(names.count),
            Int32(columns.requiredCount),
            Int32(columns.sortedCount),
            names.map { UnsafePointer($0) },
            columns.types.map { asof_type($0) },
            columns.fieldIDs,
            &failure
        )
        guard let handle else { throw .cannotWrite(file: file.name, reason: failure.takeReason()) }
        self.handle = handle
    }

    deinit { asof_segment_writer_free(handle) }

    /// Writes one row group.
    ///
    /// - Parameter group: the columns of ``SegmentColumns``, in order, the rows sorted, also behind those written before.
    package func write(_ group: [Column], rowCount: Int) throws(ColumnarError) {
        precondition(group.map(\.type) == columns.types, "a row group of other columns")
        guard rowCount > 0 else { return }
        let keyColumns = Array(group[..<columns.keys.count])
        keys.append(keyColumns, row: 0)
        keys.append(keyColumns, row: rowCount - 1)
        var failure = asof_failure()
        let status = FlatColumns.with(group) { flat in
            asof_segment_writer_write(handle, flat, Int64(rowCount), &failure)
        }
        guard status == ASOF_OK else { throw .cannotWrite(file: file.name, reason: failure.takeReason()) }
        self.rowCount += rowCount
    }

    /// Writes the footer and returns when the file's bytes are on disk.
    package func finish() throws(ColumnarError) -> SegmentFacts {
        var failure = asof_failure()
        var tailStart: Int64 = 0
        guard asof_segment_writer_finish(handle, SegmentKeys.name, keys.text, &tailStart, &failure) == ASOF_OK else {
            throw .cannotWrite(file: file.name, reason: failure.takeReason())
        }
        try file.finish()
        return try Self.checks(path: file.name, tailStart: tailStart)
    }

    private static func checks(path: String, tailStart: Int64) throws(ColumnarError) -> SegmentFacts {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotRead(file: path, reason: InputFile.systemReason(errno)) }
        defer { close(descriptor) }
        let bytes = lseek(descriptor, 0, SEEK_END)
        let count = bytes - Int(tailStart)
        guard count > 0 else { throw .cannotRead(file: path, reason: "it has no footer") }
        var tail = [UInt8](repeating: 0, count: count)
        var got = 0
        while got < count {
            // Safe: got < count, and at most the rest of the array is written.
            let read = tail.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + got }, count - got, off_t(Int(tailStart) + got))
            }
            if read < 0, errno == EINTR { continue }
            guard read > 0 else { throw .cannotRead(file: path, reason: InputFile.systemReason(errno)) }
            got += read
        }
        let crc = tail.withUnsafeBytes { asof_crc32(0, $0.baseAddress, Int64($0.count)) }
        return SegmentFacts(bytes: Int64(bytes), tailBytes: Int64(count), tailCRC: crc)
    }
}
