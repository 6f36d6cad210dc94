package import PointInTime
import Synchronization
package import Windows

/// Loading from a snapshot, beside commits, and letting go.
extension EventMemory {
    /// From now on what is committed waits in the queue; a snapshot that is taken afterwards is to be loaded.
    /// - Parameter floor: events up to this time, µs, are not kept.
    package func beginLoading(floor: Int64) {
        lock.lockForWriting()
        let old = clear(.waiting)
        standing = .loading
        floorNow.store(floor, ordering: .releasing)
        lock.unlock()
        free(old)
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

    /// What ``takeQueue()`` came to.
    package enum Taken: Sendable, Hashable {
        /// So many have been taken.
        case rows(Int)
        /// More came than is kept.
        case overtaken
        /// They do not fit.
        case tooLarge
    }

    /// Takes what has come to the queue, behind ``loaded(at:)``.
    package func takeQueue() -> Taken {
        lock.lockForWriting()
        let isLoading = standing == .loading
        let taken = queue
        queue = []
        queuedBytes = 0
        lock.unlock()
        guard isLoading else { return .overtaken }
        var rows = 0
        for part in taken {
            rows += part.rows.count
            guard take(part) else { return .tooLarge }
        }
        return .rows(rows)
    }

    /// What ``becomeReady(_:rowsMax:)`` came to.
    package enum Readiness: Sendable, Hashable {
        case ready
        /// So much has come to the queues again that ``takeQueue()`` is to take it, while commits go on.
        case behind
        /// As ``Taken/overtaken``.
        case overtaken
        /// As ``Taken/tooLarge``.
        case tooLarge
    }

    /// Makes memories what is read, with all that has come to their queues. Nothing is being applied meanwhile.
    /// - Parameter rowsMax: that are taken, since commits wait.
    package static func becomeReady(_ memories: [EventMemory], rowsMax: Int) -> Readiness {
        guard memories.reduce(0, { $0 + $1.queuedRows }) <= rowsMax else { return .behind }
        for memory in memories {
            switch memory.takeQueue() {
            case .rows: continue
            case .overtaken: return .overtaken
            case .tooLarge: return .tooLarge
            }
        }
        for memory in memories { memory.becomeReady() }
        return .ready
    }

    private var queuedRows: Int {
        lock.lockForReading()
        defer { lock.unlock() }
        return queue.reduce(0) { $0 + $1.rows.count }
    }

    private func becomeReady() {
        lock.lockForWriting()
        defer { lock.unlock() }
        precondition(standing == .loading && queue.isEmpty, "rows came while nothing is applied")
        standing = .ready
        absenceNow.withLock { $0 = nil }
        isReadyNow.store(true, ordering: .releasing)
    }

    // MARK: Letting go

    /// What is not part of the memory any more, and yet to be freed: of many events that takes a while.
    struct Discarded {
        fileprivate let keys: UnsafeMutablePointer<RowTable>
        fileprivate let events: [KeyEvents]
        fileprivate let loading: [LoadingEvents]
        fileprivate let queue: [Queued]
    }

    /// Lets go of everything; it can be loaded again. Not while another thread loads it.
    package func leave(_ absence: Absence) {
        lock.lockForWriting()
        let old = clear(absence)
        lock.unlock()
        free(old)
    }

    /// Under the lock; ``free(_:)`` follows behind it, since readers wait meanwhile.
    func clear(_ absence: Absence) -> Discarded {
        isReadyNow.store(false, ordering: .releasing)
        absenceNow.withLock { $0 = absence }
        standing = .away
        let old = Discarded(keys: keys, events: events, loading: loading, queue: queue)
        (events, loading, queue, queuedBytes) = ([], [], [], 0)
        keys = .allocate(capacity: 1)
        keys.initialize(to: RowTable(layout: keyLayout))
        floorNow.store(.max, ordering: .releasing)
        figuresNow.withLock { $0 = Figures() }
        return old
    }

    func free(_ old: consuming Discarded) {
        isAboutToFree()
        old.keys.deinitialize(count: 1)
        old.keys.deallocate()
    }

    private func take(_ part: Queued) -> Bool {
        guard !part.batch.isTooLarge else { return false }
        guard part.last > figures.position else { return true }
        guard take(part.batch, part.rows, part.keys, part.positions, known: figures.position) else { return false }
        figuresNow.withLock { $0.position = max($0.position, part.position) }
        return true
    }
}

extension EventMemory.Queued {
    /// Of the position up to which it has anything.
    fileprivate var last: Int64 { max(position, rows.last.map { positions[$0] } ?? position) }
}
