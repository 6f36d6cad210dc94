/// Rows of bytes under construction, filled column by column: each row has a write cursor of its own.
///
/// First `reserve` is called for each column, which adds up the rows' lengths; then `allocate`; then each column writes
/// its values in the same order. So a row-major format is made from columns without looking at a type per value.
package struct RowBuffer: ~Copyable {
    package let rowCount: Int
    /// Length of each row before `allocate`, then the offset of its next byte.
    private var cursors: [Int]
    private var storage: UnsafeMutableRawBufferPointer

    package init(rowCount: Int) {
        self.rowCount = rowCount
        cursors = [Int](repeating: 0, count: rowCount)
        storage = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    deinit { storage.deallocate() }

    /// Adds `bytes` to the length of every row.
    package mutating func reserve(_ bytes: Int) {
        for row in 0..<rowCount { cursors[row] &+= bytes }
    }

    /// Adds `bytes` to the length of one row.
    package mutating func reserve(_ bytes: Int, row: Int) { cursors[row] &+= bytes }

    /// Ends the counting; rows follow one another without gaps.
    package mutating func allocate() {
        var total = 0
        for row in 0..<rowCount {
            let length = cursors[row]
            cursors[row] = total
            total += length
        }
        storage = .allocate(byteCount: total, alignment: 8)
    }

    /// Appends a value's bytes, in this machine's byte order, to a row.
    package mutating func append<Value: BitwiseCopyable>(_ value: Value, row: Int) {
        let offset = cursors[row]
        precondition(offset + MemoryLayout<Value>.size <= storage.count)
        storage.storeBytes(of: value, toByteOffset: offset, as: Value.self)
        cursors[row] = offset &+ MemoryLayout<Value>.size
    }

    /// Appends a byte and a value.
    package mutating func append<Value: BitwiseCopyable>(_ byte: UInt8, _ value: Value, row: Int) {
        let offset = cursors[row]
        precondition(offset + 1 + MemoryLayout<Value>.size <= storage.count)
        storage[offset] = byte
        storage.storeBytes(of: value, toByteOffset: offset + 1, as: Value.self)
        cursors[row] = offset &+ 1 &+ MemoryLayout<Value>.size
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer, row: Int) {
        let offset = cursors[row]
        precondition(offset + bytes.count <= storage.count)
        if bytes.count > 0 {
            UnsafeMutableRawBufferPointer(rebasing: storage[offset..<offset + bytes.count]).copyMemory(from: bytes)
        }
        cursors[row] = offset &+ bytes.count
    }

    /// Where a row's bytes end, once all columns are written; the first row starts at 0.
    package func end(of row: Int) -> Int { cursors[row] }

    /// All rows; valid as long as this buffer is.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(storage) }
}
