package import Features
import PointInTime
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
    let lock = ReadWriteLock()
    var keys: UnsafeMutablePointer<RowTable>
    /// By the numbers of rows of `keys`.
    var events: [KeyEvents] = []
    var loading: [LoadingEvents] = []
    var standing = Standing.away
    var queue: [Queued] = []
    var queuedBytes = 0
    let queuedBytesMax: Int
    let figuresNow = Mutex(Figures())
    let floorNow = Atomic(Int64.max)
    let isReadyNow = Atomic(false)
    let absenceNow = Mutex<Absence?>(.waiting)
    /// Called before what was let go is freed, for tests: nobody waits for that.
    var isAboutToFree: () -> Void = {}

    enum Standing {
        case away, loading, ready
        /// Too much came to the queue; whoever loads it is to see that.
        case overtaken
    }

    /// What was committed while the events are loaded.
    struct Queued {
        let batch: EventBatch
        /// Of the batch.
        let rows: Range<Int>
        let keys: [Column]
        let positions: [Int64]
        /// Everything up to it is here then.
        let position: Int64
    }

    /// Why there is nothing to read.
    package enum Absence: Sendable, Hashable {
        /// It is yet to be loaded, or is being loaded.
        case waiting
        /// There is no room for it; it takes about so many bytes.
        case memory(bytes: Int)
        /// A server keeps fewer events; there are about so many.
        case events(count: Int)
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
        var eventBytes = 0
        /// Of the index of keys.
        var tableBytes = 0
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
    package var isOvertaken: Bool { standingNow == .overtaken }

    /// Whether it takes what is committed. Where it does not, what was committed by then is in the snapshot that it is loaded
    /// from later.
    package var wantsRows: Bool {
        switch standingNow {
        case .loading, .ready: true
        case .away, .overtaken: false
        }
    }

    private var standingNow: Standing {
        lock.lockForReading()
        defer { lock.unlock() }
        return standing
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
}
