package import Features
package import Forest
package import PointInTime
package import Training

/// What a version of a model says of some rows: the one way from columns to answers, of servers and commands alike.
package struct Answers: Sendable {
    package enum Status: String, Sendable {
        /// All views have the row's entities.
        case known
        case partial
        /// No view has; the model answered.
        case unknown
        /// No view has; the model's fallback answered.
        case fallback
    }

    /// Rows of the model's outputs; `nil` = null.
    package private(set) var values: [Float?]
    package private(set) var statuses: [Status]
    package let matrix: DesignMatrix
    /// Texts that training had not seen.
    package let unseen: Int

    /// - Parameters:
    ///   - fallback: what a row gets of which no view knows anything.
    ///   - columns: of the version's service, in its order.
    ///   - stored: of each column that comes from a view, what became of each row's value; of a service without any, all
    ///     rows are known.
    package init(
        _ version: ModelVersion,
        _ forest: Forest,
        fallback: ModelDefinition.Fallback,
        columns: [Column],
        stored: [[ValueStatus]],
        rowCount: Int
    ) {
        matrix = DesignMatrix(columns, version.signature, rowCount: rowCount)
        unseen = matrix.unseen.reduce(0, +)
        let margins = forest.margins(matrix.values, count: rowCount)
        values = forest.predictions(fromMargins: margins)
        statuses = (0..<rowCount).map { row in
            let absent = stored.count { $0[row] == .missing || $0[row] == .expired }
            return absent == 0 ? .known : absent == stored.count ? .unknown : .partial
        }
        if case .model = fallback { return }
        let outputs = version.signature.outputs
        for row in 0..<rowCount where statuses[row] == .unknown {
            statuses[row] = .fallback
            for output in 0..<outputs {
                switch fallback {
                case .base: values[row * outputs + output] = Float(version.base[output])
                case .value(let value): values[row * outputs + output] = outputs == 1 ? Float(value) : nil
                case .null, .model: values[row * outputs + output] = nil
                }
            }
        }
    }

    /// Row by row, little-endian; null = NaN.
    package func packed(isDouble: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * (isDouble ? 8 : 4))
        for value in values {
            let value = value ?? .nan
            if isDouble {
                withUnsafeBytes(of: Double(value).bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            } else {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }
}
