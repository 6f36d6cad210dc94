import Features

/// What is known of some events' values together: exact, so that it can be put together of parts.
struct MeasureTotals: Sendable {
    /// Of values, or of events where no column is measured.
    var count = 0
    /// The time of the last of them; `Int64.min` of none.
    var newest = Int64.min
    /// In PostgreSQL's order, as ``OrderKeys`` has it.
    var least = Int64.max
    var greatest = Int64.min
    var integers = ExactIntegerSum()
    var floats = ExactSum()

    mutating func merge(_ other: MeasureTotals) {
        count &+= other.count
        newest = max(newest, other.newest)
        least = min(least, other.least)
        greatest = max(greatest, other.greatest)
        integers.merge(other.integers)
        floats.merge(other.floats)
    }

    @inline(__always)
    mutating func add(integer value: Int64) {
        integers.add(value)
        least = min(least, value)
        greatest = max(greatest, value)
    }

    @inline(__always)
    mutating func add(float value: Double) {
        floats.add(value)
        let key = OrderKeys.key(value)
        least = min(least, key)
        greatest = max(greatest, key)
    }
}

/// The events of a block while they do not change.
struct EventRecords {
    let records: UnsafeRawBufferPointer
    let count: Int
    let layout: EventLayout

    init(_ records: UnsafeRawBufferPointer, _ count: Int, _ layout: EventLayout) {
        self.records = records
        self.count = count
        self.layout = layout
    }

    @inline(__always)
    func time(_ row: Int) -> Int64 { records.loadUnaligned(fromByteOffset: row &* layout.stride, as: Int64.self) }

    /// The first row that is later than a time.
    func first(after time: Int64) -> Int { partition(count) { self.time($0) > time } }

    @inline(__always)
    func flags(_ row: Int) -> UInt64 {
        let at = row &* layout.stride &+ layout.flagsOffset
        switch layout.flagBytes {
        case 0: return 0
        case 1: return UInt64(records.loadUnaligned(fromByteOffset: at, as: UInt8.self))
        case 2: return UInt64(records.loadUnaligned(fromByteOffset: at, as: UInt16.self))
        case 4: return UInt64(records.loadUnaligned(fromByteOffset: at, as: UInt32.self))
        default: return records.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        }
    }

    /// Whether an event has a value of the measure's column and meets its condition.
    @inline(__always)
    func counts(_ row: Int, _ measure: EventLayout.Measure) -> Bool {
        let flags = flags(row)
        if let condition = measure.condition, flags & layout.conditionFlag(condition) == 0 { return false }
        if let column = measure.column, flags & (1 &<< UInt64(truncatingIfNeeded: column)) != 0 { return false }
        return true
    }

    /// Adds some rows to a measure's totals.
    func add(_ rows: Range<Int>, _ measure: EventLayout.Measure, to totals: inout MeasureTotals) {
        guard let place = measure.column else {
            for row in rows where counts(row, measure) {
                totals.count &+= 1
                totals.newest = time(row)
            }
            return
        }
        let column = layout.columns[place]
        switch column.type {
        case .int64, .timestamp:
            each(rows, measure, column.offset, &totals) { $0.add(integer: $1.loadUnaligned(as: Int64.self)) }
        case .int32:
            each(rows, measure, column.offset, &totals) { $0.add(integer: Int64($1.loadUnaligned(as: Int32.self))) }
        case .float64:
            each(rows, measure, column.offset, &totals) { $0.add(float: $1.loadUnaligned(as: Double.self)) }
        case .float32:
            each(rows, measure, column.offset, &totals) { $0.add(float: Double($1.loadUnaligned(as: Float.self))) }
        case .bool, .string, .bytes, .vector, .listInt64, .listString:
            each(rows, measure, column.offset, &totals) { _, _ in }
        }
    }

    @inline(__always)
    private func each(
        _ rows: Range<Int>,
        _ measure: EventLayout.Measure,
        _ offset: Int,
        _ totals: inout MeasureTotals,
        _ add: (inout MeasureTotals, UnsafeRawPointer) -> Void
    ) {
        guard let base = records.baseAddress else { return }
        for row in rows where counts(row, measure) {
            totals.count &+= 1
            totals.newest = time(row)
            // Safe: callers give rows that there are.
            add(&totals, base + (row &* layout.stride &+ offset))
        }
    }
}
