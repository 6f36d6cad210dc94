import CArrow
import Features
import Glibc
import PointInTime

/// How a file comes to be open, and what its footer says of its groups.
extension SegmentFile {
    static func open(_ path: String, _ written: SegmentFacts) throws(HistoryRunError) -> OpaquePointer {
        func failed(_ reason: String) -> HistoryRunError { HistoryRunError(run: path, reason: reason) }
        var failure = asof_failure()
        if ObjectName.isOne(path) {
            do throws(ColumnarError) {
                let name = try ObjectName(path)
                // Each object has a copy of what was read of it, and its connections.
                _ = raiseFileLimit()
                let opened = asof_segment_open_object(
                    try ObjectStorage.of(name).handle,
                    name.path,
                    written.etag,
                    written.bytes,
                    written.tailBytes,
                    written.tailCRC,
                    &failure
                )
                guard let opened else { throw .cannotRead(file: path, reason: failure.takeReason()) }
                return opened
            } catch {
                throw failed(error.reason)
            }
        }
        var descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == EMFILE, raiseFileLimit() { descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else {
            throw failed(errno == ENOENT ? "the file is missing" : InputFile.systemReason(errno))
        }
        let opened = asof_segment_open(descriptor, written.bytes, written.tailBytes, written.tailCRC, &failure)
        guard let opened else { throw failed(failure.takeReason()) }
        return opened
    }

    /// A view may have more partitions than a process may usually have files open: takes what the system allows at most.
    /// - Returns: false where that is no more than before; `errno` is then as it was.
    private static func raiseFileLimit() -> Bool {
        let reason = errno
        defer { errno = reason }
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else {
            return false
        }
        limit.rlim_cur = limit.rlim_max
        return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    }

    /// Memory is taken by a group's rows before they are read: more than any build writes is damage.
    private static let groupRowsMax = 1 << 24

    static func groups(_ handle: OpaquePointer, keys: [KeyColumn], eventTime: Int32) -> [HistoryGroup]? {
        let count = asof_segment_group_count(handle)
        guard let text = asof_segment_text(handle, SegmentKeys.name),
            let bounds = SegmentKeys.parse(text, keys: keys, groupCount: Int(count))
        else { return nil }
        var groups: [HistoryGroup] = []
        for group in 0..<count {
            var (low, high): (Int64, Int64) = (0, 0)
            guard asof_segment_range(handle, group, eventTime, &low, &high), low <= high else { return nil }
            let rows = Int(asof_segment_group_rows(handle, group))
            guard rows >= 0, rows <= groupRowsMax else { return nil }
            groups.append(
                HistoryGroup(
                    rowCount: rows,
                    firstKeys: bounds[Int(group) * 2],
                    lastKeys: bounds[Int(group) * 2 + 1],
                    times: low...high
                )
            )
        }
        return groups
    }
}
