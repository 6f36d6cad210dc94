/// What a window has of the events in it: rows come in at its end and leave at its start, both in their order.
///
/// Each is exact, so one that all rows have left is as new, and the way to a value never shows in it.
protocol WindowAccumulator {
    mutating func add(_ row: Int)
    /// Takes out the oldest row that is in.
    mutating func remove(_ row: Int)
    /// Takes out all rows that are in.
    /// - Parameters:
    ///   - rows: among which those that are in are the ones that count.
    ///   - counted: whether a row counts; `nil` = all do.
    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?)
    /// Writes down the value of the rows that are in.
    mutating func take()
}

extension WindowAccumulator {
    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) {
        for row in rows where counted?[row] ?? true { remove(row) }
    }
}

struct CountAccumulator: WindowAccumulator {
    private var count: Int64 = 0
    private(set) var results: [Int64] = []

    mutating func add(_ row: Int) { count += 1 }
    mutating func remove(_ row: Int) { count -= 1 }
    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) { count = 0 }
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

    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) { (sum, count) = (ExactIntegerSum(), 0) }

    mutating func take() {
        let value = sum.sum(of: count)
        if value == nil, count > 0 { overflows += 1 }
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

    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) { (sum, count) = (ExactIntegerSum(), 0) }

    mutating func take() { results.append(sum.mean(of: count)) }
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

    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) { (sum, count) = (ExactSum(), 0) }

    mutating func take() { results.append(isMean ? sum.mean(of: count) : sum.sum(of: count)) }
}

/// Variances, and their roots, of floats or of integers.
struct MomentsAccumulator: WindowAccumulator {
    private let floats: [Double]
    /// `nil` where the values are floats.
    private let integers: [Int64]?
    private let isSample: Bool
    private let isRoot: Bool
    private var moments = ExactMoments()
    private(set) var results = OptionalResults<Double>()

    init(floats: [Double], integers: [Int64]?, isSample: Bool, isRoot: Bool) {
        self.floats = floats
        self.integers = integers
        self.isSample = isSample
        self.isRoot = isRoot
    }

    mutating func add(_ row: Int) {
        if let integers { moments.add(integers[row]) } else { moments.add(floats[row]) }
    }

    mutating func remove(_ row: Int) {
        if let integers { moments.remove(integers[row]) } else { moments.remove(floats[row]) }
    }

    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) { if !rows.isEmpty { moments.removeAll() } }

    mutating func take() {
        let variance = moments.variance(isSample: isSample)
        results.append(isRoot ? variance?.squareRoot() : variance)
    }
}

/// The newest row.
struct NewestAccumulator: WindowAccumulator {
    private var newest: Int32 = -1
    /// Rows, -1 where the window has none.
    private(set) var results: [Int32] = []

    mutating func add(_ row: Int) { newest = Int32(truncatingIfNeeded: row) }
    mutating func remove(_ row: Int) { if newest == Int32(truncatingIfNeeded: row) { newest = -1 } }
    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) { newest = -1 }
    mutating func take() { results.append(newest) }
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
        if head == queue.count { removeAll(0..<0, nil) }
    }

    mutating func removeAll(_ rows: Range<Int>, _ counted: [Bool]?) {
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
