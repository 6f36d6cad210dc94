import Features
import Forest
import Models
import PointInTime
import Reading
import Serving
import Training

/// What a model says of some rows.
struct Answers: Sendable {
    enum Status: String, Sendable {
        /// All views have the row's entities.
        case known
        case partial
        /// No view has; the model answered.
        case unknown
        /// No view has; the model's fallback answered.
        case fallback
    }

    /// Rows of the model's outputs; `nil` = null.
    private(set) var values: [Float?]
    private(set) var statuses: [Status]
    let matrix: DesignMatrix
    /// Texts that training had not seen.
    let unseen: Int

    init(_ model: ServedModel, _ entry: ModelShelf.Entry, _ rows: ServiceRows, rowCount: Int) {
        let version = model.version
        matrix = DesignMatrix(rows.columns, version.signature, rowCount: rowCount)
        unseen = matrix.unseen.reduce(0, +)
        let margins = model.forest.margins(matrix.values, count: rowCount)
        values = model.forest.predictions(fromMargins: margins)
        statuses = Self.statuses(rows, rowCount: rowCount)
        let fallback = entry.definition?.fallback ?? .base
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

    private static func statuses(_ rows: ServiceRows, rowCount: Int) -> [Status] {
        let stored = rows.eventTimes.indices.filter { rows.eventTimes[$0] != nil }
        guard !stored.isEmpty else { return [Status](repeating: .known, count: rowCount) }
        return (0..<rowCount).map { row in
            let absent = stored.count { rows.statuses[$0][row] == .missing || rows.statuses[$0][row] == .expired }
            return absent == 0 ? .known : absent == stored.count ? .unknown : .partial
        }
    }

    /// Row by row, little-endian; null = NaN.
    func packed(isDouble: Bool) -> [UInt8] {
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
