package import Features
package import PointInTime
import Synchronization
package import Windows

/// The events in force of one view that windows need, key by key, as of one position.
///
/// Keys are those of the windows: the view's, or leading ones of them. Like a ``ViewMemory`` it has one lock; an applier holds
/// it for some rows at a time. Unlike there, rows are taken in the order of positions: what a correction replaced is
/// not kept, so that an older one that came late could not be told.
///
/// It is empty at first. While it is loaded from a snapshot, what is committed waits in a queue; nothing is missing, since the
/// snapshot is taken afterwards, and what comes twice changes nothing. Only when it has everything up to the position that
/// the server is at, it is ``isReady``, and is read.
package final class EventMemory: @unchecked Sendable {
    // Sendable: what is read is read under the shared lock and changed under the exclusive one; while it is not ready, nobody
    // reads it, and whoever loads it is alone with it but for `queue`.
    package let layout: EventLayout
    /// Of keys, as ``ViewMemory`` finds them.
    package let keyLayout: RowLayout
    private let lock = ReadWriteLock()
    private let keys: UnsafeMutablePointer<RowTable>
    /// By the numbers of rows of `keys`.
    private var events: [KeyEvents] = []
    private var loading: [LoadingEvents] = []
    private var standing = Standing.away
    private var queue: [Queued] = []
    private var queuedBytes = 0
    private let queuedBytesMax: Int
    private let figuresNow = Mutex(Figures())
    private let floorNow = Atomic(Int64.max)
    private let isReadyNow = Atomic(false)
    private let absenceNow = Mutex<Absence?>(.waiting)

    private enum Standing {
        case away, loading, ready
        /// Too much came to the queue; whoever loads it is to see that.
        case overtaken
    }

    private struct Queued {
        let batch: EventBatch
        let keys: [Column]
        let positions: [Int64]
        let position: Int64
    }

    /// Why there is nothing to read.
    package enum Absence: Sendable, Hashable {
        /// It is yet to be loaded, or is being loaded.
        case waiting
        /// There is no room for it; it takes about so many bytes.
        case memory(bytes: Int)
        /// There are more events than a server keeps.
        case events
        /// The values of some events that lie together have more bytes than 32 bits count.
        case bytes
        /// More was committed while it was loaded than is kept until then.
        case queue
    }

    package struct Figures: Sendable, Hashable {
        package var keys = 0
        package var events = 0
        /// Blocks of events, and groups of them, that have totals.
        package var totals = 0
        /// Of events and totals.
        fileprivate(set) var eventBytes = 0
        /// Of the index of keys.
        fileprivate(set) var tableBytes = 0
        /// Everything up to it has been applied.
        package var position: Int64 = 0

        /// All memory taken.
        package var bytes: Int { eventBytes + tableBytes }
    }

    /// - Parameters:
    ///   - keys: of the windows; one for a global view, too.
    ///   - queuedBytesMax: of what is committed while it is loaded.
    package init(_ layout: EventLayout, keys: [KeyColumn], queuedBytesMax: Int = 256 << 20) {
        self.layout = layout
        self.queuedBytesMax = queuedBytesMax
        keyLayout = RowLayout(keys: keys, features: [])
        self.keys = .allocate(capacity: 1)
        self.keys.initialize(to: RowTable(layout: keyLayout))
    }

    deinit {
        keys.deinitialize(count: 1)
        keys.deallocate()
    }

    /// As of the last change; never waits for one.
    package var figures: Figures { figuresNow.withLock { $0 } }

    /// Events up to this time, µs, are not here; `Int64.min` = all are, `Int64.max` = none is.
    package var floor: Int64 { floorNow.load(ordering: .acquiring) }

    // MARK: Reading

    /// Calls `body` while none of several memories changes. A memory may stand in the list more than once.
    package static func withReading<Result>(_ memories: [EventMemory], _ body: () -> Result) -> Result {
        var locked: [EventMemory] = []
        // In one order for all threads, see ``ViewMemory/withReaders(_:_:)``.
        for memory in memories.sorted(by: { ObjectIdentifier($0) < ObjectIdentifier($1) })
        where locked.last !== memory { locked.append(memory) }
        for memory in locked { memory.lock.lockForReading() }
        defer { for memory in locked { memory.lock.unlock() } }
        return body()
    }

    /// The place of a key's events; -1 where it has none. Within ``withReading(_:_:)``, as all that reads.
    package func place(_ key: Int64) -> Int { keys.pointee.find(key).map { Int($0) } ?? -1 }

    /// - Parameter key: canonical bytes, see ``EntityKey``.
    package func place(keyBytes key: UnsafeRawBufferPointer) -> Int { keys.pointee.find(key).map { Int($0) } ?? -1 }

    /// Whether it has everything up to the position that the server is at. It stays so within ``withReading(_:_:)``.
    package var isReady: Bool { isReadyNow.load(ordering: .acquiring) }

    /// Whether too much was committed while it is loaded.
    package var isOvertaken: Bool {
        lock.lockForReading()
        defer { lock.unlock() }
        return standing == .overtaken
    }

    /// `nil` where it is ready.
    package var absence: Absence? { absenceNow.withLock { $0 } }

    /// Values of windows for keys by their places; it is ready.
    /// - Returns: `nil` where the budget is not enough, see ``ResidentWindows``.
    package func values(
        _ windows: ResidentWindows,
        _ places: [Int],
        at time: Int64,
        budget: inout WindowBudget
    ) -> ResidentWindows.Result? {
        precondition(standing == .ready, "events that are not there are read")
        return windows.values(places, in: events, at: time, budget: &budget)
    }

    // MARK: Loading

    /// From now on what is committed waits in the queue; a snapshot that is taken afterwards is to be loaded.
    /// - Parameter floor: events up to this time, µs, are not kept.
    package func beginLoading(floor: Int64) {
        lock.lockForWriting()
        defer { lock.unlock() }
        clear(.waiting)
        standing = .loading
        floorNow.store(floor, ordering: .releasing)
    }

    /// Takes rows of history, in any order.
    /// - Returns: `false` where they do not fit: ``leave(_:)`` follows.
    package func load(_ batch: EventBatch, keys columns: [Column], positions: [Int64]) -> Bool {
        guard !batch.isTooLarge else { return false }
        var key = EntityKey(keyLayout.keys)
        let floor = floor
        var bytes = figures.eventBytes
        for row in 0..<batch.rowCount where batch.time(row, layout) > floor {
            let number = number(columns, row, &key)
            while loading.count <= number { loading.append(LoadingEvents()) }
            bytes -= loading[number].byteCount
            guard loading[number].append(batch, row, position: positions[row], layout) else { return false }
            bytes += loading[number].byteCount
        }
        let own = keys.pointee.byteCount + loading.capacity * MemoryLayout<LoadingEvents>.stride
        figuresNow.withLock { [bytes] figures in
            figures.eventBytes = bytes
            figures.tableBytes = own
        }
        return true
    }

    /// Everything that was loaded is in force as of a position.
    /// - Returns: as ``load(_:keys:positions:)``.
    package func loaded(at position: Int64) -> Bool {
        var figures = Figures(position: position)
        events.reserveCapacity(loading.count)
        for number in loading.indices {
            guard let made = loading[number].events(layout) else { return false }
            loading[number] = LoadingEvents()
            events.append(made)
            count(made, 1, &figures)
        }
        loading = []
        for number in events.indices where events[number].count == 0 { keys.pointee.remove(UInt32(number)) }
        store(&figures)
        return true
    }

    /// Takes what has come to the queue, behind ``loaded(at:)``.
    /// - Returns: how many rows that were; `nil` where they do not fit, or there are too many.
    package func takeQueue() -> Int? {
        lock.lockForWriting()
        let isLoading = standing == .loading
        let taken = queue
        queue = []
        queuedBytes = 0
        lock.unlock()
        guard isLoading else { return nil }
        var rows = 0
        for part in taken {
            rows += part.batch.rowCount
            guard take(part) else { return nil }
        }
        return rows
    }

    /// Makes it what is read, with all that has come to the queue. Nothing is being applied meanwhile.
    /// - Returns: `false` where that does not fit.
    package func becomeReady() -> Bool {
        guard takeQueue() != nil else { return false }
        lock.lockForWriting()
        defer { lock.unlock() }
        guard standing == .loading, queue.isEmpty else { return false }
        standing = .ready
        absenceNow.withLock { $0 = nil }
        isReadyNow.store(true, ordering: .releasing)
        return true
    }

    /// Lets go of everything; it can be loaded again. Not while another thread loads it.
    package func leave(_ absence: Absence) {
        lock.lockForWriting()
        defer { lock.unlock() }
        clear(absence)
    }

    private func clear(_ absence: Absence) {
        isReadyNow.store(false, ordering: .releasing)
        absenceNow.withLock { $0 = absence }
        standing = .away
        (events, loading, queue, queuedBytes) = ([], [], [], 0)
        keys.pointee = RowTable(layout: keyLayout)
        floorNow.store(.max, ordering: .releasing)
        figuresNow.withLock { $0 = Figures() }
    }

    private func take(_ part: Queued) -> Bool {
        guard !part.batch.isTooLarge else { return false }
        guard part.position > figures.position else { return true }
        guard take(part.batch, 0..<part.batch.rowCount, part.keys, part.positions, known: figures.position) else {
            return false
        }
        figuresNow.withLock { $0.position = part.position }
        return true
    }

    // MARK: Changing

    /// Rows that are applied under one hold of the lock: each takes some microseconds, whatever its key has.
    private static let rowsPerHold = 64

    /// Takes rows of history, which ascend by position; those that have been applied are passed over. Where they do not fit, all
    /// is let go.
    ///
    /// - Parameter position: everything up to it is here then.
    package func apply(_ batch: EventBatch, keys columns: [Column], positions: [Int64], to position: Int64) {
        lock.lockForWriting()
        switch standing {
        case .away, .overtaken: return lock.unlock()
        case .loading:
            defer { lock.unlock() }
            queue.append(Queued(batch: batch, keys: columns, positions: positions, position: position))
            queuedBytes += batch.byteCount + columns.reduce(8 * positions.count) { $0 + $1.byteCount }
            guard queuedBytes > queuedBytesMax else { return }
            (queue, queuedBytes, standing) = ([], 0, .overtaken)
            return
        case .ready: lock.unlock()
        }
        let known = figures.position
        guard position > known else { return }
        guard !batch.isTooLarge else { return leave(.bytes) }
        var start = 0
        while start < batch.rowCount {
            let end = min(start + Self.rowsPerHold, batch.rowCount)
            lock.lockForWriting()
            defer { lock.unlock() }
            guard standing == .ready else { return }
            guard take(batch, start..<end, columns, positions, known: known) else { return clear(.bytes) }
            start = end
        }
        figuresNow.withLock { $0.position = max($0.position, position) }
    }

    /// - Returns: `false` where a row does not fit.
    private func take(
        _ batch: EventBatch,
        _ rows: Range<Int>,
        _ columns: [Column],
        _ positions: [Int64],
        known: Int64
    ) -> Bool {
        var figures = figures
        var key = EntityKey(keyLayout.keys)
        let floor = floor
        for row in rows where positions[row] > known && batch.time(row, layout) > floor {
            let number = number(columns, row, &key)
            while events.count <= number { events.append(KeyEvents()) }
            count(events[number], -1, &figures)
            guard events[number].apply(batch, row, layout) else { return false }
            count(events[number], 1, &figures)
            if events[number].count == 0 { keys.pointee.remove(UInt32(number)) }
        }
        keys.pointee.compactStep()
        store(&figures)
        return true
    }

    /// Takes out events up to a time, which nobody is going to ask for.
    package func removeFirst(upTo time: Int64) {
        var start = 0
        while true {
            lock.lockForWriting()
            defer { lock.unlock() }
            guard standing == .ready, start < events.count else { return }
            if start == 0 { floorNow.store(max(time, floor), ordering: .releasing) }
            var figures = figures
            let end = min(start + Self.rowsPerHold, events.count)
            for number in start..<end where events[number].count > 0 {
                count(events[number], -1, &figures)
                events[number].removeFirst(upTo: time, layout)
                count(events[number], 1, &figures)
                if events[number].count == 0 { keys.pointee.remove(UInt32(number)) }
            }
            store(&figures)
            start = end
        }
    }

    private func number(_ columns: [Column], _ row: Int, _ key: inout EntityKey) -> Int {
        if keyLayout.keyForm == .int64 { return Int(keys.pointee.row(for: columns[0].int64Values[row])) }
        key.reset()
        for column in columns { key.append(column, row) }
        return Int(key.bytes.withUnsafeBytes { keys.pointee.row(for: $0) })
    }

    private func count(_ key: KeyEvents, _ sign: Int, _ figures: inout Figures) {
        figures.events += sign * key.count
        figures.totals += sign * key.totalsCount
        figures.eventBytes += sign * key.byteCount
    }

    private func store(_ figures: inout Figures) {
        figures.keys = keys.pointee.count
        figures.tableBytes = keys.pointee.byteCount + events.capacity * MemoryLayout<KeyEvents>.stride
        figuresNow.withLock { [figures] in $0 = figures }
    }
}
