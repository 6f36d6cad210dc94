package import Features

/// What a person wants to know of a column before training on it, gathered batch by batch in bounded memory.
///
/// The result is the same however the rows were cut into batches.
package struct ColumnStatistics: Sendable {
    package let type: FeatureType
    package private(set) var rowCount = 0
    package private(set) var nullCount = 0
    /// Rows with a NaN, in a vector in any place. They enter none of the numbers below.
    package private(set) var nanCount = 0
    /// Rows with an infinity, likewise.
    package private(set) var infiniteCount = 0
    /// Smallest and greatest integer or time in µs; of texts the length in bytes, of lists the number of elements.
    package private(set) var integerRange: ClosedRange<Int64>?
    /// Of numbers and times (µs); bools count as 0 and 1.
    package private(set) var sketch = QuantileSketch()
    /// The first text; `nil` before one was seen.
    private var firstText: [UInt8]?
    private var hasOtherTexts = false

    package init(type: FeatureType) { self.type = type }

    /// The mean of finite numbers; `nil` where there are none, or it is beyond a number.
    package var mean: Double? {
        guard sketch.count > 0 else { return nil }
        let mean = sketch.sum / Double(sketch.count)
        return mean.isFinite ? mean : nil
    }

    /// Whether all rows that have a value have the same, and there are several. Vectors and lists are never said to be.
    package var isConstant: Bool {
        guard rowCount - nullCount > 1, nanCount == 0, infiniteCount == 0 else { return false }
        switch type {
        case .bool, .int32, .int64, .float32, .float64, .timestamp: return sketch.minimum == sketch.maximum
        case .string, .bytes: return !hasOtherTexts
        case .vector, .listInt64, .listString: return false
        }
    }

    /// - Parameter column: of ``type``.
    /// - Complexity: O(rows), of vectors O(elements).
    package mutating func update(_ column: Column) {
        rowCount += column.rowCount
        nullCount += column.nullCount
        let validity = column.validity
        switch column.values {
        case .bool(let values): add(values, validity) { $0 ? 1 : 0 }
        case .int32(let values): add(values, validity) { Int64($0) }
        case .int64(let values): add(values, validity) { $0 }
        case .float32(let values): add(values, validity)
        case .float64(let values): add(values, validity)
        case .text(let values): addTexts(values, validity)
        case .vector(let dimensions, let values): addVectors(values, dimensions, validity)
        case .listInt64(let offsets, _), .listString(let offsets, _): addLengths(offsets, validity)
        }
    }

    /// Rows whose numbers are looked at together.
    private static let chunkRows = 1_024

    /// Calls `body` with the numbers of the rows that have one, some at a time.
    @inline(__always)
    private static func forEachChunk<Element>(
        _ values: [Element],
        _ validity: [Bool]?,
        _ body: (UnsafeBufferPointer<Element>) -> Void
    ) {
        values.withUnsafeBufferPointer { values in
            guard let validity else {
                for start in stride(from: 0, to: values.count, by: chunkRows) {
                    body(UnsafeBufferPointer(rebasing: values[start..<min(values.count, start + chunkRows)]))
                }
                return
            }
            withUnsafeTemporaryAllocation(of: Element.self, capacity: chunkRows) { valid in
                for start in stride(from: 0, to: values.count, by: chunkRows) {
                    var count = 0
                    for row in start..<min(values.count, start + chunkRows) where validity[row] {
                        // Safe: no more than there are rows in a chunk.
                        valid.initializeElement(at: count, to: values[row])
                        count += 1
                    }
                    body(UnsafeBufferPointer(rebasing: valid[..<count]))
                }
            }
        }
    }

    @inline(__always)
    private mutating func add<Element>(
        _ values: [Element],
        _ validity: [Bool]?,
        _ integer: (Element) -> Int64
    ) {
        var low = integerRange?.lowerBound ?? .max
        var high = integerRange?.upperBound ?? .min
        withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.chunkRows) { numbers in
            Self.forEachChunk(values, validity) { chunk in
                for (place, value) in chunk.enumerated() {
                    let value = integer(value)
                    low = min(low, value)
                    high = max(high, value)
                    // Safe: a chunk has no more.
                    numbers.initializeElement(at: place, to: Double(value))
                }
                sketch.add(UnsafeBufferPointer(rebasing: numbers[..<chunk.count]))
            }
        }
        if low <= high { integerRange = low...high }
    }

    @inline(__always)
    private mutating func add<Element: BinaryFloatingPoint>(_ values: [Element], _ validity: [Bool]?) {
        withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.chunkRows) { finite in
            Self.forEachChunk(values, validity) { chunk in
                var count = 0
                for value in chunk {
                    // Safe: a chunk has no more. What is not finite is overwritten by the next.
                    finite.initializeElement(at: count, to: Double(value))
                    count += value.isFinite ? 1 : 0
                }
                if count < chunk.count {
                    let nans = chunk.count { $0.isNaN }
                    nanCount += nans
                    infiniteCount += chunk.count - count - nans
                }
                sketch.add(UnsafeBufferPointer(rebasing: finite[..<count]))
            }
        }
    }

    private mutating func addTexts(_ values: TextValues, _ validity: [Bool]?) {
        addLengths(values.offsets, validity)
        guard !hasOtherTexts else { return }
        for row in 0..<values.count {
            if let validity, !validity[row] { continue }
            guard let firstText else {
                firstText = Array(values[row])
                continue
            }
            if !values[row].elementsEqual(firstText) {
                hasOtherTexts = true
                return
            }
        }
    }

    private mutating func addLengths(_ offsets: [Int], _ validity: [Bool]?) {
        var low = integerRange?.lowerBound ?? .max
        var high = integerRange?.upperBound ?? .min
        for row in 0..<offsets.count - 1 {
            if let validity, !validity[row] { continue }
            let length = Int64(offsets[row + 1] - offsets[row])
            if length < low { low = length }
            if length > high { high = length }
        }
        if low <= high { integerRange = low...high }
    }

    private mutating func addVectors(_ values: [Float], _ dimensions: Int, _ validity: [Bool]?) {
        for row in 0..<values.count / max(dimensions, 1) {
            if let validity, !validity[row] { continue }
            var (hasNaN, hasInfinity) = (false, false)
            for value in values[row * dimensions..<(row + 1) * dimensions] where !value.isFinite {
                if value.isNaN { hasNaN = true } else { hasInfinity = true }
            }
            if hasNaN { nanCount += 1 }
            if hasInfinity { infiniteCount += 1 }
        }
    }
}
