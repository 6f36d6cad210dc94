import Foundation
import TestSupport
import Testing

@testable import PointInTime

@Suite struct NumberOrderTests {
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `numbers are sorted as comparing sorts them`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let special: [Double] = [0, -0.0, 1, -1, .greatestFiniteMagnitude, -.leastNonzeroMagnitude, .pi]
        let values = (0..<random.int(0...2_000)).map { _ in
            random.oneIn(4) ? random.pick(special) : Double.random(in: -1e6...1e6, using: &random)
        }
        var sorted = values
        var scratch: [Double] = []
        NumberOrder.sort(&sorted, &scratch)
        #expect(sorted.map(\.bitPattern) == values.sorted().map(\.bitPattern))
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `numbers close together beside a far one are sorted, too`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let width = random.pick([1e-12, 1e-9, 1e-7])
        var values = (0..<random.int(2...5_000)).map { _ in 1 + Double.random(in: 0...width, using: &random) }
        values[random.int(0...values.count - 1)] = random.pick([-1, 1e300, 0])
        var sorted = values
        var scratch: [Double] = []
        NumberOrder.sort(&sorted, &scratch)
        #expect(sorted == values.sorted())
    }
}

@Suite struct QuantileSketchTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `the limit of a centroid's weight is the formula's`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<2_000 {
            let total = random.int(1...random.pick([1_500, 100_000, 40_000_000]))
            let emitted = random.oneIn(4) ? max(0, total - random.int(0...3)) : random.int(0...total - 1)
            let exact = Double(total) * QuantileSketch.rankLimit(after: Double(emitted) / Double(total))
            let limit = QuantileSketch.weightLimit(after: Double(emitted), of: Double(total))
            #expect(limit.rounded(.down) == exact.rounded(.down), "\(emitted) of \(total)")
        }
    }

    /// Shapes that a sketch may stumble over.
    enum Shape: String, CaseIterable, Sendable {
        case uniform, normal, exponential, heavyTail, twoValues, ascending, descending, mostlyZero, huge

        func values(_ count: Int) -> [Double] {
            var state: UInt64 = 0x5EED
            func unit() -> Double {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return (Double(state >> 11) + 0.5) / Double(1 << 53)
            }
            return (0..<count).map { index in
                switch self {
                case .uniform: unit()
                case .normal: (-2 * log(unit())).squareRoot() * cos(2 * .pi * unit())
                case .exponential: -log(unit())
                case .heavyTail: pow(unit(), -4)
                case .twoValues: unit() < 0.3 ? -1 : 1
                case .ascending: Double(index)
                case .descending: Double(-index)
                case .mostlyZero: unit() < 0.9 ? 0 : unit() * 100
                case .huge: (unit() - 0.5) * 2 * .greatestFiniteMagnitude
                }
            }
        }
    }

    private static let ranks = [0, 0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1]

    private static func sketch(_ values: [Double]) -> QuantileSketch {
        var sketch = QuantileSketch()
        // One by one, so that batches have no say.
        for index in values.indices { values[index...index].withUnsafeBufferPointer { sketch.add($0) } }
        return sketch
    }

    /// NumPy's default: linear between the two neighbours.
    private static func exact(_ sorted: [Double], _ rank: Double) -> Double {
        let place = rank * Double(sorted.count - 1)
        let low = Int(place)
        guard low + 1 < sorted.count else { return sorted[low] }
        return sorted[low] * (1 - (place - Double(low))) + sorted[low + 1] * (place - Double(low))
    }

    @Test(arguments: Shape.allCases, [1, 2, 3, 1_000, QuantileSketch.bufferCount - 1])
    func `few values give exact quantiles`(shape: Shape, count: Int) {
        let values = shape.values(count)
        let found = Self.sketch(values).quantiles(Self.ranks)
        for (rank, value) in zip(Self.ranks, found) {
            let expected = Self.exact(values.sorted(), rank)
            #expect(abs(value - expected) <= abs(expected) * 1e-12, "\(rank): \(value), not \(expected)")
        }
    }

    @Test(arguments: Shape.allCases, [QuantileSketch.bufferCount, 5_000, 200_000])
    func `of many values an answer's rank is off by less than half a percent, and the ends by less`(
        shape: Shape,
        count: Int
    ) {
        let values = shape.values(count)
        let sorted = values.sorted()
        let sketch = Self.sketch(values)
        #expect(sketch.count == count)
        let found = sketch.quantiles(Self.ranks)
        #expect(found == found.sorted(), "quantiles ascend")
        #expect(found.first == sorted.first && found.last == sorted.last)
        for (rank, value) in zip(Self.ranks, found) {
            // An answer between two neighbours is right for every rank from one to the other.
            let below = Double(sorted.count { $0 < value }) / Double(count)
            let upTo = Double(sorted.count { $0 <= value }) / Double(count)
            let error = max(0, max(below - rank, rank - upTo))
            let allowed = 0.01 * (rank * (1 - rank)).squareRoot() + 1 / Double(count)
            #expect(error <= allowed, "rank \(rank): \(value) lies \(error) off, \(allowed) allowed")
        }
    }

    @Test func `of two values every quantile is one of them or lies between`() {
        let found = Self.sketch(Shape.twoValues.values(100_000)).quantiles([0.1, 0.5, 0.9])
        #expect(found == [-1, 1, 1])
    }

    @Test func `the same values give the same sketch`() {
        let values = Shape.normal.values(10_000)
        #expect(Self.sketch(values).quantiles(Self.ranks) == Self.sketch(values).quantiles(Self.ranks))
    }

    @Test func `no values have no quantiles`() {
        #expect(QuantileSketch().quantiles([0.5]) == [])
    }
}
