/// Quantiles by buckets, each a 64th of the numbers between two powers of two: what is found lies in the bucket of the exact value,
/// so that it is at most 1/128 of it away.
///
/// A bucket is the first bits of a double, so nothing is rounded and no logarithm asked for; it counts what is in the window.
struct QuantileAccumulator: WindowAccumulator {
    /// For each row its bucket's place in ``buckets``.
    private let places: [Int32]
    /// That rows have, ascending.
    private let buckets: [Int64]
    private var counts: [Int32]
    private var count = 0
    private let fraction: Int
    private(set) var results = OptionalResults<Double>()

    /// Of a double's key: its sign, its exponent and six bits of what follows are left.
    private static let droppedBits: Int64 = 46

    /// - Parameter fraction: in millionths.
    init(_ values: [Double], fraction: Int) {
        let own = values.map { OrderKeys.key($0) >> Self.droppedBits }
        let sorted = Set(own).sorted()
        let known = Dictionary(uniqueKeysWithValues: zip(sorted, sorted.indices.map { Int32($0) }))
        places = own.map { known[$0] ?? 0 }
        buckets = sorted
        counts = Array(repeating: 0, count: sorted.count)
        self.fraction = fraction
    }

    mutating func add(_ row: Int) {
        counts[Int(places[row])] += 1
        count += 1
    }

    mutating func remove(_ row: Int) {
        counts[Int(places[row])] -= 1
        count -= 1
    }

    mutating func take() {
        guard count > 0 else { return results.append(nil) }
        // The row of that rank among the sorted ones, from 0.
        let rank = fraction * (count - 1) / WindowLimits.fractionOfOne
        var before = 0
        for (place, rows) in counts.enumerated() {
            before += Int(rows)
            if rank < before { return results.append(Self.value(buckets[place])) }
        }
        preconditionFailure("a rank beyond the rows")
    }

    /// The middle of a bucket; of what is about zero, and of what is no number, itself.
    private static func value(_ bucket: Int64) -> Double {
        if bucket == 0 || bucket == -1 { return 0 }
        for limit in [Double.infinity, -.infinity, .nan] where OrderKeys.key(limit) >> droppedBits == bucket {
            return limit
        }
        return OrderKeys.value(bucket << droppedBits | 1 << (droppedBits - 1))
    }
}
