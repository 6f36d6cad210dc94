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
    /// Of a view of events the column of their ids.
    private let event: (column: Int32, type: KeyType)?
    private let eventTime: Int32
    private let position: Int32
    private let knownAt: Int32
    private let deleted: Int32
    /// -1 = the file has no such column: every row is null.
    private let features: [Int32]
    /// How the file has the numbers of each feature.
    private let featureKinds: [asof_kind]

    /// Opens a file and checks that it is the one that was written.
    ///
    /// - Parameters:
    ///   - features: what fields of ``HistoryField/feature(_:)`` name; `nil` = the feature is younger than the file.
    /// - Throws: where the file is missing, another, or its footer is damaged.
    package init(
        path: String,
        written: SegmentFacts,
        keys: [KeyColumn],
        event: KeyColumn? = nil,
        features: [String?]
    ) throws(HistoryRunError) {
        name = path
        func failed(_ reason: String) -> HistoryRunError { HistoryRunError(run: path, reason: reason) }
        let opened = try Self.open(path, written)
        handle = opened
        rowCount = Int(asof_segment_row_count(opened))
        var missing: String?
        func find(_ column: String) -> Int32 {
            let found = asof_segment_find(opened, column)
            if found < 0 { missing = column }
            return found
        }
        self.keys = keys.map { (find($0.name), $0.type) }
        self.event = event.map { (find($0.name), $0.type) }
        eventTime = find(SegmentColumns.eventTime)
        position = find(SegmentColumns.position)
        knownAt = find(SegmentColumns.knownAt)
        deleted = find(SegmentColumns.deleted)
        let places = features.map { $0.map(find) ?? -1 }
        self.features = places
        featureKinds = places.map { $0 < 0 ? ASOF_BYTES : asof_segment_kind(opened, $0) }
        guard missing == nil, let groups = Self.groups(opened, keys: keys, eventTime: eventTime) else {
            asof_segment_free(opened)
            throw failed(missing.map { "it has no column '\($0)'" } ?? "its footer has no keys of row groups")
        }
        self.groups = groups
    }

    deinit { asof_segment_free(handle) }

    // MARK: Order

    package func order(ofGroup group: Int, with parts: GroupParts) throws(HistoryRunError) -> GroupOrder {
        let memory = OrderMemory()
        let rows = groups[group].rowCount
        var keyParts: [GroupOrder.Keys] = []
        for key in keys { keyParts.append(try values(group, key.column, key.type, rows, memory)) }
        var events: GroupOrder.Keys?
        if parts.contains(.events), let event { events = try values(group, event.column, event.type, rows, memory) }
        return GroupOrder(
            keys: keyParts,
            times: try integers(group, eventTime, .timestamp, rows, memory),
            positions: parts.contains(.positions) ? try integers(group, position, .int64, rows, memory) : nil,
            knownAt: parts.contains(.knownAt) ? try integers(group, knownAt, .timestamp, rows, memory) : nil,
            events: events,
            owner: memory
        )
    }

    /// A key's values.
    private func values(
        _ group: Int,
        _ column: Int32,
        _ type: KeyType,
        _ rows: Int,
        _ memory: OrderMemory
    ) throws(HistoryRunError) -> GroupOrder.Keys {
        switch type {
        case .int64: .int64(try integers(group, column, .int64, rows, memory))
        case .string: try texts(group, column, rows, memory)
        }
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
        let stored = storedType(field, column.type)
        if stored != column.type {
            var narrower = Column(emptyOf: stored)
            try append(field, ofGroup: group, rows: rows, to: &narrower)
            column.append(narrower.widened(to: column.type))
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
        case .key(let index): keys[index].column
        case .event: event?.column ?? -1
        }
    }

    /// The type in which the file has a column: that of its feature when it was written, if it has a wider one now.
    private func storedType(_ field: HistoryField, _ type: FeatureType) -> FeatureType {
        guard case .feature(let index) = field else { return type }
        let stored: FeatureType
        switch featureKinds[index] {
        case ASOF_INT32: stored = .int32
        case ASOF_INT64: stored = .int64
        case ASOF_FLOAT32: stored = .float32
        default: return type
        }
        return stored.widens(to: type) ? stored : type
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
