package import Training

/// What the rows of a version's training set were like, in bins: a part of the version, against which traffic is counted.
package struct ReferenceHistograms: Hashable, Sendable, Codable {
    /// One for each input of the version's signature; of a vector its length is watched.
    package var inputs: [BinnedColumn]
    /// One for each output, of what the model said of the test rows.
    package var outputs: [BinnedColumn]

    /// - Parameters:
    ///   - matrix: of the training rows.
    ///   - predictions: rows of the signature's outputs, of rows that the model was not fitted to.
    package init(_ matrix: DesignMatrix, _ signature: ModelSignature, predictions: [Float]) {
        var offset = 0
        inputs = signature.inputs.map { input in
            let reader = InputReader(input, offset: offset)
            offset += input.width
            let values = (0..<matrix.rowCount).map { reader.value(matrix.values, row: $0, width: matrix.width) }
            guard let levels = InputReader.levels(input.encoder) else {
                return BinnedColumn(name: input.name, values: values)
            }
            return BinnedColumn(name: input.name, places: values, levels: levels.count)
        }
        for (index, unseen) in matrix.unseen.enumerated() { inputs[index].move(unseen: unseen) }
        let count = max(signature.outputs, 1)
        outputs = signature.outputNames.enumerated().map { output, name in
            BinnedColumn(
                name: name,
                values: stride(from: output, to: predictions.count, by: count).map { predictions[$0] }
            )
        }
    }

    /// The columns in the order in which they are counted.
    package var columns: [BinnedColumn] { inputs + outputs }

    package var countsLength: Int { columns.reduce(0) { $0 + $1.countsLength } }

    /// - Parameter counts: of ``countsLength``.
    /// - Returns: one for each of ``columns``.
    package func split(_ counts: [Int]) -> [ColumnCounts] {
        var start = 0
        return columns.map { column in
            defer { start += column.countsLength }
            return ColumnCounts(counts[start..<start + column.countsLength])
        }
    }
}

extension BinnedColumn {
    /// Of what looks like null in a matrix, so many rows had a text that the dictionary lacks.
    fileprivate mutating func move(unseen: Int) {
        guard unseen > 0, !levelBins.isEmpty else { return }
        let moved = min(unseen, reference[binCount])
        reference[binCount] -= moved
        reference[binCount + 1] += moved
    }
}

/// Takes one number that stands for an input out of a row of a matrix.
struct InputReader: Sendable {
    private enum Kind {
        case number
        case length(Int)
        /// A place; the one that is given stands for texts that the dictionary lacks.
        case place(other: Float)
        /// Of a 0 or 1 for each place those that stand for something.
        case indicators(Int)
    }

    private let kind: Kind
    private let offset: Int

    init(_ input: ModelSignature.Input, offset: Int) {
        self.offset = offset
        switch input.encoder {
        case .number, .categories, .scaled, .log1p, .clipped, .bins, .hashed, .crossed, .mapped: kind = .number
        case .elements(let count): kind = .length(count)
        case .levels(let levels): kind = .place(other: Float(levels.count))
        case .onehot(let levels), .indicators(.levels(let levels)): kind = .indicators(levels.count)
        case .indicators(let inner): kind = .indicators(inner.placesMax)
        }
    }

    /// The texts of an encoder whose places each stand for one; `nil` = its numbers are watched as numbers: of buckets how the
    /// rows spread over them, of a map the nearest value's place.
    static func levels(_ encoder: FittedEncoder) -> [String]? {
        switch encoder {
        case .categories(let levels), .onehot(let levels), .levels(let levels): levels
        case .indicators(let inner): Self.levels(inner)
        case .number, .elements, .scaled, .log1p, .clipped, .bins, .hashed, .crossed, .mapped: nil
        }
    }

    /// The number, the length of a vector, or the place of a text; NaN = null, or a text that the dictionary lacks.
    @inline(__always)
    func value(_ values: [Float], row: Int, width: Int) -> Float {
        let start = row * width + offset
        switch kind {
        case .number: return values[start]
        case .length(let count):
            var sum: Float = 0
            for element in start..<start + count { sum += values[element] * values[element] }
            return sum.squareRoot()
        case .place(let other):
            let place = values[start]
            return place == other ? .nan : place
        case .indicators(let count):
            for place in 0..<count where values[start + place] != 0 { return Float(place) }
            return .nan
        }
    }
}
