package import Forest
import Training

/// Inputs of a version with the margins that its trainer had for them: what whoever answers by it must have, too, to the bit.
package struct GoldenRows: Sendable, Hashable {
    package var count: Int
    /// `count` rows of the model's width.
    package var inputs: [Float]
    /// `count` rows of its outputs.
    package var margins: [Float]

    package init(count: Int, inputs: [Float], margins: [Float]) {
        self.count = count
        self.inputs = inputs
        self.margins = margins
    }

    /// How many rows are kept.
    package static let rowsMax = 256

    /// Inputs drawn column by column from some rows, so that none is an entity's.
    package static func drawn(from values: [Float], width: Int, seed: UInt64) -> (count: Int, inputs: [Float]) {
        let rowCount = width > 0 ? values.count / width : 0
        guard rowCount > 0 else { return (0, []) }
        var random = SplitMix(seed: seed)
        let count = min(rowsMax, max(rowCount, 1))
        var inputs = [Float](repeating: 0, count: count * width)
        for column in 0..<width {
            for row in 0..<count { inputs[row * width + column] = values[random.below(rowCount) * width + column] }
        }
        return (count, inputs)
    }

    /// Whether they are the same to the bit, nulls (NaN) too.
    package func isSame(as other: GoldenRows) -> Bool {
        count == other.count && Self.bytes(inputs) == Self.bytes(other.inputs)
            && Self.bytes(margins) == Self.bytes(other.margins)
    }

    /// What a model has otherwise: the first row that differs, as a sentence; `nil` = nothing.
    package func difference(_ forest: Forest) -> String? {
        guard inputs.count == count * forest.width, margins.count == count * forest.outputs else {
            return "its golden rows are of another width than the model's \(forest.width)"
        }
        let found = forest.margins(inputs, count: count)
        let differing = found.indices.filter { found[$0].bitPattern != margins[$0].bitPattern }
        guard let first = differing.first else { return nil }
        let rows = Set(differing.map { $0 / forest.outputs }).count
        func bits(_ value: Float) -> String { "0x" + String(value.bitPattern, radix: 16) }
        return
            "failed \(rows) of \(count) golden rows on this server (first: row \(first / forest.outputs), "
            + "\(bits(found[first])) instead of \(bits(margins[first])))"
    }

    static func bytes(_ values: [Float]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 4)
        for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
        return bytes
    }

    static func values(_ bytes: [UInt8]) -> [Float] {
        (0..<bytes.count / 4).map { place in
            let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place * 4 + $1]) << UInt32($1 * 8) }
            return Float(bitPattern: bits)
        }
    }
}
