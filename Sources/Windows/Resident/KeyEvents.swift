/// The events in force of one key, in the order of time and identity, as ``EventLayout`` has them.
///
/// Few events are one block. More are blocks of at most ``EventLayout/blockRows`` in groups of at most ``EventLayout/groupBlocks``,
/// each with its totals. So a late event, a correction or a deletion changes one block and its group, however many events
/// the key has, and a window is the totals of groups and blocks, and single events of the two blocks in which it begins and
/// ends, however the events lie in time.
package struct KeyEvents: Sendable {
    /// All events, where there are no groups.
    private(set) var only = EventBlock()
    private(set) var groups: [EventGroup] = []

    package init() {}

    package var count: Int { groups.isEmpty ? only.count : groups.reduce(0) { $0 + $1.count } }

    /// How many blocks and groups have totals.
    package var totalsCount: Int { groups.reduce(0) { $0 + $1.blocks.count + 1 } }

    /// What it takes beside itself.
    package var byteCount: Int {
        if groups.isEmpty { return only.byteCount }
        return groups.reduce(Self.arrayBytes + groups.capacity * MemoryLayout<EventGroup>.stride) { $0 + $1.byteCount }
    }

    /// An array's own.
    static let arrayBytes = 32

    func block(_ group: Int, _ block: Int) -> EventBlock { groups.isEmpty ? only : groups[group].blocks[block] }

    // MARK: Records

    static func time(_ records: UnsafeRawBufferPointer, _ row: Int, _ stride: Int) -> Int64 {
        records.loadUnaligned(fromByteOffset: row &* stride, as: Int64.self)
    }

    static func value(_ bytes: UnsafeRawBufferPointer, _ place: UInt32) -> UnsafeRawBufferPointer {
        let start = Int(place) + 4
        let count = Int(bytes.loadUnaligned(fromByteOffset: Int(place), as: UInt32.self))
        return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
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

    // MARK: Changing

    /// Takes a row of a later position than all before.
    ///
    /// - Returns: `false` where a block would have more bytes than ``EventLayout/bytesMax``; nothing is right then.
    /// - Complexity: O(``EventLayout/blockRows`` + ``EventLayout/groupBlocks``), and a move of references to groups, of which there is one for
    ///   some thousand events, where there is one more.
    package mutating func apply(_ batch: EventBatch, _ row: Int, _ layout: EventLayout) -> Bool {
        let (spot, isFound) = find(batch, row, layout)
        if batch.isDeleted[row] {
            if isFound { remove(spot, layout) }
            return true
        }
        let base = row * layout.stride
        let (group, block, place) = (Int(spot.group), Int(spot.block), Int(spot.row))
        guard isFound else { return insert(batch, row, group, block, place, layout) }
        if groups.isEmpty { return only.replace(batch.records, base, batch.bytes, at: place, layout) }
        return groups[group].replace(batch.records, base, batch.bytes, block, place, layout)
    }

    private mutating func insert(
        _ batch: EventBatch,
        _ row: Int,
        _ group: Int,
        _ block: Int,
        _ place: Int,
        _ layout: EventLayout
    ) -> Bool {
        let base = row * layout.stride
        if groups.isEmpty {
            if only.count < layout.blockRows {
                return only.insert(batch.records, base, batch.bytes, at: place, layout)
            }
            only.makeTotals(layout)
            groups = [EventGroup([only], layout)]
            only = EventBlock()
        }
        guard groups[group].blocks[block].count == layout.blockRows else {
            return groups[group].insert(batch.records, base, batch.bytes, block, place, layout)
        }
        if place == layout.blockRows, block == groups[group].blocks.count - 1, group + 1 < groups.count,
            groups[group + 1].blocks[0].count < layout.blockRows
        {
            // Behind the last of a group is before the first of the next one.
            return groups[group + 1].insert(batch.records, base, batch.bytes, 0, 0, layout)
        }
        var (group, (block, place)) = (group, groups[group].makeRoom(block, place, layout))
        let blocks = groups[group].blocks.count
        if blocks > layout.groupBlocks {
            let isLast = group == groups.count - 1 && block == blocks - 1
            let cut = isLast ? blocks - 1 : blocks / 2
            let upper = groups[group].split(at: cut, layout)
            groups.insert(upper, at: group + 1)
            if block >= cut { (group, block) = (group + 1, block - cut) }
        }
        return groups[group].insert(batch.records, base, batch.bytes, block, place, layout)
    }

    private mutating func remove(_ spot: EventSpot, _ layout: EventLayout) {
        let (group, row) = (Int(spot.group), Int(spot.row))
        if groups.isEmpty {
            only.remove(row..<row + 1, layout)
        } else {
            groups[group].remove(Int(spot.block), row..<row + 1, layout)
            if groups[group].blocks.isEmpty {
                groups.remove(at: group)
            } else if groups[group].blocks.count < layout.groupBlocks / 4 {
                for first in [group, group - 1] where first >= 0 && first + 1 < groups.count {
                    let together = groups[first].blocks.count + groups[first + 1].blocks.count
                    guard together <= layout.groupBlocks * 3 / 4 else { continue }
                    let next = groups.remove(at: first + 1)
                    groups[first].append(next, layout)
                    break
                }
            }
        }
        tidy(layout)
    }

    /// Takes out events up to a time.
    package mutating func removeFirst(upTo time: Int64, _ layout: EventLayout) {
        let end = spot(after: time, layout)
        if groups.isEmpty {
            only.remove(0..<Int(end.row), layout)
        } else {
            groups.removeFirst(Int(end.group))
            if !groups.isEmpty {
                if end.block > 0 { groups[0].removeFirst(Int(end.block), layout) }
                if end.row > 0 { groups[0].remove(0, 0..<Int(end.row), layout) }
            }
        }
        tidy(layout)
    }

    /// Few events are one block again.
    private mutating func tidy(_ layout: EventLayout) {
        if groups.count == 1, groups[0].count <= layout.blockRows / 2 {
            var made = EventBlock()
            for block in groups[0].blocks { made.append(block, 0..<block.count, layout) }
            (only, groups) = (made, [])
        }
        if count == 0 { self = KeyEvents() }
    }

    /// The place of an event, or where it would be: in a block that there is, perhaps behind its last event.
    private func find(_ batch: EventBatch, _ row: Int, _ layout: EventLayout) -> (spot: EventSpot, isFound: Bool) {
        batch.records.withUnsafeBytes { records in
            let record = UnsafeRawBufferPointer(rebasing: records[row * layout.stride..<(row + 1) * layout.stride])
            // The last group, and the last block of it, that do not begin behind the event.
            let group = max(
                0,
                partition(groups.count) { groups[$0].blocks[0].order(0, record, batch.bytes, layout) > 0 } - 1
            )
            let blockCount = groups.isEmpty ? 1 : groups[group].blocks.count
            let place =
                groups.isEmpty
                ? 0
                : max(
                    0,
                    partition(blockCount) {
                        groups[group].blocks[$0].order(0, record, batch.bytes, layout) > 0
                    } - 1
                )
            let block = block(group, place)
            func spot(_ row: Int) -> EventSpot { EventSpot(group, place, row) }
            // Most come in order.
            if block.count == 0 || block.order(block.count - 1, record, batch.bytes, layout) < 0 {
                return (spot(block.count), false)
            }
            let found = partition(block.count) { block.order($0, record, batch.bytes, layout) >= 0 }
            return (spot(found), block.order(found, record, batch.bytes, layout) == 0)
        }
    }

    // MARK: Loading

    /// Makes the events in force of all rows that a key has, which come in any order.
    /// - Returns: `nil` where a block would have more bytes than it may.
    init?(_ rows: LoadingEvents, _ layout: EventLayout) {
        let order = rows.inForce(layout)
        let width = layout.stride + LoadingEvents.extra
        var blocks: [EventBlock] = []
        var start = 0
        repeat {
            let end = min(start + layout.blockRows, order.count)
            var block = EventBlock()
            block.reserve(rows: end - start, layout)
            for row in order[start..<end] {
                guard block.insert(rows.records, row * width, rows.bytes, at: block.count, layout) else { return nil }
            }
            blocks.append(block)
            start = end
        } while start < order.count
        guard blocks.count > 1 else {
            only = blocks[0]
            return
        }
        for place in blocks.indices { blocks[place].makeTotals(layout) }
        for start in stride(from: 0, to: blocks.count, by: layout.groupBlocks) {
            groups.append(EventGroup(Array(blocks[start..<min(start + layout.groupBlocks, blocks.count)]), layout))
        }
    }
}

/// The first place that meets a condition which all behind it meet, too.
/// - Complexity: O(log count).
func partition(_ count: Int, _ isBehind: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
        let middle = low &+ (high &- low) / 2
        if isBehind(middle) { high = middle } else { low = middle &+ 1 }
    }
    return low
}
