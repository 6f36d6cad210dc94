/// What a window has of the events in it: rows come in at its end and leave at its start, both in their order.
///
/// Each is exact, so one that all rows have left is as new, and the way to a value never shows in it.
protocol WindowAccumulator {
    mutating func add(_ row: Int)
    /// Takes out the oldest row that is in.
    mutating func remove(_ row: Int)
    /// Writes down the value of the rows that are in.
    mutating func take()
}

struct CountAccumulator: WindowAccumulator {
    private var count: Int64 = 0
    private(set) var results: [Int64] = []

    mutating func add(_ row: Int) { count += 1 }
    mutating func remove(_ row: Int) { count -= 1 }
    mutating func take() { results.append(count) }
}

/// Values with a flag each, false where there is none.
struct OptionalResults<Element: Numeric> {
    private(set) var values: [Element] = []
    private(set) var validity: [Bool] = []

    mutating func append(_ value: Element?) {
        values.append(value ?? 0)
        validity.append(value != nil)
    }
}

struct IntegerSumAccumulator: WindowAccumulator {
    private let values: [Int64]
    private var sum = ExactIntegerSum()
    private var count = 0
    private(set) var results = OptionalResults<Int64>()
    /// Results that are null because they are beyond int64.
    private(set) var overflows = 0

    init(_ values: [Int64]) { self.values = values }

    mutating func add(_ row: Int) {
        sum.add(values[row])
        count += 1
    }

    mutating func remove(_ row: Int) {
        sum.remove(values[row])
        count -= 1
    }

    mutating func take() {
        guard count > 0 else { return results.append(nil) }
        let value = sum.int64
        if value == nil { overflows += 1 }
        results.append(value)
    }
}

struct IntegerMeanAccumulator: WindowAccumulator {
    private let values: [Int64]
    private var sum = ExactIntegerSum()
    private var count = 0
    private(set) var results = OptionalResults<Double>()

    init(_ values: [Int64]) { self.values = values }

    mutating func add(_ row: Int) {
        sum.add(values[row])
        count += 1
    }

    mutating func remove(_ row: Int) {
        sum.remove(values[row])
        count -= 1
    }

    mutating func take() { results.append(count > 0 ? sum.float64 / Double(count) : nil) }
}

struct FloatSumAccumulator: WindowAccumulator {
    private let values: [Double]
    private let isMean: Bool
    private var sum = ExactSum()
    private var count = 0
    private(set) var results = OptionalResults<Double>()

    init(_ values: [Double], isMean: Bool) {
        self.values = values
        self.isMean = isMean
    }

    mutating func add(_ row: Int) {
        sum.add(values[row])
        count += 1
    }

    mutating func remove(_ row: Int) {
        sum.remove(values[row])
        count -= 1
    }

    mutating func take() {
        guard count > 0 else { return results.append(nil) }
        results.append(isMean ? sum.value / Double(count) : sum.value)
    }
}

/// The row with the least key, of equal keys the oldest.
///
/// A monotonic queue: keys ascend in it, since a row that comes in removes those with greater keys, which cannot be the
/// least any more. So each row enters and leaves once.
struct LeastAccumulator: WindowAccumulator {
    private let keys: [Int64]
    private var queue: [Int32] = []
    private var head = 0
    /// Rows, -1 where the window has none.
    private(set) var results: [Int32] = []

    init(_ keys: [Int64]) { self.keys = keys }

    mutating func add(_ row: Int) {
        let key = keys[row]
        while queue.count > head, keys[Int(queue[queue.count - 1])] > key { queue.removeLast() }
        queue.append(Int32(row))
    }

    mutating func remove(_ row: Int) {
        guard head < queue.count, queue[head] == Int32(row) else { return }
        head += 1
        guard head == queue.count else { return }
        queue.removeAll(keepingCapacity: true)
        head = 0
    }

    mutating func take() { results.append(head < queue.count ? queue[head] : -1) }
}

struct DistinctAccumulator: WindowAccumulator {
    /// A number for each row, equal where the values are, from 0 without gaps.
    private let codes: [Int32]
    /// How many rows with each code are in.
    private var counts: [Int32]
    private var present: Int64 = 0
    private(set) var results: [Int64] = []

    init(_ codes: [Int32], count: Int) {
        self.codes = codes
        counts = Array(repeating: 0, count: count)
    }

    mutating func add(_ row: Int) {
        let code = Int(codes[row])
        if counts[code] == 0 { present += 1 }
        counts[code] += 1
    }

    mutating func remove(_ row: Int) {
        let code = Int(codes[row])
        counts[code] -= 1
        if counts[code] == 0 { present -= 1 }
    }

    mutating func take() { results.append(present) }
}
