import Features

extension Column {
    /// The rows of the given numbers, in their order.
    package func gather(_ rows: [Int32]) -> Column {
        let flags = validity.map { Gathering(rows, count: rowCount).values($0, absent: false) }
        return Column(
            type: type,
            validity: flags?.contains(false) == true ? flags : nil,
            values: values.gather(Gathering(rows, count: rowCount)),
            movedNs: movedNs.map { Gathering(rows, count: rowCount).values($0, absent: 0) }
        )
    }

    /// The rows of the given numbers, in their order; null for -1.
    package func gatherOrNull(_ rows: [Int32]) -> Column {
        let gathering = Gathering(rows, count: rowCount)
        guard gathering.hasAbsent else { return gather(rows) }
        let flags =
            validity.map { gathering.values($0, absent: false) }
            ?? rows.map { $0 >= 0 }
        return Column(
            type: type,
            validity: flags,
            values: values.gather(gathering),
            movedNs: movedNs.map { gathering.values($0, absent: 0) }
        )
    }
}

extension TextValues {
    package func gather(_ rows: [Int32]) -> TextValues { Gathering(rows, count: count).texts(self) }
}

/// Row numbers that were checked once, so that loops over values need not.
struct Gathering {
    let rows: [Int32]
    /// Whether some are -1.
    let hasAbsent: Bool

    init(_ rows: [Int32], count: Int) {
        var (low, high) = (Int32.max, Int32(-1))
        for row in rows {
            low = min(low, row)
            high = max(high, row)
        }
        precondition(Int(high) < count && (rows.isEmpty || low >= -1), "a row that the column has not")
        self.rows = rows
        hasAbsent = low == -1
    }

    @inline(__always)
    func values<Element: BitwiseCopyable>(_ values: [Element], absent: Element) -> [Element] {
        [Element](unsafeUninitializedCapacity: rows.count) { out, count in
            values.withUnsafeBufferPointer { values in
                rows.withUnsafeBufferPointer { rows in
                    // Safe: `init` found every row below the values' count, and `out` has as many slots as there are rows.
                    if hasAbsent {
                        for place in 0..<rows.count {
                            let row = Int(rows[place])
                            out.initializeElement(at: place, to: row >= 0 ? values[row] : absent)
                        }
                    } else {
                        for place in 0..<rows.count { out.initializeElement(at: place, to: values[Int(rows[place])]) }
                    }
                }
            }
            count = rows.count
        }
    }

    /// Like ``values(_:absent:)`` with `width` elements a row.
    func blocks(_ values: [Float], width: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: rows.count * width) { out, count in
            values.withUnsafeBufferPointer { values in
                for (place, row) in rows.enumerated() {
                    // Safe: rows lie below the values' count over `width`.
                    let slots = UnsafeMutableBufferPointer(rebasing: out[place * width..<(place + 1) * width])
                    if row >= 0 {
                        _ = slots.initialize(fromContentsOf: values[Int(row) * width..<(Int(row) + 1) * width])
                    } else {
                        slots.initialize(repeating: 0)
                    }
                }
            }
            count = rows.count * width
        }
    }

    /// The offsets of lists or texts of the given rows, one more than rows; those of absent ones are empty.
    func lengths(_ offsets: [Int]) -> [Int] {
        [Int](unsafeUninitializedCapacity: rows.count + 1) { out, count in
            offsets.withUnsafeBufferPointer { offsets in
                var total = 0
                out.initializeElement(at: 0, to: 0)
                for place in 0..<rows.count {
                    let row = Int(rows[place])
                    // Safe: there is one offset more than rows.
                    if row >= 0 { total &+= offsets[row + 1] &- offsets[row] }
                    out.initializeElement(at: place + 1, to: total)
                }
            }
            count = rows.count + 1
        }
    }

    /// The elements behind the offsets that ``lengths(_:)`` gave.
    func elements<Element: BitwiseCopyable>(_ values: [Element], _ offsets: [Int], gathered: [Int]) -> [Element] {
        let total = gathered[rows.count]
        return [Element](unsafeUninitializedCapacity: total) { out, count in
            values.withUnsafeBufferPointer { values in
                offsets.withUnsafeBufferPointer { offsets in
                    gathered.withUnsafeBufferPointer { gathered in
                        for place in 0..<rows.count {
                            let row = Int(rows[place])
                            guard row >= 0 else { continue }
                            // Safe: `gathered` ascends by the rows' lengths, and offsets lie within the values.
                            let start = offsets[row]
                            let target = gathered[place]
                            for index in 0..<offsets[row + 1] &- start {
                                out.initializeElement(at: target &+ index, to: values[start &+ index])
                            }
                        }
                    }
                }
            }
            count = total
        }
    }

    func texts(_ texts: TextValues) -> TextValues {
        var gathered = TextValues()
        gathered.offsets = lengths(texts.offsets)
        gathered.bytes = elements(texts.bytes, texts.offsets, gathered: gathered.offsets)
        return gathered
    }
}

extension Column.Values {
    fileprivate func gather(_ rows: Gathering) -> Column.Values {
        switch self {
        case .bool(let values): return .bool(rows.values(values, absent: false))
        case .int32(let values): return .int32(rows.values(values, absent: 0))
        case .int64(let values): return .int64(rows.values(values, absent: 0))
        case .float32(let values): return .float32(rows.values(values, absent: 0))
        case .float64(let values): return .float64(rows.values(values, absent: 0))
        case .text(let values): return .text(rows.texts(values))
        case .vector(let dimensions, let values):
            return .vector(dimensions: dimensions, rows.blocks(values, width: dimensions))
        case .listInt64(let offsets, let values):
            let gathered = rows.lengths(offsets)
            return .listInt64(offsets: gathered, values: rows.elements(values, offsets, gathered: gathered))
        case .listString(let offsets, let values):
            let elements = rows.rows.flatMap { row in
                row < 0 ? [] : (offsets[Int(row)]..<offsets[Int(row) + 1]).map(Int32.init)
            }
            return .listString(offsets: rows.lengths(offsets), values: values.gather(elements))
        }
    }
}
