/// Neighbouring blocks of a key, with what their totals come to.
struct EventGroup: Sendable {
    private(set) var blocks: [EventBlock]
    /// One for each of ``EventLayout/measures``.
    private(set) var totals: [MeasureTotals] = []
    /// Of events.
    private(set) var count = 0
    private(set) var byteCount = 0

    /// - Parameter blocks: with their totals.
    init(_ blocks: [EventBlock], _ layout: EventLayout) {
        self.blocks = blocks
        refresh(layout)
    }

    func lastTime(_ layout: EventLayout) -> Int64 { blocks[blocks.count - 1].lastTime(layout) }

    /// Takes a record into a block that is not full.
    mutating func insert(
        _ from: [UInt8],
        _ base: Int,
        _ others: [UInt8],
        _ block: Int,
        _ row: Int,
        _ layout: EventLayout
    ) -> Bool {
        let before = blocks[block].byteCount
        guard blocks[block].insert(from, base, others, at: row, layout) else { return false }
        for (place, measure) in layout.measures.enumerated() {
            var one = MeasureTotals()
            blocks[block].withRecords(layout) { $0.add(row..<row + 1, measure, to: &one) }
            if blocks[block].count == 1 { blocks[block].totals.append(MeasureTotals()) }
            blocks[block].totals[place].merge(one)
            totals[place].merge(one)
        }
        count += 1
        byteCount += blocks[block].byteCount - before
        return true
    }

    mutating func replace(
        _ from: [UInt8],
        _ base: Int,
        _ others: [UInt8],
        _ block: Int,
        _ row: Int,
        _ layout: EventLayout
    ) -> Bool {
        guard blocks[block].replace(from, base, others, at: row, layout) else { return false }
        blocks[block].makeTotals(layout)
        refresh(layout)
        return true
    }

    mutating func remove(_ block: Int, _ rows: Range<Int>, _ layout: EventLayout) {
        blocks[block].remove(rows, layout)
        if blocks[block].count == 0 {
            blocks.remove(at: block)
        } else {
            blocks[block].makeTotals(layout)
            let isSmall = blocks[block].count < layout.blockRows / 4
            for first in [block, block - 1] where isSmall && first >= 0 && first + 1 < blocks.count {
                guard blocks[first].count + blocks[first + 1].count <= layout.blockRows * 3 / 4 else { continue }
                let next = blocks.remove(at: first + 1)
                blocks[first].append(next, 0..<next.count, layout)
                blocks[first].makeTotals(layout)
                break
            }
        }
        refresh(layout)
    }

    /// Takes out blocks from the first on.
    mutating func removeFirst(_ blocks: Int, _ layout: EventLayout) {
        self.blocks.removeFirst(blocks)
        refresh(layout)
    }

    /// Makes room for a row in a full block.
    /// - Returns: where the row is to go.
    mutating func makeRoom(_ block: Int, _ row: Int, _ layout: EventLayout) -> (block: Int, row: Int) {
        guard row < blocks[block].count else {
            // Those that come in descending order go where the one before went.
            if block + 1 < blocks.count, blocks[block + 1].count < layout.blockRows { return (block + 1, 0) }
            // Most come in order, and leave full blocks behind.
            blocks.insert(EventBlock(), at: block + 1)
            return (block + 1, 0)
        }
        let upper = blocks[block].split(layout)
        blocks.insert(upper, at: block + 1)
        let lower = blocks[block].count
        return row > lower ? (block + 1, row - lower) : (block, row)
    }

    /// Leaves the first blocks, and gives the rest.
    mutating func split(at block: Int, _ layout: EventLayout) -> EventGroup {
        let upper = EventGroup(Array(blocks[block...]), layout)
        blocks = Array(blocks[..<block])
        refresh(layout)
        return upper
    }

    mutating func append(_ other: EventGroup, _ layout: EventLayout) {
        blocks += other.blocks
        refresh(layout)
    }

    private mutating func refresh(_ layout: EventLayout) {
        totals = [MeasureTotals](repeating: MeasureTotals(), count: layout.measures.count)
        count = 0
        byteCount =
            2 * KeyEvents.arrayBytes + blocks.capacity * MemoryLayout<EventBlock>.stride
            + totals.capacity * MemoryLayout<MeasureTotals>.stride
        for block in blocks {
            count += block.count
            byteCount += block.byteCount
            // A block that is still empty has none.
            for place in block.totals.indices { totals[place].merge(block.totals[place]) }
        }
    }
}
