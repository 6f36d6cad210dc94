import CArrow
import PointInTime

/// Columns as C sees them.
enum FlatColumns {
    /// Calls `body` with pointers to the arrays of all columns, valid only within it.
    ///
    /// Safe: an array's elements lie in one object of the heap, which neither moves nor goes away while the array is referred
    /// to and not written to; `columns` does both until `body` has returned. A closure for each array, as `withUnsafeBytes`
    /// asks for, would be one within the other, and a stack has no room for those of 40,000 columns.
    static func with(_ columns: [Column], _ body: ([asof_column]) -> asof_status) -> asof_status {
        withExtendedLifetime(columns) { body(columns.map { flat($0) }) }
    }

    private static func flat(_ column: Column) -> asof_column {
        var flat = asof_column()
        // Safe: a Bool is a byte, 0 or 1.
        if let validity = column.validity { flat.validity = start(validity)?.assumingMemoryBound(to: UInt8.self) }
        switch column.values {
        case .bool(let values): flat.values = start(values)
        case .int32(let values): flat.values = start(values)
        case .int64(let values): flat.values = start(values)
        case .float32(let values): flat.values = start(values)
        case .float64(let values): flat.values = start(values)
        case .vector(_, let values): flat.values = start(values)
        case .text(let texts):
            flat.offsets = offsets(texts.offsets)
            flat.bytes = start(texts.bytes)?.assumingMemoryBound(to: UInt8.self)
        case .listInt64(let rows, let values):
            flat.offsets = offsets(rows)
            flat.values = start(values)
        case .listString(let rows, let texts):
            flat.offsets = offsets(rows)
            flat.element_offsets = offsets(texts.offsets)
            flat.bytes = start(texts.bytes)?.assumingMemoryBound(to: UInt8.self)
        }
        return flat
    }

    private static func start<Element: BitwiseCopyable>(_ values: [Element]) -> UnsafeRawPointer? {
        values.withUnsafeBytes { $0.baseAddress }
    }

    /// Safe: Int and Int64 have one layout on the 64-bit systems that PostgreSQL's headers are used on here.
    private static func offsets(_ offsets: [Int]) -> UnsafePointer<Int64>? {
        start(offsets)?.assumingMemoryBound(to: Int64.self)
    }
}
