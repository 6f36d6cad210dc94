import CArrow
package import Features
import Glibc
package import PointInTime

/// An open segment: history in a Parquet file of ours, read by row number.
///
/// Threads may use one at the same time. Bytes are read by `pread`, so that nothing is held in memory between calls and
/// a file that shrinks under us is an error, not a signal. Every page is checked against its checksum when it is first
/// touched, every page's header against the page index; index and footer against what was written down at the build.
package final class SegmentFile: HistoryRun, @unchecked Sendable {
    // Sendable: nothing changes after `init`, and the C side may be called by several threads.
    package let name: String
    package let groups: [HistoryGroup]
    package let rowCount: Int
    private let handle: OpaquePointer
    private let keys: [(column: Int32, type: KeyType)]
    private let eventTime: Int32
    private let position: Int32
    private let knownAt: Int32
    private let deleted: Int32
    /// -1 = the file has no such column: every row is null.
    private let features: [Int32]

    /// Opens a file and checks that it is the one that was written.
    ///
    /// - Parameters:
    ///   - features: what fields of ``HistoryField/feature(_:)`` name; `nil` = the feature is younger than the file.
    /// - Throws: where the file is missing, another, or its footer is damaged.
    package init(
        path: String,
        written: SegmentFacts,
        keys: [KeyColumn],
        features: [String?]
    ) throws(HistoryRunError) {
        name = path
        func failed(_ reason: String) -> HistoryRunError { HistoryRunError(run: path, reason: reason) }
        var descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == EMFILE, Self.raiseFileLimit() { descriptor = open(path, O_RDONLY | O_CLOEXEC) }
        guard descriptor >= 0 else {
            throw failed(errno == ENOENT ? "the file is missing" : InputFile.systemReason(errno))
        }
        var failure = asof_failure()
        let opened = asof_segment_open(descriptor, written.bytes, written.tailBytes, written.tailCRC, &failure)
        guard let opened else { throw failed(failure.takeReason()) }
        handle = opened
        rowCount = Int(asof_segment_row_count(opened))
        var missing: String?
        func find(_ column: String) -> Int32 {
            let found = asof_segment_find(opened, column)
            if found < 0 { missing = column }
            return found
        }
        self.keys = keys.map { (find($0.name), $0.type) }
        eventTime = find(SegmentColumns.eventTime)
        position = find(SegmentColumns.position)
        knownAt = find(SegmentColumns.knownAt)
        deleted = find(SegmentColumns.deleted)
        self.features = features.map { $0.map(find) ?? -1 }
        guard missing == nil, let groups = Self.groups(opened, keys: keys, eventTime: eventTime) else {
            asof_segment_free(opened)
            throw failed(missing.map { "it has no column '\($0)'" } ?? "its footer has no keys of row groups")
        }
        self.groups = groups
    }

    deinit { asof_segment_free(handle) }

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

    private static func groups(_ handle: OpaquePointer, keys: [KeyColumn], eventTime: Int32) -> [HistoryGroup]? {
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

    // MARK: Order

    package func order(ofGroup group: Int, with parts: GroupParts) throws(HistoryRunError) -> GroupOrder {
        let memory = OrderMemory()
        let rows = groups[group].rowCount
        var keyParts: [GroupOrder.Keys] = []
        for key in keys {
            switch key.type {
            case .int64: keyParts.append(.int64(try integers(group, key.column, .int64, rows, memory)))
            case .string: keyParts.append(try texts(group, key.column, rows, memory))
            }
        }
        return GroupOrder(
            keys: keyParts,
            times: try integers(group, eventTime, .timestamp, rows, memory),
            positions: parts.contains(.positions) ? try integers(group, position, .int64, rows, memory) : nil,
            knownAt: parts.contains(.knownAt) ? try integers(group, knownAt, .timestamp, rows, memory) : nil,
            owner: memory
        )
    }

    private func integers(
        _ group: Int,
        _ column: Int32,
        _ type: FeatureType,
        _ rows: Int,
        _ memory: OrderMemory
    ) throws(HistoryRunError) -> UnsafeBufferPointer<Int64> {
        let buffer = memory.integers(rows)
        var failure = asof_failure()
        var hasNulls = false
        let status = asof_segment_read_fixed(
            handle,
            Int32(group),
            column,
            asof_type(type),
            nil,
            Int64(rows),
            buffer.baseAddress,
            nil,
            &hasNulls,
            &failure
        )
        guard status == ASOF_OK else { throw error(&failure) }
        return UnsafeBufferPointer(buffer)
    }

    private func texts(
        _ group: Int,
        _ column: Int32,
        _ rows: Int,
        _ memory: OrderMemory
    ) throws(HistoryRunError) -> GroupOrder.Keys {
        let flat = try variable(group, column, .string, nil, rows, memory.values())
        // Safe: Int and Int64 have one layout; the C side has rows + 1 offsets and as many bytes as the last says.
        let offsets = UnsafeRawPointer(flat.offsets).map { start in
            UnsafeBufferPointer(start: start.assumingMemoryBound(to: Int.self), count: rows + 1)
        }
        guard let offsets else { throw HistoryRunError(run: name, reason: "a column has no values") }
        return .string(offsets: offsets, bytes: UnsafeBufferPointer(start: flat.bytes, count: offsets[rows]))
    }

    // MARK: Values

    package func append(
        _ field: HistoryField,
        ofGroup group: Int,
        rows: UnsafeBufferPointer<Int32>,
        to column: inout Column
    ) throws(HistoryRunError) {
        let source = source(field)
        guard rows.count > 0 else { return }
        if source < 0 {
            column.append(Column(nullsOf: column.type, rowCount: rows.count))
            return
        }
        switch column.type {
        case .bool, .int32, .int64, .float32, .float64, .timestamp:
            let type = asof_type(column.type)
            var failure = asof_failure()
            let isRead = column.appendFixed(count: rows.count) { values, flags in
                var hasNulls = false
                let status = asof_segment_read_fixed(
                    handle,
                    Int32(group),
                    source,
                    type,
                    rows.baseAddress,
                    Int64(rows.count),
                    values,
                    flags,
                    &hasNulls,
                    &failure
                )
                return status == ASOF_OK ? hasNulls : nil
            }
            guard isRead else { throw error(&failure) }
        case .string, .bytes, .vector, .listInt64, .listString:
            let memory = OrderMemory()
            let flat = try variable(group, source, column.type, rows.baseAddress, rows.count, memory.values())
            var part = Column(copying: flat, type: column.type, rowCount: rows.count)
            if part.validity?.contains(false) == false { part.validity = nil }
            column.append(part)
        }
    }

    package var bytesRead: Int { Int(asof_segment_bytes_read(handle)) }

    package func valueBytes(of field: HistoryField) -> Int? {
        let column = source(field)
        return column < 0 ? nil : Int(asof_segment_value_bytes(handle, column))
    }

    /// The file's column; -1 = none.
    private func source(_ field: HistoryField) -> Int32 {
        switch field {
        case .feature(let index): features[index]
        case .deleted: deleted
        case .position: position
        }
    }

    private func variable(
        _ group: Int,
        _ column: Int32,
        _ type: FeatureType,
        _ rows: UnsafePointer<Int32>?,
        _ count: Int,
        _ values: OpaquePointer
    ) throws(HistoryRunError) -> asof_column {
        var failure = asof_failure()
        var flat = asof_column()
        let status = asof_segment_read_variable(
            handle,
            Int32(group),
            column,
            asof_type(type),
            rows,
            Int64(count),
            values,
            &flat,
            &failure
        )
        guard status == ASOF_OK else { throw error(&failure) }
        return flat
    }

    private func error(_ failure: inout asof_failure) -> HistoryRunError {
        defer { asof_failure_clear(&failure) }
        return HistoryRunError(run: name, reason: failure.takeReason())
    }
}

/// Memory of a group's order, freed with the last reference.
private final class OrderMemory {
    private var integers: [UnsafeMutableBufferPointer<Int64>] = []
    private var texts: [OpaquePointer] = []

    func integers(_ count: Int) -> UnsafeMutableBufferPointer<Int64> {
        let buffer = UnsafeMutableBufferPointer<Int64>.allocate(capacity: count)
        integers.append(buffer)
        return buffer
    }

    func values() -> OpaquePointer {
        guard let values = asof_values_new() else {
            preconditionFailure("memory is out, which Swift cannot survive either")
        }
        texts.append(values)
        return values
    }

    deinit {
        for buffer in integers { buffer.deallocate() }
        for values in texts { asof_values_free(values) }
    }
}
