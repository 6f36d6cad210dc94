import Synchronization

/// The latest rows of one view in memory, read by event loops and changed by whoever applies commits.
///
/// One lock a view: readers share it, and an applier holds it for a few hundred rows at a time, so that a reader sees
/// whole rows. Nobody who holds it blocks.
package final class ViewMemory: @unchecked Sendable {
    // Sendable: `table` is read under the shared lock and changed under the exclusive one.
    package let layout: RowLayout
    private let lock = ReadWriteLock()
    private let table: UnsafeMutablePointer<RowTable>

    package init(layout: RowLayout) {
        self.layout = layout
        table = .allocate(capacity: 1)
        table.initialize(to: RowTable(layout: layout))
    }

    deinit {
        table.deinitialize(count: 1)
        table.deallocate()
    }

    /// Calls `body` while nothing changes; what it reads through the reader is valid until it returns.
    ///
    /// Not within another reading of the same memory: see ``ReadWriteLock``. For several views at a time there is
    /// ``withReaders(_:_:)``.
    @inlinable
    package func withReader<Result, Failure: Error>(
        _ body: (borrowing Reader) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lockForReading()
        defer { unlock() }
        return try body(Reader(self))
    }

    /// Calls `body` while none of several memories changes, with a reader of each, in their order.
    ///
    /// A memory may stand in the list more than once.
    package static func withReaders<Result, Failure: Error>(
        _ memories: [ViewMemory],
        _ body: ([SharedReader]) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Each once, and in one order for all threads, whatever the list says: a request names views in any order, and a
        // writer that waits holds up new readers, so that two readings in opposite orders and two waiting appliers would
        // wait for one another.
        let locked = inLockOrder(memories)
        for memory in locked { memory.lockForReading() }
        defer { for memory in locked { memory.unlock() } }
        return try body(memories.map(SharedReader.init))
    }

    @usableFromInline
    static func inLockOrder(_ memories: [ViewMemory]) -> [ViewMemory] {
        if memories.count < 2 { return memories }
        var ordered: [ViewMemory] = []
        ordered.reserveCapacity(memories.count)
        for memory in memories.sorted(by: { ObjectIdentifier($0) < ObjectIdentifier($1) })
        where ordered.last !== memory { ordered.append(memory) }
        return ordered
    }

    @usableFromInline
    package func lockForReading() { lock.lockForReading() }

    @usableFromInline
    package func unlock() { lock.unlock() }

    /// Reads while the memory is locked.
    package struct Reader: ~Copyable {
        private let memory: ViewMemory

        @usableFromInline
        package init(_ memory: ViewMemory) { self.memory = memory }

        package var layout: RowLayout { memory.layout }

        /// The same, for what reads one of several memories; not to be kept beyond ``withReader(_:)``.
        package var shared: SharedReader { SharedReader(memory: memory) }

        /// - Parameter key: of a view with ``RowLayout/KeyForm/int64`` keys; 0 for a global view.
        /// - Returns: the entity's row, also a tombstone; `nil` = none.
        package func row(_ key: Int64) -> PackedRow? { memory.row(key) }

        /// - Parameter key: canonical bytes, see ``EntityKey``.
        package func row(keyBytes key: UnsafeRawBufferPointer) -> PackedRow? { memory.row(keyBytes: key) }

        /// The number of an entity's row, see ``rowLimit``.
        package func number(of key: Int64) -> Int? { memory.number(of: key) }
        package func number(of key: EntityKey) -> Int? { memory.number(of: key) }

        /// Rows are numbered from 0 to this, some numbers without a row; an entity keeps its number while it is there.
        package var rowLimit: Int { memory.rowLimit }

        /// - Parameter number: below ``rowLimit``.
        /// - Returns: `nil` where no entity has that number.
        package func row(number: Int) -> PackedRow? { memory.row(number: number) }
    }

    /// As ``Reader``, of one of several memories; not to be kept beyond ``withReaders(_:_:)``.
    package struct SharedReader {
        fileprivate let memory: ViewMemory

        package var layout: RowLayout { memory.layout }
        package func row(_ key: Int64) -> PackedRow? { memory.row(key) }
        package func row(keyBytes key: UnsafeRawBufferPointer) -> PackedRow? { memory.row(keyBytes: key) }
    }

    fileprivate func row(_ key: Int64) -> PackedRow? {
        precondition(layout.keyForm == .int64)
        return table.pointee.find(key).map { PackedRow(base: table.pointee.address($0)) }
    }

    fileprivate func row(keyBytes key: UnsafeRawBufferPointer) -> PackedRow? {
        precondition(layout.keyForm == .bytes)
        return table.pointee.find(key).map { PackedRow(base: table.pointee.address($0)) }
    }

    fileprivate func number(of key: Int64) -> Int? { table.pointee.find(key).map { Int($0) } }
    fileprivate func number(of key: EntityKey) -> Int? {
        key.bytes.withUnsafeBytes { table.pointee.find($0) }.map { Int($0) }
    }

    fileprivate var rowLimit: Int { Int(table.pointee.rowLimit) }

    fileprivate func row(number: Int) -> PackedRow? {
        guard number >= 0, number < rowLimit else { return nil }
        let row = PackedRow(base: table.pointee.address(UInt32(truncatingIfNeeded: number)))
        return row.isFree ? nil : row
    }

    // MARK: Figures

    package struct Figures: Sendable, Hashable {
        /// Entities with a row.
        package var rows = 0
        /// Those of ``rows`` that are tombstones.
        package var tombstones = 0
        /// Memory that rows, index and values take.
        package var bytes = 0
        /// The newest event time that was stored; `nil` = none.
        package var newest: Int64?
    }

    private let figuresNow = Mutex(Figures())

    /// As of the last change; never waits for one.
    package var figures: Figures { figuresNow.withLock { $0 } }

    // MARK: Change

    /// Changes the rows while nobody reads; counts stay right.
    ///
    /// - Parameter body: short; it gets the table and the figures of which it keeps tombstones and newest right.
    package func change<Result, Failure: Error>(
        _ body: (inout RowTable, inout Figures) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lockForWriting()
        var figures = figuresNow.withLock { $0 }
        defer {
            table.pointee.compactStep()
            figures.rows = table.pointee.count
            figures.bytes = table.pointee.byteCount
            figuresNow.withLock { $0 = figures }
            lock.unlock()
        }
        return try body(&table.pointee, &figures)
    }
}
