import Features
import PointInTime

/// The oldest or the newest rows of a window, so many of them.
struct RowListAccumulator: WindowAccumulator {
    private let number: Int
    private let isNewestFirst: Bool
    private var rows: [Int32] = []
    private var head = 0
    private(set) var results: [Int32] = []
    private(set) var offsets = [0]

    init(number: Int, isNewestFirst: Bool) {
        self.number = number
        self.isNewestFirst = isNewestFirst
    }

    mutating func add(_ row: Int) { rows.append(Int32(row)) }

    mutating func remove(_ row: Int) {
        head += 1
        guard head > 64, head * 2 > rows.count else { return }
        rows.removeFirst(head)
        head = 0
    }

    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) {
        self.rows.removeAll(keepingCapacity: true)
        head = 0
    }

    mutating func take() {
        let window = rows[head...]
        if isNewestFirst {
            results += window.suffix(number).reversed()
        } else {
            results += window.prefix(number)
        }
        offsets.append(results.count)
    }
}

/// Values by how often a window has them.
struct FrequencyAccumulator: WindowAccumulator {
    /// For each row a number that is equal where the values are, from 0 without gaps; and for each number its value's place in
    /// their order, and some row that has it.
    private let codes: [Int32]
    private let ranks: [Int64]
    private let firstRows: [Int32]
    /// Of values; `nil` = all.
    private let number: Int?
    private var counts: [Int32]
    /// Codes with a count, in no order, and the place of each there.
    private var present: [Int32] = []
    private var places: [Int32]
    private(set) var results: [Int32] = []
    private(set) var resultCounts: [Int32] = []
    private(set) var offsets = [0]

    init(_ keys: [Int64], number: Int?) {
        let (codes, count) = OrderKeys.codes(keys)
        self.codes = codes
        self.number = number
        var (ranks, firstRows) = ([Int64](repeating: 0, count: count), [Int32](repeating: -1, count: count))
        for (row, code) in codes.enumerated() where firstRows[Int(code)] < 0 {
            ranks[Int(code)] = keys[row]
            firstRows[Int(code)] = Int32(row)
        }
        self.ranks = ranks
        self.firstRows = firstRows
        counts = Array(repeating: 0, count: count)
        places = Array(repeating: -1, count: count)
    }

    mutating func add(_ row: Int) {
        let code = Int(codes[row])
        counts[code] += 1
        guard counts[code] == 1 else { return }
        places[code] = Int32(present.count)
        present.append(Int32(code))
    }

    mutating func remove(_ row: Int) {
        let code = Int(codes[row])
        counts[code] -= 1
        guard counts[code] == 0, let last = present.popLast() else { return }
        guard last != Int32(code) else { return }
        present[Int(places[code])] = last
        places[Int(last)] = places[code]
    }

    mutating func take() {
        let sorted = present.sorted { left, right in
            let (own, other) = (counts[Int(left)], counts[Int(right)])
            return own == other ? ranks[Int(left)] < ranks[Int(right)] : own > other
        }
        for code in sorted.prefix(number ?? sorted.count) {
            results.append(firstRows[Int(code)])
            resultCounts.append(counts[Int(code)])
        }
        offsets.append(results.count)
    }
}

extension Column {
    /// Lists of this column's values, of int32, int64 or string.
    /// - Parameters:
    ///   - offsets: where each list begins in `rows`, and after the last one where it ends.
    ///   - suffix: what stands behind the value of a place in `rows`, which makes all of them texts; `nil` = nothing.
    ///   - validity: `nil` = no list is null.
    func lists(of rows: [Int32], offsets: [Int], validity: [Bool]?, suffix: ((Int) -> String)? = nil) -> Column {
        let gathered = gather(rows)
        switch gathered.values {
        case .int32(let values) where suffix == nil:
            return Column(
                type: .listInt64,
                validity: validity,
                values: .listInt64(offsets: offsets, values: values.map(Int64.init))
            )
        case .int64(let values) where suffix == nil:
            return Column(type: .listInt64, validity: validity, values: .listInt64(offsets: offsets, values: values))
        case .int32(let values):
            return texts(values.map { Array(String($0).utf8) }, offsets, validity, suffix)
        case .int64(let values):
            return texts(values.map { Array(String($0).utf8) }, offsets, validity, suffix)
        case .text(let values):
            return texts((0..<values.count).map { Array(values[$0]) }, offsets, validity, suffix)
        default: preconditionFailure("there are no lists of \(type.text)")
        }
    }

    private func texts(
        _ values: [[UInt8]],
        _ offsets: [Int],
        _ validity: [Bool]?,
        _ suffix: ((Int) -> String)?
    ) -> Column {
        var texts = TextValues()
        for (place, value) in values.enumerated() { texts.append(value + Array((suffix?(place) ?? "").utf8)) }
        return Column(type: .listString, validity: validity, values: .listString(offsets: offsets, values: texts))
    }
}
