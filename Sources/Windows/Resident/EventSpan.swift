/// Where an event of a key lies, or would: its group, the block of that, the row of that.
struct EventSpot: Sendable, Comparable {
    let group: Int32
    let block: Int32
    let row: Int32

    init(_ group: Int, _ block: Int, _ row: Int) {
        self.group = Int32(truncatingIfNeeded: group)
        self.block = Int32(truncatingIfNeeded: block)
        self.row = Int32(truncatingIfNeeded: row)
    }

    static func < (left: Self, right: Self) -> Bool {
        if left.group != right.group { return left.group < right.group }
        return left.block == right.block ? left.row < right.row : left.block < right.block
    }
}

/// Some events of a key that lie together.
enum EventPiece {
    case group(Int)
    /// - isWhole: all events of the block, which has totals.
    case rows(group: Int, block: Int, rows: Range<Int>, isWhole: Bool)
}

/// Reading of the events between two spots: totals where groups and blocks are whole.
extension KeyEvents {
    /// The first event that is later than a time, or the end.
    func spot(after time: Int64, _ layout: EventLayout) -> EventSpot {
        if groups.isEmpty { return EventSpot(0, 0, only.withRecords(layout) { $0.first(after: time) }) }
        let group = partition(groups.count) { groups[$0].lastTime(layout) > time }
        guard group < groups.count else { return EventSpot(group, 0, 0) }
        let blocks = groups[group].blocks
        let block = partition(blocks.count) { blocks[$0].lastTime(layout) > time }
        return EventSpot(group, block, blocks[block].withRecords(layout) { $0.first(after: time) })
    }

    /// The time of the last event before a spot; `nil` where there is none.
    func time(before spot: EventSpot, _ layout: EventLayout) -> Int64? {
        if spot.row > 0 { return block(Int(spot.group), Int(spot.block)).time(Int(spot.row) - 1, layout) }
        if spot.block > 0 { return groups[Int(spot.group)].blocks[Int(spot.block) - 1].lastTime(layout) }
        return spot.group > 0 ? groups[Int(spot.group) - 1].lastTime(layout) : nil
    }

    /// Gives the events of a span in pieces, in order.
    func pieces(_ span: Range<EventSpot>, _ body: (EventPiece) -> Void) {
        let (lower, upper) = (span.lowerBound, span.upperBound)
        guard lower < upper else { return }
        if groups.isEmpty {
            return body(.rows(group: 0, block: 0, rows: Int(lower.row)..<Int(upper.row), isWhole: false))
        }
        for group in Int(lower.group)...min(Int(upper.group), groups.count - 1) {
            let isFirst = group == Int(lower.group)
            let isLast = group == Int(upper.group)
            if !isLast, !isFirst || lower.block == 0 && lower.row == 0 {
                body(.group(group))
                continue
            }
            let blocks = groups[group].blocks
            let firstBlock = isFirst ? Int(lower.block) : 0
            for block in firstBlock..<(isLast ? min(Int(upper.block) + 1, blocks.count) : blocks.count) {
                let start = isFirst && block == firstBlock ? Int(lower.row) : 0
                let end = isLast && block == Int(upper.block) ? Int(upper.row) : blocks[block].count
                guard start < end else { continue }
                body(
                    .rows(
                        group: group,
                        block: block,
                        rows: start..<end,
                        isWhole: start == 0 && end == blocks[block].count
                    )
                )
            }
        }
    }

    /// How many events there are between two spots.
    func count(_ span: Range<EventSpot>) -> Int {
        var count = 0
        pieces(span) { piece in
            switch piece {
            case .group(let group): count += groups[group].count
            case .rows(_, _, let rows, _): count += rows.count
            }
        }
        return count
    }

    /// Adds the events of a span to totals.
    ///
    /// - Parameter measures: places in ``EventLayout/measures``, and of their totals.
    /// - Returns: what that cost, as ``WindowBudget`` counts.
    /// - Complexity: O(groups + blocks of two groups + events of two blocks) for each measure.
    func add(
        _ span: Range<EventSpot>,
        _ measures: [Int],
        _ layout: EventLayout,
        to totals: inout [MeasureTotals]
    ) -> Int {
        var cost = 0
        pieces(span) { piece in
            switch piece {
            case .group(let group):
                cost += WindowBudget.mergeCost
                for measure in measures { totals[measure].merge(groups[group].totals[measure]) }
            case .rows(let group, let place, let rows, let isWhole):
                let block = block(group, place)
                if isWhole {
                    cost += WindowBudget.mergeCost
                    for measure in measures { totals[measure].merge(block.totals[measure]) }
                } else {
                    cost += rows.count
                    block.withRecords(layout) { records in
                        for measure in measures {
                            records.add(rows, layout.measures[measure], to: &totals[measure])
                        }
                    }
                }
            }
        }
        return cost * measures.count
    }

    /// Calls `body` with the events of a span that a measure counts, until it wants no more; their values are going to be taken
    /// out.
    ///
    /// Groups and blocks that have none are passed over.
    /// - Parameters:
    ///   - place: of the measure in ``EventLayout/measures``; `nil` where all events count.
    ///   - body: gets an event and its time; says whether it wants another one.
    /// - Returns: whether the budget was enough.
    func each(
        _ span: Range<EventSpot>,
        _ measure: EventLayout.Measure,
        _ place: Int?,
        _ layout: EventLayout,
        isNewestFirst: Bool,
        budget: inout WindowBudget,
        _ body: (EventSpot, Int64) -> Bool
    ) -> Bool {
        var parts: [EventPiece] = []
        pieces(span) { parts.append($0) }
        if isNewestFirst { parts.reverse() }
        var wantsMore = true
        let bytesAt = measure.column.flatMap { column in
            EventLayout.isBytes(layout.columns[column].type) ? layout.columns[column].offset : nil
        }
        func look(_ group: Int, _ number: Int, _ rows: Range<Int>) -> Bool {
            let block = block(group, number)
            return block.withRecords(layout) { records in
                for step in 0..<rows.count {
                    guard budget.spend(1) else { return false }
                    let row = isNewestFirst ? rows.upperBound - 1 - step : rows.lowerBound + step
                    guard records.counts(row, measure) else { continue }
                    let bytes = bytesAt.map { block.valueBytes(row, $0, layout) } ?? 0
                    guard budget.spend(WindowBudget.pickCost + bytes / WindowBudget.bytesPerCost) else { return false }
                    wantsMore = body(EventSpot(group, number, row), records.time(row))
                    if !wantsMore { return true }
                }
                return true
            }
        }
        for part in parts where wantsMore {
            switch part {
            case .rows(let group, let block, let rows, let isWhole):
                if isWhole, let place, groups[group].blocks[block].totals[place].count == 0 { continue }
                if !look(group, block, rows) { return false }
            case .group(let group):
                if let place, groups[group].totals[place].count == 0 { continue }
                let blocks = groups[group].blocks
                for step in blocks.indices where wantsMore {
                    let block = isNewestFirst ? blocks.count - 1 - step : step
                    if let place, blocks[block].totals[place].count == 0 { continue }
                    if !look(group, block, 0..<blocks[block].count) { return false }
                }
            }
        }
        return true
    }
}
