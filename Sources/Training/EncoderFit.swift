import Features
package import PointInTime

/// How texts are to become numbers.
package enum TextEncoding: Hashable, Sendable {
    /// For trees.
    case categories
    /// For linear models; levels that are rarer count as others.
    case onehot(minCount: Int)
}

/// Fits encoders on rows of the training slice.
package enum EncoderFit {
    /// The most texts that one dictionary holds: what a split by categories and 8 bits can tell apart.
    package static let categoriesMax = 254
    /// The most texts that become a number each.
    package static let levelsMax = 64

    /// - Parameters:
    ///   - columns: names and values, in the service's order.
    ///   - encodings: of columns of text that do not take `standard`.
    /// - Throws: for a type that no encoder has, with what to do instead.
    package static func fit(
        _ columns: [(name: String, column: Column)],
        texts standard: TextEncoding,
        encodings: [String: TextEncoding] = [:]
    ) throws(TrainingError) -> [ModelSignature.Input] {
        var inputs: [ModelSignature.Input] = []
        for (name, column) in columns {
            let encoder: FittedEncoder
            switch column.type {
            case .bool, .int32, .int64, .float32, .float64: encoder = .number
            case .vector(let count): encoder = .elements(count)
            case .string:
                switch encodings[name] ?? standard {
                case .categories: encoder = .categories(levels(column, minCount: 1, max: categoriesMax))
                case .onehot(let minCount):
                    encoder = .onehot(levels(column, minCount: minCount, max: levelsMax))
                }
            case .timestamp:
                throw .request(
                    """
                    the column '\(name)' is a timestamp, which has steps of 134 s in single precision: take it out of the service, or \
                    derive an age or a part of it, as in extract(epoch from label_time - \(name)) or extract(hour from \(name))
                    """
                )
            case .bytes, .listInt64, .listString:
                throw .request(
                    "the column '\(name)' is of type \(column.type.text), which no encoder turns into numbers; take it out of the service"
                )
            }
            inputs.append(ModelSignature.Input(name: name, type: column.type, encoder: encoder))
        }
        return inputs
    }

    /// The most frequent texts, of equally frequent ones the bytewise lesser; ordered bytewise.
    private static func levels(_ column: Column, minCount: Int, max: Int) -> [String] {
        guard case .text(let texts) = column.values else { return [] }
        var counts: [String: Int] = [:]
        for row in 0..<column.rowCount where !column.isNull(row) { counts[texts.string(row), default: 0] += 1 }
        func precedes(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
        let frequent = counts.filter { $0.value >= minCount }.sorted {
            $0.value != $1.value ? $0.value > $1.value : precedes($0.key, $1.key)
        }
        return frequent.prefix(max).map(\.key).sorted(by: precedes)
    }
}
