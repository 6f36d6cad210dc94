/// Events of a key that lie together, in the order of time and identity, as ``EventLayout`` has them.
///
/// So few that an event among them is moved, and their totals are made anew, in some microseconds.
struct EventBlock: Sendable {
    private(set) var records: [UInt8] = []
    /// What records refer to, as ``EventBytes`` has it.
    private(set) var bytes: [UInt8] = []
    /// Bytes that no record refers to.
    private var deadBytes: UInt32 = 0
    private var count32: UInt32 = 0
    /// One for each of ``EventLayout/measures``; none of a key's only block, whose events are as quickly added.
    var totals: [MeasureTotals] = []

    var count: Int { Int(count32) }

    /// What it takes beside itself.
    var byteCount: Int {
        (records.capacity > 0 ? records.capacity + KeyEvents.arrayBytes : 0)
            + (bytes.capacity > 0 ? bytes.capacity + KeyEvents.arrayBytes : 0)
            + (totals.isEmpty ? 0 : KeyEvents.arrayBytes + totals.capacity * MemoryLayout<MeasureTotals>.stride)
    }

    // MARK: Reading

    func withRecords<Result>(_ layout: EventLayout, _ body: (EventRecords) -> Result) -> Result {
        records.withUnsafeBytes { body(EventRecords($0, count, layout)) }
    }

    func time(_ row: Int, _ layout: EventLayout) -> Int64 { withRecords(layout) { $0.time(row) } }

    /// Of its last event; it has one.
    func lastTime(_ layout: EventLayout) -> Int64 { time(count - 1, layout) }

    /// How many bytes an event's value has that lie beside its record.
    /// - Parameter offset: of the column, which is one of ``EventLayout/byteOffsets``.
    func valueBytes(_ row: Int, _ offset: Int, _ layout: EventLayout) -> Int {
        let place = records.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: row &* layout.stride &+ offset, as: UInt32.self)
        }
        return place == EventBytes.none ? 0 : bytes.withUnsafeBytes { KeyEvents.value($0, place).count }
    }

    /// Compares an event with a record of others: by time, then identity; below, at or above 0.
    func order(_ row: Int, _ record: UnsafeRawBufferPointer, _ others: [UInt8], _ layout: EventLayout) -> Int {
        records.withUnsafeBytes { records in
            bytes.withUnsafeBytes { bytes in
                others.withUnsafeBytes { others in
                    let base = row &* layout.stride
                    let own = UnsafeRawBufferPointer(rebasing: records[base..<base + layout.stride])
                    return KeyEvents.order(own, bytes, record, others, layout)
                }
            }
        }
    }

    // MARK: Changing

    /// Takes a record of others as a new row.
    /// - Parameter base: where it begins.
    /// - Returns: whether there is room for its bytes.
    mutating func insert(
        _ from: [UInt8],
        _ base: Int,
        _ others: [UInt8],
        at place: Int,
        _ layout: EventLayout
    ) -> Bool {
        guard makeRoom(from, base, others, layout) else { return false }
        if records.count + layout.stride > records.capacity {
            // A quarter more than is needed, since most keys get few events at a time.
            records.reserveCapacity(max(records.count + records.count / 4, records.count + layout.stride))
        }
        records.insert(contentsOf: repeatElement(UInt8(0), count: layout.stride), at: place * layout.stride)
        count32 += 1
        copy(from, base, others, to: place, layout)
        return true
    }

    /// Gives a row the values of a record of others.
    mutating func replace(
        _ from: [UInt8],
        _ base: Int,
        _ others: [UInt8],
        at place: Int,
        _ layout: EventLayout
    ) -> Bool {
        guard makeRoom(from, base, others, layout) else { return false }
        release(place, layout)
        copy(from, base, others, to: place, layout)
        compactIfWorth(layout)
        return true
    }

    mutating func remove(_ rows: Range<Int>, _ layout: EventLayout) {
        for row in rows { release(row, layout) }
        records.removeSubrange(rows.lowerBound * layout.stride..<rows.upperBound * layout.stride)
        count32 -= UInt32(rows.count)
        compactIfWorth(layout)
    }

    /// Takes the rows of another, which follow its own.
    mutating func append(_ other: EventBlock, _ rows: Range<Int>, _ layout: EventLayout) {
        records.reserveCapacity(records.count + rows.count * layout.stride)
        for row in rows {
            records.append(contentsOf: repeatElement(0, count: layout.stride))
            count32 += 1
            copy(other.records, row * layout.stride, other.bytes, to: count - 1, layout)
        }
    }

    /// Leaves the first half, and gives the rest.
    mutating func split(_ layout: EventLayout) -> EventBlock {
        var (lower, upper) = (EventBlock(), EventBlock())
        lower.append(self, 0..<count / 2, layout)
        upper.append(self, count / 2..<count, layout)
        lower.makeTotals(layout)
        upper.makeTotals(layout)
        self = lower
        return upper
    }

    mutating func reserve(rows: Int, _ layout: EventLayout) { records.reserveCapacity(rows * layout.stride) }

    mutating func makeTotals(_ layout: EventLayout) {
        totals = withRecords(layout) { records in
            layout.measures.map { measure in
                var made = MeasureTotals()
                records.add(0..<records.count, measure, to: &made)
                return made
            }
        }
    }

    /// What the bytes of a record of others take here.
    private func size(_ from: [UInt8], _ base: Int, _ others: [UInt8], _ layout: EventLayout) -> Int {
        from.withUnsafeBytes { from in
            others.withUnsafeBytes { others in
                layout.byteOffsets.reduce(0) { sum, offset in
                    let place = from.loadUnaligned(fromByteOffset: base + offset, as: UInt32.self)
                    return place == EventBytes.none ? sum : sum + 4 + KeyEvents.value(others, place).count
                }
            }
        }
    }

    private mutating func makeRoom(
        _ from: [UInt8],
        _ base: Int,
        _ others: [UInt8],
        _ layout: EventLayout
    ) -> Bool {
        guard !layout.byteOffsets.isEmpty else { return true }
        let more = size(from, base, others, layout)
        if bytes.count + more > layout.bytesMax { compact(layout) }
        return bytes.count + more <= layout.bytesMax
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
            // Within 32 bits, since `bytesMax` is.
            let moved = UInt32(bytes.count)
            others.withUnsafeBytes { others in
                let value = KeyEvents.value(others, place)
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

    private mutating func compactIfWorth(_ layout: EventLayout) {
        if Int(deadBytes) > 256, Int(deadBytes) * 2 > bytes.count { compact(layout) }
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
}
