package import Training

/// Counts rows of traffic into the bins of a version's reference.
package struct TrafficCounter: Sendable {
    package let reference: ReferenceHistograms
    private let readers: [InputReader]
    private let outputCount: Int

    package init(_ reference: ReferenceHistograms, _ signature: ModelSignature) {
        self.reference = reference
        var offset = 0
        readers = signature.inputs.map { input in
            defer { offset += input.width }
            return InputReader(input, offset: offset)
        }
        outputCount = max(signature.outputs, 1)
    }

    /// - Parameters:
    ///   - values: the answers, rows of the signature's outputs; `nil` = null.
    ///   - counts: of ``ReferenceHistograms/countsLength``, to which the rows are added.
    /// - Complexity: O(rows × columns), some ns each.
    package func add(_ matrix: DesignMatrix, _ values: [Float?], to counts: inout [Int]) {
        counts.withUnsafeMutableBufferPointer { counts in
            var offset = 0
            for (index, reader) in readers.enumerated() {
                let column = reference.inputs[index]
                for row in 0..<matrix.rowCount {
                    column.count(reader.value(matrix.values, row: row, width: matrix.width), in: counts, at: offset)
                }
                let unseen = column.levelBins.isEmpty ? 0 : matrix.unseen[index]
                counts[offset + column.binCount] -= unseen
                counts[offset + column.binCount + 1] += unseen
                offset += column.countsLength
            }
            for (output, column) in reference.outputs.enumerated() {
                for row in 0..<matrix.rowCount {
                    column.count(values[row * outputCount + output] ?? .nan, in: counts, at: offset)
                }
                offset += column.countsLength
            }
        }
    }
}
