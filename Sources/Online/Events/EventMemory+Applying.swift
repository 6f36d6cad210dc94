package import PointInTime
import Synchronization
package import Windows

/// What is committed comes in the order of positions.
extension EventMemory {
    /// Rows that are applied under one hold of the lock: each takes some microseconds, whatever its key has.
    private static let rowsPerHold = 64

    /// Takes rows of history, which ascend by position; those that have been applied are passed over. Where they do not fit, all
    /// is let go.
    ///
    /// - Parameters:
    ///   - rows: of the batch; `nil` = all.
    ///   - position: everything up to it is here then. Less than the rows' where more rows of theirs follow.
    package func apply(
        _ batch: EventBatch,
        _ rows: Range<Int>? = nil,
        keys columns: [Column],
        positions: [Int64],
        to position: Int64
    ) {
        let rows = rows ?? 0..<batch.rowCount
        lock.lockForWriting()
        switch standing {
        case .away, .overtaken: return lock.unlock()
        case .loading:
            let queued = Queued(batch: batch, rows: rows, keys: columns, positions: positions, position: position)
            let old = enqueue(queued)
            lock.unlock()
            return withExtendedLifetime(old) {}
        case .ready: lock.unlock()
        }
        let known = figures.position
        guard max(position, rows.last.map { positions[$0] } ?? position) > known else { return }
        guard !batch.isTooLarge else { return leave(.bytes) }
        var start = rows.lowerBound
        while start < rows.upperBound {
            let end = min(start + Self.rowsPerHold, rows.upperBound)
            lock.lockForWriting()
            guard standing == .ready else { return lock.unlock() }
            guard take(batch, start..<end, columns, positions, known: known) else {
                let old = clear(.bytes)
                lock.unlock()
                return free(old)
            }
            lock.unlock()
            start = end
        }
        figuresNow.withLock { $0.position = max($0.position, position) }
    }

    /// - Returns: what is too much.
    private func enqueue(_ part: Queued) -> [Queued] {
        queue.append(part)
        let bytes = part.batch.byteCount + part.keys.reduce(8 * part.positions.count) { $0 + $1.byteCount }
        // Parts of one batch share it.
        queuedBytes += bytes / max(1, part.batch.rowCount) * part.rows.count
        guard queuedBytes > queuedBytesMax else { return [] }
        let old = queue
        (queue, queuedBytes, standing) = ([], 0, .overtaken)
        return old
    }

    /// - Returns: `false` where a row does not fit.
    func take(
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

    func number(_ columns: [Column], _ row: Int, _ key: inout EntityKey) -> Int {
        if keyLayout.keyForm == .int64 { return Int(keys.pointee.row(for: columns[0].int64Values[row])) }
        key.reset()
        for column in columns { key.append(column, row) }
        return Int(key.bytes.withUnsafeBytes { keys.pointee.row(for: $0) })
    }

    func count(_ key: KeyEvents, _ sign: Int, _ figures: inout Figures) {
        figures.events += sign * key.count
        figures.totals += sign * key.totalsCount
        figures.eventBytes += sign * key.byteCount
    }

    func store(_ figures: inout Figures) {
        figures.keys = keys.pointee.count
        figures.tableBytes = keys.pointee.byteCount + events.capacity * MemoryLayout<KeyEvents>.stride
        figuresNow.withLock { [figures] in $0 = figures }
    }
}
