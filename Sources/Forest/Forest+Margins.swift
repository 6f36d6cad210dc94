import CForest

extension Forest {
    /// The margins of rows, by the fastest kernel.
    ///
    /// - Parameters:
    ///   - rows: `count` rows of ``width`` values, NaN where one is missing; others than that many are our own bug.
    ///   - count: rows; 0 gives none.
    /// - Returns: `count` × ``outputs``.
    /// - Complexity: O(`count` × trees × depth), one allocation.
    package func margins(_ rows: [Float], count: Int) -> [Float] {
        margins(rows, count: count, by: asof_forest_lockstep)
    }

    /// The same, tree by tree and node by node.
    package func scalarMargins(_ rows: [Float], count: Int) -> [Float] {
        margins(rows, count: count, by: asof_forest_scalar)
    }

    private typealias Kernel = (UnsafePointer<asof_forest>?, UnsafePointer<Float>?, Int, UnsafeMutablePointer<Float>?)
        -> Void

    private func margins(_ rows: [Float], count: Int, by kernel: Kernel) -> [Float] {
        precondition(
            count >= 0 && rows.count == count * width,
            "\(rows.count) values are not \(count) rows of \(width)"
        )
        switch form {
        case .linear(let terms): return terms.margins(rows, count: count)
        case .trees(let trees):
            return [Float](unsafeUninitializedCapacity: count * outputs) { margins, initialized in
                trees.withForest(width: width) { forest in
                    // Safe: the reader checked each index of the forest, the precondition the number of values.
                    rows.withUnsafeBufferPointer { kernel(forest, $0.baseAddress, count, margins.baseAddress) }
                }
                initialized = count * outputs
            }
        }
    }

    /// Predictions of margins, in float32 and by expf as XGBoost computes them: probabilities, or the margins themselves.
    ///
    /// - Parameter margins: of any number of rows, ``outputs`` each.
    package func predictions(fromMargins margins: [Float]) -> [Float] {
        precondition(margins.count % outputs == 0, "\(margins.count) margins are not rows of \(outputs)")
        var values = margins
        values.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            switch objective {
            case .logistic: asof_forest_logistic(start, values.count)
            case .softmax: asof_forest_softmax(start, values.count / outputs, outputs)
            case .squared: break
            }
        }
        return values
    }
}
