package import Features
import Forest
package import PointInTime
package import Training

/// What a version of a model says of some rows: the one way from columns to answers, of servers and commands alike.
package struct Answers: Sendable {
    package enum Status: String, Sendable {
        /// All views have the row's entities.
        case known
        /// Some view lacks them.
        case partial
        /// No view has, see ``EntityPresence``; the model answered.
        case unknown
        /// No view has; the model's fallback answered.
        case fallback
    }

    /// Rows of the model's outputs; `nil` = null.
    package private(set) var values: [Float?]
    package private(set) var statuses: [Status]
    package let matrix: DesignMatrix
    /// Values that training had not seen.
    package let unseen: Int
    /// Rows whose answer the cache had, and those that it had not; `nil` = it was not asked.
    package let cache: (hits: Int, misses: Int)?

    /// - Parameters:
    ///   - fallback: what a row gets of which no view knows anything.
    ///   - columns: of the version's service, in its order.
    ///   - presence: what the service's views have of the rows' entities.
    ///   - cache: where rows that were asked for before are looked for; `nil` = nowhere.
    package init(
        _ model: ReadyModel,
        fallback: ModelDefinition.Fallback,
        columns: [Column],
        presence: EntityPresence,
        rowCount: Int,
        cache: AnswerCache? = nil
    ) {
        let version = model.version
        matrix = DesignMatrix(columns, model.encoders, rowCount: rowCount)
        unseen = matrix.unseen.reduce(0, +)
        let margins: [Float]
        if let cache {
            let (found, hits) = cache.margins(model.forest, artifact: version.artifact, matrix)
            margins = found
            self.cache = (hits, rowCount - hits)
        } else {
            margins = model.forest.margins(matrix.values, count: rowCount)
            self.cache = nil
        }
        values = model.forest.predictions(fromMargins: margins)
        statuses = (0..<rowCount).map { presence.status($0) }
        let outputs = version.signature.outputs
        guard let instead = Self.fallback(fallback, base: version.base, outputs: outputs) else { return }
        for row in 0..<rowCount where statuses[row] == .unknown {
            statuses[row] = .fallback
            for output in 0..<outputs { values[row * outputs + output] = instead[output] }
        }
    }

    /// What a row gets of which no view knows anything, one value an output; `nil` where the model answers.
    /// - Parameter base: of the version that answers.
    package static func fallback(
        _ fallback: ModelDefinition.Fallback,
        base: [Double],
        outputs: Int
    ) -> [Float?]? {
        switch fallback {
        case .model: nil
        case .base: base.map { Float($0) }
        case .value(let value): Array(repeating: outputs == 1 ? Float(value) : nil, count: outputs)
        case .null: Array(repeating: nil, count: outputs)
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
