import Features
import Online
import PointInTime
import Store

/// Takes out of a memory what its online table no longer has: an entity was forgotten, or old history dropped.
///
/// The ledger does not say whose rows went, so that nobody can read it there; so the keys that are left are read. That
/// needs no second memory, as loading the view again would. Within the caller's transaction.
struct RemovedEntities {
    let session: Session

    init(_ session: Session) { self.session = session }

    /// - Parameter position: of the transaction's snapshot; later rows stay.
    func remove(from view: ServedView, position: Int64) throws(StoreError) {
        guard let memory = view.memory else { return }
        let stored = view.stored
        let keyCount = stored.storageKeys.count
        let copy = try CopyOut(
            session,
            query: "SELECT \(stored.keyList("o")), o._event_time FROM \(stored.onlineTable) o",
            types: stored.storageKeys.map(\.type.featureType) + [.timestamp]
        )
        var present = [Bool](repeating: false, count: memory.lockedRowLimit)
        /// Entities that came back with an older event than was forgotten, which hid it.
        var hidden: [[Column]] = []
        while let columns = try copy.next(
            rowsMax: ServingLimits.memoryChunkRows,
            bytesMax: ServingLimits.memoryChunkBytes
        ) {
            let keys = Array(columns[..<keyCount])
            let others = memory.mark(keys, columns[keyCount].int64Values, in: &present)
            if !others.isEmpty { hidden.append(keys.map { $0.gather(others) }) }
        }
        memory.removeRows(absentFrom: present, upTo: position)
        for keys in hidden {
            memory.apply(try FetchedRows(session).rows(view, keys), position: position)
        }
    }
}

extension ViewMemory {
    fileprivate var lockedRowLimit: Int {
        lockForReading()
        defer { unlock() }
        // A constant of its own: the optimizer of Swift 6.3 ends with an error where it inlines a temporary one.
        let reader = Reader(self)
        return reader.rowLimit
    }

    /// Sets the flag of each entity's row number whose row has the event time that it should have.
    /// - Returns: the other ones, by their place in `keys`.
    fileprivate func mark(_ keys: [Column], _ times: [Int64], in present: inout [Bool]) -> [Int32] {
        let integers = layout.keyForm == .int64 ? keys[0].int64Values : []
        var key = EntityKey(layout.keys)
        var others: [Int32] = []
        // Not by `withReader`: where its own module specializes it, the optimizer of Swift 6.3 ends with an error.
        lockForReading()
        defer { unlock() }
        let reader = Reader(self)
        for row in times.indices {
            let number: Int?
            if integers.isEmpty {
                key.reset()
                for column in keys { key.append(column, row) }
                number = reader.number(of: key)
            } else {
                number = reader.number(of: integers[row])
            }
            guard let number, number < present.count else { continue }
            if reader.row(number: number)?.eventTime == times[row] {
                present[number] = true
            } else {
                others.append(Int32(row))
            }
        }
        return others
    }

    /// Takes out rows without a flag, but for those that a later position than `position` brought.
    fileprivate func removeRows(absentFrom present: [Bool], upTo position: Int64) {
        var start = 0
        while start < present.count {
            let end = min(start + Self.rowsPerHold * 16, present.count)
            if !present[start..<end].allSatisfy(\.self) {
                change { table, figures in
                    for number in start..<end where !present[number] {
                        let row = PackedRow(base: table.address(UInt32(number)))
                        guard !row.isFree, row.position <= position else { continue }
                        if row.isDeleted { figures.tombstones -= 1 }
                        table.remove(UInt32(number))
                    }
                }
            }
            start = end
        }
    }
}
