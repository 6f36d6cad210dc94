import Foundation

/// Quantiles of a stream of numbers in bounded memory: a merging t-digest (Dunning and Ertl, 2019).
///
/// Values gather in a buffer. A full buffer is sorted and merged into *centroids*, each a mean and a weight, ascending. How
/// much one centroid may weigh follows the scale function k₁(q) = δ/2π · asin(2q − 1): little at both ends, so that
/// extreme quantiles stay exact, more in the middle. Nothing is random: the same values in the same order give the same
/// sketch, however they were cut into batches.
///
/// Of fewer than ``bufferCount`` values quantiles are exact. Beyond, the rank of an answer is off by less than 0.5 % of all
/// values, and by less the nearer to an end.
package struct QuantileSketch: Sendable {
    /// δ: at most so many centroids, and at least half as many.
    private static let compression = 500.0
    package static let bufferCount = 4_096

    private var means: [Double] = []
    private var weights: [Double] = []
    private var buffer: [Double] = []
    private var mergedCount = 0
    private var mergedSum = CompensatedSum()
    /// Memory that merges use again.
    private var newMeans: [Double] = []
    private var newWeights: [Double] = []
    private var mergedRange: ClosedRange<Double>?

    package init() {}

    package var count: Int { mergedCount + buffer.count }

    /// Of all values, without what additions round off; not finite where it is beyond a number.
    package var sum: Double {
        var sum = mergedSum
        sum.add(buffer)
        return sum.value
    }

    /// Infinity and minus infinity where no value was added.
    package var minimum: Double { min(mergedRange?.lowerBound ?? .infinity, buffer.min() ?? .infinity) }
    package var maximum: Double { max(mergedRange?.upperBound ?? -.infinity, buffer.max() ?? -.infinity) }

    /// - Parameter values: finite.
    /// - Complexity: amortized O(1) a value.
    package mutating func add(_ values: UnsafeBufferPointer<Double>) {
        var rest = values[...]
        while !rest.isEmpty {
            let taken = rest.prefix(Self.bufferCount - buffer.count)
            buffer.append(contentsOf: taken)
            rest = rest[taken.endIndex...]
            if buffer.count == Self.bufferCount { merge() }
        }
    }

    /// The values at some ranks, interpolated linearly between neighbours as pandas and NumPy do by default.
    ///
    /// - Parameter ranks: between 0 and 1.
    /// - Returns: one value a rank; empty where no value was added.
    package func quantiles(_ ranks: [Double]) -> [Double] {
        guard count > 0 else { return [] }
        if mergedCount == 0 {
            let sorted = buffer.sorted()
            return ranks.map { rank in
                let place = rank * Double(sorted.count - 1)
                let low = Int(place.rounded(.down))
                let high = min(low + 1, sorted.count - 1)
                return Self.between(sorted[low], sorted[high], place - Double(low))
            }
        }
        var whole = self
        whole.merge()
        return ranks.map { whole.interpolated($0) }
    }

    /// A centroid of weight w stands in the middle of the w places that it covers; the ends are known exactly.
    private func interpolated(_ rank: Double) -> Double {
        guard let minimum = mergedRange?.lowerBound, let maximum = mergedRange?.upperBound else { return .nan }
        let place = rank * Double(mergedCount - 1) + 0.5
        let last = Double(mergedCount) - 0.5
        if place >= last { return maximum }
        var (leftPlace, left) = (0.5, minimum)
        var covered = 0.0
        for index in means.indices {
            let middle = covered + weights[index] / 2
            if place <= middle {
                // A first centroid of one value need not be the smallest: that may have been merged into a later one.
                guard middle > leftPlace else { return minimum }
                return Self.between(left, means[index], (place - leftPlace) / (middle - leftPlace))
            }
            (leftPlace, left) = (middle, means[index])
            covered += weights[index]
        }
        guard last > leftPlace else { return maximum }
        return Self.between(left, maximum, min(1, (place - leftPlace) / (last - leftPlace)))
    }

    /// Without the difference of the two, which may be too large for a number.
    private static func between(_ left: Double, _ right: Double, _ share: Double) -> Double {
        left == right ? left : left * (1 - share) + right * share
    }

    /// Merges the buffer into the centroids.
    private mutating func merge() {
        guard !buffer.isEmpty else { return }
        mergedSum.add(buffer)
        NumberOrder.sort(&buffer, &newMeans)
        let (low, high) = (buffer[0], buffer[buffer.count - 1])
        mergedRange = min(mergedRange?.lowerBound ?? low, low)...max(mergedRange?.upperBound ?? high, high)
        mergedCount += buffer.count
        let total = Double(mergedCount)
        newMeans.removeAll(keepingCapacity: true)
        newWeights.removeAll(keepingCapacity: true)
        var (centroid, value) = (0, 0)
        var (mean, weight) = (0.0, 0.0)
        var emitted = 0.0
        var limit = Self.weightLimit(after: 0, of: total)
        while centroid < means.count || value < buffer.count {
            let nextMean: Double
            let nextWeight: Double
            if value == buffer.count || (centroid < means.count && means[centroid] <= buffer[value]) {
                (nextMean, nextWeight) = (means[centroid], weights[centroid])
                centroid += 1
            } else {
                (nextMean, nextWeight) = (buffer[value], 1)
                value += 1
            }
            let sum = weight + nextWeight
            if weight == 0 {
                (mean, weight) = (nextMean, nextWeight)
            } else if emitted + sum <= limit {
                if mean != nextMean {
                    let share = nextWeight / sum
                    mean = mean * (1 - share) + nextMean * share
                }
                weight = sum
            } else {
                newMeans.append(mean)
                newWeights.append(weight)
                emitted += weight
                limit = Self.weightLimit(after: emitted, of: total)
                (mean, weight) = (nextMean, nextWeight)
            }
        }
        newMeans.append(mean)
        newWeights.append(weight)
        swap(&means, &newMeans)
        swap(&weights, &newWeights)
        buffer.removeAll(keepingCapacity: true)
    }

    /// The step in k₁ of one centroid, and its sine and cosine.
    private static let step = 2 * Double.pi / compression
    private static let stepSine = sin(step)
    private static let stepCosine = cos(step)

    /// The weight up to which a centroid that begins behind a weight of `emitted` may reach.
    ///
    /// Weights are whole numbers, so only the whole part counts, and that an addition theorem gives without arcsine and
    /// sine; where it is too close to a whole number to be sure, the formula itself is asked.
    static func weightLimit(after emitted: Double, of total: Double) -> Double {
        let rank = emitted / total
        // sin(asin(x) + d) = x cos d + √(1 − x²) sin d, with x = 2q − 1 and 1 − x² = 4q(1 − q).
        let x = 2 * rank - 1
        if x > stepCosine + 1e-9 { return total }
        let sine = x * stepCosine + 2 * (rank * (1 - rank)).squareRoot() * stepSine
        let limit = total * (sine + 1) / 2
        let slack = total * 1e-13 + 1e-9
        let whole = (limit - slack).rounded(.down)
        return whole == (limit + slack).rounded(.down) ? whole : total * rankLimit(after: rank)
    }

    /// The rank up to which a centroid that begins at `rank` may reach: one step of k₁ further.
    static func rankLimit(after rank: Double) -> Double {
        let k = asin(2 * rank - 1) + step
        return k >= Double.pi / 2 ? 1 : (sin(k) + 1) / 2
    }
}
