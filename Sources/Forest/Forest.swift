import CForest

/// A model of trees, or a linear one, that predicts from rows of single-precision numbers.
///
/// Made from a file by ``init(bytes:)``, which checks whatever the kernels rely on: files come from strangers. Margins are the
/// same bits on every machine; probabilities are as long as libm's `expf` is the same.
package struct Forest: Sendable {
    /// What margins mean.
    package enum Objective: String, Sendable, Hashable {
        /// One output, whose logistic function is a probability.
        case logistic
        /// An output a class; their softmax is the probabilities.
        case softmax
        /// One output, which is the prediction.
        case identity
    }

    enum Kind: Sendable {
        case trees(TreeTable)
        case linear(LinearModel)
        case sparse(SparseModel)
    }

    let kind: Kind
    /// Values of a row.
    package let width: Int
    /// Margins of a row: 1, or one a class.
    package let outputs: Int
    package let objective: Objective
    /// In the order of a row's values; `nil` where the file has none.
    package let featureNames: [String]?
    /// XGBoost's: `q` or `float` and `int` of numbers, `c` of categories, `i` of flags; `nil` where the file has none.
    package let featureTypes: [String]?

    init(
        _ kind: Kind,
        width: Int,
        outputs: Int,
        objective: Objective,
        featureNames: [String]?,
        featureTypes: [String]?
    ) {
        self.kind = kind
        self.width = width
        self.outputs = outputs
        self.objective = objective
        self.featureNames = featureNames
        self.featureTypes = featureTypes
    }

    /// Reads a model file: XGBoost's JSON or UBJSON, or our linear JSON (see ``LinearModel``, ``SparseModel``).
    /// - Complexity: O(bytes).
    package init(bytes: [UInt8]) throws(ForestError) {
        let document = try ModelValue.read(bytes)
        if case .text(let format)? = document["format"] {
            switch format {
            case LinearModel.format: try self.init(linear: document)
            case SparseModel.format: try self.init(sparse: document)
            default: throw .foreign("of the format '\(format)'")
            }
        } else {
            try self.init(xgboost: document)
        }
    }

    package var treeCount: Int {
        guard case .trees(let table) = kind else { return 0 }
        return table.roots.count
    }

    /// Memory that it takes.
    package var byteCount: Int {
        switch kind {
        case .trees(let table): table.byteCount
        case .linear(let model): model.byteCount
        case .sparse(let model): model.byteCount
        }
    }

    /// The margins of some rows.
    /// - Parameters:
    ///   - rows: `count` rows of ``width`` values, one after the other; NaN = missing.
    /// - Returns: `count` rows of ``outputs`` margins; those of a row do not depend on the rows beside it.
    /// - Complexity: O(count × trees × depth).
    package func margins(_ rows: [Float], count: Int) -> [Float] {
        precondition(rows.count == count * width, "rows of the model's width")
        switch kind {
        case .trees(let table): return table.margins(rows, count, width, isPlain: false)
        case .linear(let model): return model.margins(rows, count)
        case .sparse(let model): return model.margins(rows, count)
        }
    }

    /// As ``margins(_:count:)``, tree by tree in the plainest way: what the fast ways are compared with.
    package func plainMargins(_ rows: [Float], count: Int) -> [Float] {
        precondition(rows.count == count * width, "rows of the model's width")
        guard case .trees(let table) = kind else { return margins(rows, count: count) }
        return table.margins(rows, count, width, isPlain: true)
    }

    /// What some rows are answered: ``predictions(fromMargins:)`` of their ``margins(_:count:)``.
    package func predictions(_ rows: [Float], count: Int) -> [Float] {
        predictions(fromMargins: margins(rows, count: count))
    }

    /// Probabilities of the positive class, of each class, or values, by ``objective``.
    /// - Parameter margins: rows of ``outputs``.
    package func predictions(fromMargins margins: [Float]) -> [Float] {
        var out = margins
        switch objective {
        case .identity: break
        case .logistic: asof_forest_sigmoid(margins, margins.count, &out)
        case .softmax: asof_forest_softmax(margins, margins.count / max(outputs, 1), outputs, &out)
        }
        return out
    }
}

/// Trees as the kernels walk them.
struct TreeTable: Sendable {
    var nodes: [asof_forest_node] = []
    var roots: [UInt32] = []
    var groups: [UInt16] = []
    var sets: [asof_forest_set] = []
    var words: [UInt32] = []
    var base: [Float] = []

    var byteCount: Int { nodes.count * 12 + roots.count * 6 + sets.count * 8 + words.count * 4 }

    func margins(_ rows: [Float], _ count: Int, _ width: Int, isPlain: Bool) -> [Float] {
        var margins = [Float](repeating: 0, count: count * base.count)
        // Safe: the pointers are used only within the closures, and the nodes were checked when the table was made.
        nodes.withUnsafeBufferPointer { nodes in
            roots.withUnsafeBufferPointer { roots in
                groups.withUnsafeBufferPointer { groups in
                    sets.withUnsafeBufferPointer { sets in
                        words.withUnsafeBufferPointer { words in
                            base.withUnsafeBufferPointer { base in
                                var forest = asof_forest(
                                    nodes: nodes.baseAddress,
                                    roots: roots.baseAddress,
                                    groups: groups.baseAddress,
                                    trees: roots.count,
                                    sets: sets.baseAddress,
                                    words: words.baseAddress,
                                    has_categories: sets.isEmpty ? 0 : 1,
                                    base: base.baseAddress,
                                    outputs: base.count,
                                    width: width
                                )
                                if isPlain {
                                    asof_forest_margins_plain(&forest, rows, count, &margins)
                                } else {
                                    asof_forest_margins(&forest, rows, count, &margins)
                                }
                            }
                        }
                    }
                }
            }
        }
        return margins
    }
}
