package import Training

/// Whether traffic can be counted by histograms: what is checked of those that come from a file.
extension ReferenceHistograms {
    /// Why rows of a signature cannot be counted by them, as a sentence's end behind "the histograms"; `nil` = they can.
    package func fault(_ signature: ModelSignature) -> String? {
        guard inputs.count == signature.inputs.count, outputs.count == signature.outputs else {
            return
                "have \(inputs.count) inputs and \(outputs.count) outputs, the signature \(signature.inputs.count) and \(signature.outputs)"
        }
        for (column, input) in zip(inputs, signature.inputs) {
            guard column.isCountable(levels: InputReader.levels(input.encoder)?.count) else {
                return "of the input '\(input.name)' have other bins than it has values"
            }
        }
        for column in outputs where !column.isCountable(levels: nil) {
            return "of the output '\(column.name)' have other bins than it has values"
        }
        return nil
    }
}

extension BinnedColumn {
    /// - Parameter levels: how many places the values are of; `nil` = they are numbers.
    fileprivate func isCountable(levels: Int?) -> Bool {
        // Each count is a number of rows: so many are added up without overflow.
        guard reference.allSatisfy({ 0...DriftLimits.rowsMax ~= $0 }), binCount >= 1 else { return false }
        if levelBins.isEmpty {
            guard edges.count == binCount - 1 else { return false }
        } else {
            guard levelBins.count == levels, levelBins.allSatisfy({ 0..<binCount ~= $0 }) else { return false }
        }
        return reference.count - Self.others == binCount
    }
}
