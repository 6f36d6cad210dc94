package import Features
package import PointInTime
import Synchronization
package import Windows

/// The events in force of one view that windows need, key by key, as of one position.
///
/// Keys are those of the windows: the view's, or leading ones of them. Like a ``ViewMemory`` it has one lock; an applier holds
/// it for some hundred rows at a time. Unlike there, rows are taken in the order of positions: what a correction replaced is
/// not kept, so that an older one that came late could not be told.
package final class EventMemory: @unchecked Sendable {
    // Sendable: `keys` and `events` are read under the shared lock and changed under the exclusive one.
    package let layout: EventLayout
    /// Of keys, as ``ViewMemory`` finds them.
    package let keyLayout: RowLayout
    private let lock = ReadWriteLock()
    private let keys: UnsafeMutablePointer<RowTable>
    /// By the numbers of rows of `keys`.
    private var events: [KeyEvents] = []
    private var loading: [LoadingEvents] = []
    private let figuresNow = Mutex(Figures())
    private let floorNow: Atomic<Int64>

    package struct Figures: Sendable, Hashable {
        package var keys = 0
        package var events = 0
        package var tiles = 0
        /// Of events and tiles.
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
    ///   - floor: events up to this time, µs, are not kept.
    package init(_ layout: EventLayout, keys: [KeyColumn], floor: Int64) {
        self.layout = layout
        keyLayout = RowLayout(keys: keys, features: [])
        self.keys = .allocate(capacity: 1)
        self.keys.initialize(to: RowTable(layout: keyLayout))
        floorNow = Atomic(floor)
    }

    deinit {
        keys.deinitialize(count: 1)
        keys.deallocate()
    }

    /// As of the last change; never waits for one.
    package var figures: Figures { figuresNow.withLock { $0 } }

    /// Events up to this time, µs, are not here; `Int64.min` = all are.
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

    /// Values of windows for keys by their places.
    package func values(_ windows: ResidentWindows, _ places: [Int], at time: Int64) -> ResidentWindows.Result {
        windows.values(places, in: events, at: time)
    }

    // MARK: Loading

    /// Takes rows of history before anybody reads, in any order.
    package func load(_ batch: EventBatch, keys columns: [Column], positions: [Int64]) {
        var key = EntityKey(keyLayout.keys)
        let floor = floor
        var bytes = figures.eventBytes
        for row in 0..<batch.rowCount where batch.time(row, layout) > floor {
            let number = number(columns, row, &key)
            while loading.count <= number { loading.append(LoadingEvents()) }
            bytes -= loading[number].byteCount
            loading[number].append(batch, row, position: positions[row], layout)
            bytes += loading[number].byteCount
        }
        let own = keys.pointee.byteCount + loading.capacity * MemoryLayout<LoadingEvents>.stride
        figuresNow.withLock { [bytes] figures in
            figures.eventBytes = bytes
            figures.tableBytes = own
        }
    }

    /// Everything that was loaded is in force as of a position.
    package func loaded(at position: Int64) {
        var figures = Figures(position: position)
        events.reserveCapacity(loading.count)
        for number in loading.indices {
            let made = loading[number].events(layout)
            loading[number] = LoadingEvents()
            events.append(made)
            count(made, 1, &figures)
        }
        loading = []
        for number in events.indices where events[number].count == 0 { keys.pointee.remove(UInt32(number)) }
        store(&figures)
    }

    // MARK: Changing

    /// Rows that are applied under one hold of the lock.
    private static let rowsPerHold = 256

    /// Takes rows of history, which ascend by position; those that have been applied are passed over.
    ///
    /// - Parameter position: everything up to it is here then.
    package func apply(_ batch: EventBatch, keys columns: [Column], positions: [Int64], to position: Int64) {
        let known = figures.position
        guard position > known else { return }
        var start = 0
        while start < batch.rowCount {
            let end = min(start + Self.rowsPerHold, batch.rowCount)
            lock.lockForWriting()
            defer { lock.unlock() }
            var figures = figures
            var key = EntityKey(keyLayout.keys)
            let floor = floor
            for row in start..<end where positions[row] > known && batch.time(row, layout) > floor {
                let number = number(columns, row, &key)
                while events.count <= number { events.append(KeyEvents()) }
                count(events[number], -1, &figures)
                events[number].apply(batch, row, layout)
                count(events[number], 1, &figures)
                if events[number].count == 0 { keys.pointee.remove(UInt32(number)) }
            }
            keys.pointee.compactStep()
            store(&figures)
            start = end
        }
        figuresNow.withLock { $0.position = position }
    }

    /// Takes out events up to a time, which nobody is going to ask for.
    package func removeFirst(upTo time: Int64) {
        floorNow.store(max(time, floor), ordering: .releasing)
        var start = 0
        while start < events.count {
            lock.lockForWriting()
            defer { lock.unlock() }
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
        figures.tiles += sign * key.tileCount
        figures.eventBytes += sign * key.byteCount
    }

    private func store(_ figures: inout Figures) {
        figures.keys = keys.pointee.count
        figures.tableBytes = keys.pointee.byteCount + events.capacity * MemoryLayout<KeyEvents>.stride
        figuresNow.withLock { [figures] in $0 = figures }
    }
}
