/// A column whose values are counted in few bins: what is watched of an input or of an answer of a model.
///
/// Counts of it lie one behind another: ``binCount`` bins, nulls, texts that training had not seen, values below ``least``
/// and values above ``greatest``. The last two are counted in the outer bins, too.
package struct BinnedColumn: Hashable, Sendable, Codable {
    package var name: String
    /// Of numbers: what lies up to the first is in the first bin, what lies above the last in the last.
    package var edges: [Float]
    /// Of texts: for each place of the dictionary its bin; empty of numbers.
    package var levelBins: [Int]
    /// How many bins there are.
    package var binCount: Int
    /// The range of the rows that the bins were made from; `nil` of texts, and where all were null.
    package var least: Float?
    package var greatest: Float?
    /// What these rows were like.
    package var reference: [Int]

    /// What stands behind the bins.
    package static let others = 4

    package var countsLength: Int { binCount + Self.others }

    /// Bins of numbers, by their quantiles.
    ///
    /// - Parameter values: NaN = null.
    /// - Complexity: O(n log n) of at most ``DriftLimits/sampleMax`` values.
    package init(name: String, values: [Float]) {
        self.name = name
        levelBins = []
        // What a JSON document cannot have bounds no bin.
        let known = values.filter(\.isFinite)
        least = known.min()
        greatest = known.max()
        let step = max(known.count / DriftLimits.sampleMax, 1)
        let sorted = stride(from: 0, to: known.count, by: step).map { known[$0] }.sorted()
        var edges: [Float] = []
        for part in 1..<DriftLimits.binsMax where !sorted.isEmpty {
            let edge = sorted[max(sorted.count * part / DriftLimits.binsMax - 1, 0)]
            // Nothing would lie above the greatest value.
            if edge != edges.last, edge < (greatest ?? edge) { edges.append(edge) }
        }
        self.edges = edges
        binCount = edges.count + 1
        reference = []
        reference = counts(of: values)
    }

    /// Bins of texts: each of the most frequent ones has its own.
    ///
    /// - Parameters:
    ///   - places: of each row's text in the dictionary; NaN = null.
    ///   - levels: how many texts the dictionary has.
    package init(name: String, places: [Float], levels: Int) {
        self.name = name
        edges = []
        (least, greatest) = (nil, nil)
        var occurrences = [Int](repeating: 0, count: levels)
        for place in places where place >= 0 && Int(place) < levels { occurrences[Int(place)] += 1 }
        let order = (0..<levels).sorted { (occurrences[$1], $0) < (occurrences[$0], $1) }
        let own = order.count <= DriftLimits.levelsMax + 1 ? order.count : DriftLimits.levelsMax
        var bins = [Int](repeating: own, count: levels)
        for (bin, place) in order.prefix(own).enumerated() { bins[place] = bin }
        levelBins = bins
        binCount = max(levels > own ? own + 1 : own, 1)
        reference = []
        reference = counts(of: places)
    }

    private func counts(of values: [Float]) -> [Int] {
        var counts = [Int](repeating: 0, count: countsLength)
        counts.withUnsafeMutableBufferPointer { counts in
            for value in values { count(value, in: counts, at: 0) }
        }
        return counts
    }

    /// Counts a value; NaN = null.
    @inline(__always)
    func count(_ value: Float, in counts: UnsafeMutableBufferPointer<Int>, at offset: Int) {
        guard !value.isNaN else {
            counts[offset + binCount] += 1
            return
        }
        if !levelBins.isEmpty {
            let place = Int(value)
            counts[offset + (levelBins.indices.contains(place) ? levelBins[place] : 0)] += 1
            return
        }
        var bin = 0
        for edge in edges { bin += value > edge ? 1 : 0 }
        counts[offset + bin] += 1
        if let least, value < least { counts[offset + binCount + 2] += 1 }
        if let greatest, value > greatest { counts[offset + binCount + 3] += 1 }
    }
}

/// What was counted of a column.
package struct ColumnCounts: Hashable, Sendable {
    package var bins: [Int]
    package var nulls: Int
    /// Texts that training had not seen.
    package var unseen: Int
    /// Values below and above what the reference had; they are in the bins, too.
    package var below: Int
    package var above: Int

    /// - Parameter counts: as ``BinnedColumn`` lays them out.
    package init(_ counts: ArraySlice<Int>) {
        let bins = counts.count - BinnedColumn.others
        let start = counts.startIndex + bins
        self.bins = Array(counts.prefix(bins))
        (nulls, unseen, below, above) = (counts[start], counts[start + 1], counts[start + 2], counts[start + 3])
    }

    package var rows: Int { bins.reduce(0, +) + nulls + unseen }
    package var outside: Int { below + above }
    /// All that a row can be.
    var cells: [Int] { bins + [nulls, unseen] }
}
