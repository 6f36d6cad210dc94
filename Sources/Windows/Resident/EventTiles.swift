/// Totals of a key's events by stretches of time: a minute, a quarter of an hour, eight hours, ten days, all counted from 1970.
///
/// A window is the events before its first tile, tiles, and the events behind its last one. A stretch with few events has no
/// tile, since its events are as quickly added; so a key with few events has none, and tiles take a fraction of what events do.
struct EventTiles: Sendable {
    fileprivate struct Level: Sendable {
        /// µs: when each begins, ascending.
        var starts: [Int64] = []
        var counts: [Int32] = []
        /// One for each of ``EventLayout/measures`` of each tile.
        var totals: [MeasureTotals] = []
    }

    /// Of the finest level first, each in whole ones of that before.
    static let widthsUs: [Int64] = [60_000_000, 900_000_000, 28_800_000_000, 864_000_000_000]
    /// A tile has so many events.
    static let rowsMin = 64

    private var levels: [Level]
    private let measureCount: Int

    var byteCount: Int {
        levels.reduce(KeyEvents.arrayBytes + levels.count * MemoryLayout<Level>.stride) { sum, level in
            guard !level.starts.isEmpty else { return sum }
            return sum + 3 * KeyEvents.arrayBytes + 8 * level.starts.capacity + 4 * level.counts.capacity
                + MemoryLayout<MeasureTotals>.stride * level.totals.capacity
        }
    }

    /// How many there are.
    var count: Int { levels.reduce(0) { $0 + $1.starts.count } }

    init(_ records: EventRecords) {
        measureCount = records.layout.measures.count
        levels = Self.widthsUs.map { _ in Level() }
        for (number, width) in Self.widthsUs.enumerated() {
            var row = 0
            while row < records.count {
                let start = Self.start(records.time(row), width)
                let end = records.first(after: start + width - 1)
                if end - row >= Self.rowsMin {
                    let totals = totals(of: row..<end, records, below: number)
                    levels[number].starts.append(start)
                    levels[number].counts.append(Int32(truncatingIfNeeded: end - row))
                    levels[number].totals += totals
                }
                row = end
            }
        }
    }

    private static func start(_ time: Int64, _ width: Int64) -> Int64 {
        let rest = time % width
        return time - (rest < 0 ? rest + width : rest)
    }

    // MARK: Changing

    /// A row is new.
    mutating func inserted(_ row: Int, _ records: EventRecords) {
        let time = records.time(row)
        for number in levels.indices {
            guard let tile = tile(of: time, number) else {
                make(time, number, records)
                continue
            }
            levels[number].counts[tile] += 1
            for (place, measure) in records.layout.measures.enumerated() {
                var one = MeasureTotals()
                records.add(row..<row + 1, measure, to: &one)
                levels[number].totals[tile * measureCount + place].merge(one)
            }
        }
    }

    /// A row of a time has other values, or is gone.
    mutating func changed(_ time: Int64, _ records: EventRecords) {
        for (number, width) in Self.widthsUs.enumerated() {
            guard let tile = tile(of: time, number) else { continue }
            let start = levels[number].starts[tile]
            let rows = records.first(after: start - 1)..<records.first(after: start + width - 1)
            let places = tile * measureCount..<(tile + 1) * measureCount
            guard rows.count >= Self.rowsMin else {
                levels[number].starts.remove(at: tile)
                levels[number].counts.remove(at: tile)
                levels[number].totals.removeSubrange(places)
                continue
            }
            let totals = totals(of: rows, records, below: number)
            levels[number].counts[tile] = Int32(truncatingIfNeeded: rows.count)
            levels[number].totals.replaceSubrange(places, with: totals)
        }
    }

    /// Makes the tile of a time, if there are events enough.
    private mutating func make(_ time: Int64, _ number: Int, _ records: EventRecords) {
        let width = Self.widthsUs[number]
        let start = Self.start(time, width)
        let rows = records.first(after: start - 1)..<records.first(after: start + width - 1)
        guard rows.count >= Self.rowsMin else { return }
        let tile = levels[number].first(from: 0, after: start)
        let totals = totals(of: rows, records, below: number)
        levels[number].starts.insert(start, at: tile)
        levels[number].counts.insert(Int32(truncatingIfNeeded: rows.count), at: tile)
        levels[number].totals.insert(contentsOf: totals, at: tile * measureCount)
    }

    /// Events up to a time are gone.
    mutating func removeFirst(upTo time: Int64) {
        for number in levels.indices {
            // One that begins then has lost events, or may have.
            let end = levels[number].first(from: 0, after: time)
            levels[number].starts.removeFirst(end)
            levels[number].counts.removeFirst(end)
            levels[number].totals.removeFirst(end * measureCount)
        }
    }

    private func tile(of time: Int64, _ number: Int) -> Int? {
        let after = levels[number].first(from: 0, after: time)
        guard after > 0, time - levels[number].starts[after - 1] < Self.widthsUs[number] else { return nil }
        return after - 1
    }

    private func totals(of rows: Range<Int>, _ records: EventRecords, below number: Int) -> [MeasureTotals] {
        var totals = [MeasureTotals](repeating: MeasureTotals(), count: measureCount)
        add(rows, records, Array(0..<measureCount), below: number, to: &totals)
        return totals
    }

    // MARK: Reading

    /// Adds some rows to totals, by tiles where they are whole.
    ///
    /// - Parameters:
    ///   - measures: places in ``EventLayout/measures``, and of their totals.
    ///   - number: levels below it are used.
    func add(
        _ rows: Range<Int>,
        _ records: EventRecords,
        _ measures: [Int],
        below number: Int = EventTiles.widthsUs.count,
        to totals: inout [MeasureTotals]
    ) {
        var next: InlineArray<4, Int> = [0, 0, 0, 0]
        var row = rows.lowerBound
        walk: while row < rows.upperBound {
            let before = row == 0 ? Int64.min : records.time(row - 1)
            let time = records.time(row)
            var nextStart = Int64.max
            for level in (0..<number).reversed() {
                // A tile that begins later than the row before begins with this row, or behind it.
                next[level] = levels[level].first(from: next[level], after: before)
                var tile = next[level]
                if tile < levels[level].starts.count, levels[level].starts[tile] <= time {
                    let count = Int(levels[level].counts[tile])
                    if row + count <= rows.upperBound {
                        for measure in measures {
                            totals[measure].merge(levels[level].totals[tile * measureCount + measure])
                        }
                        row += count
                        continue walk
                    }
                    tile += 1
                }
                if tile < levels[level].starts.count { nextStart = min(nextStart, levels[level].starts[tile]) }
            }
            var end = row + 1
            while end < rows.upperBound, records.time(end) < nextStart { end += 1 }
            for measure in measures { records.add(row..<end, records.layout.measures[measure], to: &totals[measure]) }
            row = end
        }
    }
}

extension EventTiles.Level {
    /// The first tile from one on that begins later than a time: by leaps that double, since it is often near.
    fileprivate func first(from tile: Int, after time: Int64) -> Int {
        var (low, high, step) = (tile, tile, 1)
        while high < starts.count, starts[high] <= time {
            low = high + 1
            high += step
            step *= 2
        }
        high = min(high, starts.count)
        while low < high {
            let middle = low + (high - low) / 2
            if starts[middle] > time { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
