/// How one column becomes numbers, or several together, with what was learned for it from the training slice.
///
/// A null is a missing number, except where another is named.
package indirect enum FittedEncoder: Hashable, Sendable, Codable {
    /// The value itself in single precision; false and true are 0 and 1.
    case number
    /// The elements of a vector.
    case elements(Int)
    /// The place of the text in a dictionary; what the dictionary lacks is missing, too.
    case categories([String])
    /// A 0 or 1 for each of some texts, one for null, one for any other.
    case onehot([String])
    /// The place of the text in a dictionary; behind it a place for any other.
    case levels([String])
    /// The number less `minus`, divided by `over`.
    case scaled(minus: Double, over: Double)
    /// log(1 + the number); missing where that is none.
    case log1p
    case clipped(Double, Double)
    /// How many of these, ascending, are less than the number.
    case bins([Double])
    /// The bucket of `name=value`, of the first column and of those that share its buckets.
    case hashed(FeatureHash, columns: Int)
    /// The bucket of several columns together, `a^b=x^y`; missing where one of them is null.
    case crossed(FeatureHash)
    case mapped(FittedMap)
    /// A 0 or 1 for each place that another encoder gives, one for when it is missing.
    case indicators(FittedEncoder)

    /// How many numbers it gives.
    package var width: Int {
        switch self {
        case .number, .categories, .levels, .scaled, .log1p, .clipped, .bins, .crossed: 1
        case .elements(let count): count
        case .onehot(let levels): levels.count + 2
        case .hashed(_, let columns): columns
        case .mapped(let map): map.nearest
        case .indicators(let inner): inner.placesMax + 1
        }
    }

    /// Of one whose numbers are places: how many there are; of others 0.
    package var placesMax: Int {
        switch self {
        case .number, .elements, .onehot, .scaled, .log1p, .clipped, .indicators: 0
        case .categories(let levels): levels.count
        case .levels(let levels): levels.count + 1
        case .bins(let cuts): cuts.count + 1
        case .hashed(let hash, _), .crossed(let hash): hash.buckets
        case .mapped(let map): map.levels.count + 1 + (map.other?.buckets ?? 0)
        }
    }
}

/// Places of known values, and what new ones are measured by.
///
/// Places are those of `levels`, then one for what nothing is known of, then the buckets of `other`.
package struct FittedMap: Hashable, Sendable, Codable {
    /// Texts of the values of the training slice, in bytewise order.
    package var levels: [String]
    /// Of each level its attributes, less the mean and divided by the deviation; empty where one was null.
    package var attributes: [[Double]]
    package var means: [Double]
    package var deviations: [Double]
    /// How many levels stand for a new value at most.
    package var nearest: Int
    /// Of new values whose attributes are not known; `nil` = they have one place.
    package var other: FeatureHash?

    package init(
        levels: [String],
        attributes: [[Double]],
        means: [Double],
        deviations: [Double],
        nearest: Int,
        other: FeatureHash? = nil
    ) {
        self.levels = levels
        self.attributes = attributes
        self.means = means
        self.deviations = deviations
        self.nearest = nearest
        self.other = other
    }

    /// The levels whose attributes are nearest, nearest first, of equally near ones the earlier.
    /// - Parameter raw: the new value's attributes as they come.
    /// - Complexity: O(levels × attributes).
    func neighbours(_ raw: [Double]) -> [Int] {
        var best: [(distance: Double, level: Int)] = []
        for (level, own) in attributes.enumerated() where !own.isEmpty {
            var distance = 0.0
            for index in raw.indices {
                let difference = (raw[index] - means[index]) / deviations[index] - own[index]
                distance += difference * difference
            }
            if best.count == nearest, let last = best.last, distance >= last.distance { continue }
            let place = best.firstIndex { distance < $0.distance } ?? best.count
            best.insert((distance, level), at: place)
            if best.count > nearest { best.removeLast() }
        }
        return best.map(\.level)
    }
}
