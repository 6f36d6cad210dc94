/// The latest rows of one view: packed rows in chunks, their index, and the heap of their longer values.
///
/// Rows never move, so a row's number stays while its entity does. No locks: ``ViewMemory`` adds them.
package struct RowTable: ~Copyable {
    /// About so many bytes of rows are taken at a time.
    private static let chunkBytes = 1 << 20

    let layout: RowLayout
    let hasher: KeyHash
    private(set) var index = RowIndex()
    var heap = ValueHeap()
    private var chunks: UnsafeMutablePointer<UnsafeMutableRawPointer>
    private var chunkCount = 0
    private var chunkCapacity = 16
    /// A chunk has 1 << `chunkShift` rows.
    private let chunkShift: UInt32
    private let stride: Int
    /// Row numbers below it have been used.
    private(set) var rowLimit: UInt32 = 0
    private var freeRows: [UInt32] = []
    /// Entities with a row, tombstones included.
    private(set) var count = 0

    init(layout: RowLayout, hasher: KeyHash = KeyHash()) {
        self.layout = layout
        self.hasher = hasher
        stride = layout.stride
        let rows = max(1, Self.chunkBytes / layout.stride)
        chunkShift = UInt32(Int.bitWidth - 1 - rows.leadingZeroBitCount)
        chunks = .allocate(capacity: chunkCapacity)
    }

    deinit {
        if heap.largeBytes > 0 { freeLargeValues() }
        for chunk in 0..<chunkCount { chunks[chunk].deallocate() }
        chunks.deallocate()
    }

    private borrowing func freeLargeValues() {
        for row in 0..<rowLimit {
            let base = address(row)
            guard !PackedRow(base: base).isFree else { continue }
            for offset in slotOffsets {
                guard let value = VariableSlot.heapAddress(base + offset),
                    Int(ValueHeap.header(value).pointee.capacity) + ValueHeap.headerBytes > ValueHeap.placeMax
                else { continue }
                (value - ValueHeap.headerBytes).deallocate()
            }
        }
    }

    /// Where a row's slots are: the key's, where it has one, and the columns'.
    private var slotOffsets: [Int] {
        (layout.keyForm == .bytes ? [layout.keyOffset] : [])
            + layout.columns.filter { $0.type.isVariableWidth }.map(\.offset)
    }

    /// All memory taken, in bytes, as far as rows have used it.
    var byteCount: Int { Int(rowLimit) * stride + index.byteCount + heap.byteCount }

    /// - Parameter row: below ``rowLimit``.
    @inline(__always)
    package func address(_ row: UInt32) -> UnsafeMutableRawPointer {
        // Safe: every number below `rowLimit` has its chunk.
        chunks[Int(row &>> chunkShift)] + Int(row & (1 &<< chunkShift &- 1)) &* stride
    }

    // MARK: Look-up

    /// - Returns: the row's number.
    @inline(__always)
    func find(_ key: Int64) -> UInt32? { find(key, hasher.hash(key)) }

    @inline(__always)
    private func find(_ key: Int64, _ hash: UInt32) -> UInt32? {
        var probe = index.probe(hash)
        while let row = probe.next() {
            if address(row).load(fromByteOffset: layout.keyOffset, as: Int64.self) == key { return row }
        }
        return nil
    }

    /// - Parameter key: canonical bytes, see ``EntityKey``.
    func find(_ key: UnsafeRawBufferPointer) -> UInt32? { find(key, hasher.hash(key)) }

    private func find(_ key: UnsafeRawBufferPointer, _ hash: UInt32) -> UInt32? {
        var probe = index.probe(hash)
        while let row = probe.next() {
            let stored = VariableSlot.value(address(row) + layout.keyOffset)
            if stored.count == key.count, stored.elementsEqual(key) { return row }
        }
        return nil
    }

    // MARK: Change

    /// The row of a key, a new one where it has none.
    ///
    /// A new row is older than any, and all its columns are null.
    mutating func row(for key: Int64) -> UInt32 {
        let hash = hasher.hash(key)
        if let row = find(key, hash) { return row }
        let row = newRow()
        address(row).storeBytes(of: key, toByteOffset: layout.keyOffset, as: Int64.self)
        index.insert(row, hash: hash)
        return row
    }

    mutating func row(for key: UnsafeRawBufferPointer) -> UInt32 {
        let hash = hasher.hash(key)
        if let row = find(key, hash) { return row }
        let row = newRow()
        setBytes(key, row: row, column: ValueHeap.keyColumn, offset: layout.keyOffset)
        index.insert(row, hash: hash)
        return row
    }

    private mutating func newRow() -> UInt32 {
        count += 1
        let row: UInt32
        if let free = freeRows.popLast() {
            row = free
        } else {
            row = rowLimit
            precondition(row < .max - 1, "a view's memory has fewer than 4 billion rows")
            if Int(row &>> chunkShift) == chunkCount { addChunk() }
            rowLimit += 1
        }
        let base = address(row)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        base.storeBytes(of: Int64.min, as: Int64.self)
        base.storeBytes(of: Int64.min, toByteOffset: 8, as: Int64.self)
        let columns = layout.columns.count
        let nulls = base + RowLayout.nullsOffset
        nulls.initializeMemory(as: UInt8.self, repeating: 0xFF, count: columns / 8)
        if columns % 8 > 0 {
            nulls.storeBytes(of: UInt8(1 << (columns % 8) - 1), toByteOffset: columns / 8, as: UInt8.self)
        }
        return row
    }

    private mutating func addChunk() {
        if chunkCount == chunkCapacity {
            let grown = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: chunkCapacity * 2)
            grown.initialize(from: chunks, count: chunkCount)
            chunks.deallocate()
            chunks = grown
            chunkCapacity *= 2
        }
        chunks[chunkCount] = .allocate(byteCount: stride << Int(chunkShift), alignment: 16)
        chunkCount += 1
    }

    /// Makes room in the index for `count` entities in all.
    mutating func reserve(_ count: Int) { index.reserve(count) }

    /// Takes an entity out, as if it had never been.
    package mutating func remove(_ row: UInt32) {
        let base = address(row)
        let hash =
            layout.keyForm == .int64
            ? hasher.hash(base.load(fromByteOffset: layout.keyOffset, as: Int64.self))
            : hasher.hash(VariableSlot.value(base + layout.keyOffset))
        index.remove(row, hash: hash)
        for offset in slotOffsets {
            if let value = VariableSlot.heapAddress(base + offset) { heap.free(value) }
        }
        base.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        base.storeBytes(of: PackedRow.Flags.free, toByteOffset: RowLayout.flagsOffset, as: UInt8.self)
        freeRows.append(row)
        count -= 1
    }

    /// The latest-value rule: greater event time, then greater position; the same row again is taken, too. Of an event view
    /// incoming rows are what counts at their position.
    @inline(__always)
    func isNewer(_ eventTime: Int64, _ position: Int64, than base: UnsafeMutableRawPointer) -> Bool {
        if layout.isByPosition { return position >= base.load(fromByteOffset: 8, as: Int64.self) }
        let stored = base.load(as: Int64.self)
        return eventTime > stored || (eventTime == stored && position >= base.load(fromByteOffset: 8, as: Int64.self))
    }

    func setHead(_ base: UnsafeMutableRawPointer, eventTime: Int64, position: Int64, isDeleted: Bool) {
        base.storeBytes(of: eventTime, as: Int64.self)
        base.storeBytes(of: position, toByteOffset: 8, as: Int64.self)
        base.storeBytes(
            of: isDeleted ? PackedRow.Flags.deleted : 0,
            toByteOffset: RowLayout.flagsOffset,
            as: UInt8.self
        )
    }

    // MARK: Values

    @inline(__always)
    func setNull(_ column: Int, _ base: UnsafeMutableRawPointer) {
        let at = base + RowLayout.nullsOffset + column &>> 3
        at.storeBytes(of: at.load(as: UInt8.self) | 1 &<< UInt8(truncatingIfNeeded: column & 7), as: UInt8.self)
    }

    @inline(__always)
    func setPresent(_ column: Int, _ base: UnsafeMutableRawPointer) {
        let at = base + RowLayout.nullsOffset + column &>> 3
        at.storeBytes(of: at.load(as: UInt8.self) & ~(1 &<< UInt8(truncatingIfNeeded: column & 7)), as: UInt8.self)
    }

    /// Room for a value of `count` bytes in a slot; what was there is gone.
    mutating func room(_ count: Int, row: UInt32, column: UInt32, offset: Int) -> UnsafeMutableRawPointer {
        let slot = address(row) + offset
        let old = VariableSlot.heapAddress(slot)
        if count <= VariableSlot.inlineMax {
            if let old { heap.free(old) }
            slot.storeBytes(of: 0, as: UInt64.self)
            slot.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self)
            VariableSlot.setInline(slot, count: count)
            return slot
        }
        if let old, ValueHeap.fits(count, placeOf: old) {
            VariableSlot.setHeap(slot, old, count: count)
            return old
        }
        if let old { heap.free(old) }
        let place = heap.allocate(count, row: row, column: column)
        VariableSlot.setHeap(slot, place, count: count)
        return place
    }

    mutating func setBytes(_ bytes: UnsafeRawBufferPointer, row: UInt32, column: UInt32, offset: Int) {
        let place = room(bytes.count, row: row, column: column, offset: offset)
        if let source = bytes.baseAddress { place.copyMemory(from: source, byteCount: bytes.count) }
    }

    /// Moves the living values out of one block of the heap, if enough of it is dead.
    /// - Returns: whether there was anything to do.
    /// - Complexity: O(block), about 0.1 ms.
    @discardableResult
    mutating func compactStep() -> Bool {
        guard heap.needsCompaction, let block = heap.blockToEmpty() else { return false }
        var values = heap.values(block)
        while let value = values.next() {
            let header = ValueHeap.header(value).pointee
            let offset =
                header.column == ValueHeap.keyColumn ? layout.keyOffset : layout.columns[Int(header.column)].offset
            let slot = address(header.row) + offset
            let bytes = VariableSlot.value(slot)
            let place = heap.allocate(bytes.count, row: header.row, column: header.column)
            if let source = bytes.baseAddress { place.copyMemory(from: source, byteCount: bytes.count) }
            VariableSlot.setHeap(slot, place, count: bytes.count)
        }
        heap.release(block)
        return true
    }
}
