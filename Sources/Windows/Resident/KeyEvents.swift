/// The events in force of one key, in the order of time and identity, as ``EventLayout`` has them.
///
/// A late event, a correction or a deletion moves what is behind it, and changes one tile of each level.
package struct KeyEvents: Sendable {
    private(set) var records: [UInt8] = []
    /// What records refer to, as ``EventBytes`` has it.
    private(set) var bytes: [UInt8] = []
    /// Bytes that no record refers to.
    private var deadBytes: UInt32 = 0
    private(set) var count32: UInt32 = 0
    private(set) var tiles: EventTiles?

    package init() {}

    package var count: Int { Int(count32) }

    package var tileCount: Int { tiles?.count ?? 0 }

    /// What it takes beside itself.
    package var byteCount: Int {
        (records.capacity > 0 ? records.capacity + Self.arrayBytes : 0)
            + (bytes.capacity > 0 ? bytes.capacity + Self.arrayBytes : 0) + (tiles?.byteCount ?? 0)
    }

    /// An array's own.
    static let arrayBytes = 32

    // MARK: Reading

    /// The first row that is later than a time.
    func first(after time: Int64, _ layout: EventLayout) -> Int {
        records.withUnsafeBytes { Self.first($0, 0..<count, layout.stride, after: time) }
    }

    static func time(_ records: UnsafeRawBufferPointer, _ row: Int, _ stride: Int) -> Int64 {
        records.loadUnaligned(fromByteOffset: row &* stride, as: Int64.self)
    }

    static func first(_ records: UnsafeRawBufferPointer, _ rows: Range<Int>, _ stride: Int, after time: Int64) -> Int {
        var (low, high) = (rows.lowerBound, rows.upperBound)
        while low < high {
            let middle = low &+ (high &- low) / 2
            if Self.time(records, middle, stride) > time { high = middle } else { low = middle &+ 1 }
        }
        return low
    }

    static func value(_ bytes: UnsafeRawBufferPointer, _ place: UInt32) -> UnsafeRawBufferPointer {
        let start = Int(place) + 4
        let count = Int(bytes.loadUnaligned(fromByteOffset: Int(place), as: UInt32.self))
        return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
    }

    // MARK: Changing

    /// Takes a row of a later position than all before.
    ///
    /// - Complexity: O(events behind it), to move them; O(1) tiles.
    package mutating func apply(_ batch: EventBatch, _ row: Int, _ layout: EventLayout) {
        let (place, isFound) = batch.records.withUnsafeBytes { records in
            batch.bytes.withUnsafeBytes { bytes in
                find(
                    UnsafeRawBufferPointer(rebasing: records[row * layout.stride..<(row + 1) * layout.stride]),
                    bytes,
                    layout
                )
            }
        }
        if batch.isDeleted[row] {
            if isFound { remove(place, layout) }
            return
        }
        if isFound {
            release(place, layout)
        } else {
            reserve(layout.stride)
            let gap = repeatElement(UInt8(0), count: layout.stride)
            records.insert(contentsOf: gap, at: place * layout.stride)
            count32 += 1
        }
        copy(batch.records, row * layout.stride, batch.bytes, to: place, layout)
        if isFound {
            let time = records.withUnsafeBytes { Self.time($0, place, layout.stride) }
            changeTiles(layout) { $0.changed(time, $1) }
        } else if tiles == nil, count == EventTiles.rowsMin {
            makeTiles(layout)
        } else {
            changeTiles(layout) { $0.inserted(place, $1) }
        }
        if Int(deadBytes) > 256, Int(deadBytes) * 2 > bytes.count { compact(layout) }
    }

    private mutating func remove(_ place: Int, _ layout: EventLayout) {
        let time = records.withUnsafeBytes { Self.time($0, place, layout.stride) }
        release(place, layout)
        records.removeSubrange(place * layout.stride..<(place + 1) * layout.stride)
        count32 -= 1
        if count < EventTiles.rowsMin { tiles = nil }
        changeTiles(layout) { $0.changed(time, $1) }
        if count == 0 { self = KeyEvents() }
    }

    /// Takes out events up to a time.
    package mutating func removeFirst(upTo time: Int64, _ layout: EventLayout) {
        let end = first(after: time, layout)
        guard end > 0 else { return }
        for row in 0..<end { release(row, layout) }
        records = Array(records[(end * layout.stride)...])
        count32 -= UInt32(end)
        guard count > 0 else {
            self = KeyEvents()
            return
        }
        compact(layout)
        if count < EventTiles.rowsMin { tiles = nil }
        changeTiles(layout) { tiles, _ in tiles.removeFirst(upTo: time) }
    }

    /// The place of an event, or where it would be.
    private func find(
        _ record: UnsafeRawBufferPointer,
        _ others: UnsafeRawBufferPointer,
        _ layout: EventLayout
    ) -> (place: Int, isFound: Bool) {
        records.withUnsafeBytes { records in
            bytes.withUnsafeBytes { bytes in
                func order(_ row: Int) -> Int {
                    let base = row &* layout.stride
                    let own = UnsafeRawBufferPointer(rebasing: records[base..<base + layout.stride])
                    return Self.order(own, bytes, record, others, layout)
                }
                // Most come in order.
                if count == 0 || order(count - 1) < 0 { return (count, false) }
                var (low, high) = (0, count)
                while low < high {
                    let middle = low + (high - low) / 2
                    if order(middle) < 0 { low = middle + 1 } else { high = middle }
                }
                return (low, low < count && order(low) == 0)
            }
        }
    }

    /// By time, then identity: below, at or above 0.
    static func order(
        _ left: UnsafeRawBufferPointer,
        _ leftBytes: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer,
        _ rightBytes: UnsafeRawBufferPointer,
        _ layout: EventLayout
    ) -> Int {
        let times = (left.loadUnaligned(as: Int64.self), right.loadUnaligned(as: Int64.self))
        if times.0 != times.1 { return times.0 < times.1 ? -1 : 1 }
        if layout.isIntegerIdentity {
            let ids = (
                left.loadUnaligned(fromByteOffset: 8, as: Int64.self),
                right.loadUnaligned(fromByteOffset: 8, as: Int64.self)
            )
            return ids.0 == ids.1 ? 0 : ids.0 < ids.1 ? -1 : 1
        }
        let own = value(leftBytes, left.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        let other = value(rightBytes, right.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        if own.elementsEqual(other) { return 0 }
        return own.lexicographicallyPrecedes(other) ? -1 : 1
    }

    /// A quarter more than is needed, since most keys get few events at a time.
    private mutating func reserve(_ more: Int) {
        guard records.count + more > records.capacity else { return }
        records.reserveCapacity(max(records.count + records.count / 4, records.count + more))
    }

    /// Gives a row a record's values, with its bytes.
    private mutating func copy(_ from: [UInt8], _ base: Int, _ others: [UInt8], to place: Int, _ layout: EventLayout) {
        let start = place * layout.stride
        records.withUnsafeMutableBytes { records in
            from.withUnsafeBytes { from in
                UnsafeMutableRawBufferPointer(rebasing: records[start..<start + layout.stride]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: from[base..<base + layout.stride])
                )
            }
        }
        for offset in layout.byteOffsets {
            let at = start + offset
            let place = records.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt32.self) }
            guard place != EventBytes.none else { continue }
            let moved = UInt32(bytes.count)
            others.withUnsafeBytes { others in
                let value = Self.value(others, place)
                let needed = bytes.count + 4 + value.count
                if needed > bytes.capacity { bytes.reserveCapacity(max(needed, bytes.count + bytes.count / 4)) }
                bytes.append(word: UInt32(value.count))
                bytes.append(contentsOf: value)
            }
            records.withUnsafeMutableBytes { $0.storeBytes(of: moved, toByteOffset: at, as: UInt32.self) }
        }
    }

    /// A row's bytes are dead.
    private mutating func release(_ row: Int, _ layout: EventLayout) {
        for offset in layout.byteOffsets {
            let place = records.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: row * layout.stride + offset, as: UInt32.self)
            }
            guard place != EventBytes.none else { continue }
            deadBytes += 4 + bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: Int(place), as: UInt32.self) }
        }
    }

    /// Writes the living bytes anew, and nothing else.
    private mutating func compact(_ layout: EventLayout) {
        guard deadBytes > 0 else { return }
        let old = bytes
        bytes = []
        bytes.reserveCapacity(old.count - Int(deadBytes))
        deadBytes = 0
        let rows = records
        for row in 0..<count { copy(rows, row * layout.stride, old, to: row, layout) }
    }

    // MARK: Tiles

    private mutating func makeTiles(_ layout: EventLayout) {
        guard !layout.measures.isEmpty, count >= EventTiles.rowsMin else {
            tiles = nil
            return
        }
        tiles = records.withUnsafeBytes { EventTiles(EventRecords($0, count, layout)) }
    }

    private mutating func changeTiles(_ layout: EventLayout, _ body: (inout EventTiles, EventRecords) -> Void) {
        guard var changed = tiles.take() else { return }
        records.withUnsafeBytes { body(&changed, EventRecords($0, count, layout)) }
        tiles = changed
    }

    // MARK: Loading

    /// Makes the events in force of all rows that a key has, which come in any order.
    init(_ rows: LoadingEvents, _ layout: EventLayout) {
        let order = rows.inForce(layout)
        records.reserveCapacity(order.count * layout.stride)
        count32 = UInt32(order.count)
        let stride = layout.stride
        rows.records.withUnsafeBytes { from in
            for row in order {
                let base = row * (stride + LoadingEvents.extra)
                records.append(contentsOf: from[base..<base + stride])
            }
        }
        if !layout.byteOffsets.isEmpty {
            if order.count * (stride + LoadingEvents.extra) == rows.records.count {
                bytes.reserveCapacity(rows.bytes.count)
            }
            let own = records
            for place in 0..<count { copy(own, place * stride, rows.bytes, to: place, layout) }
        }
        makeTiles(layout)
    }
}
