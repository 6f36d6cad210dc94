/// A model that is read: trees of XGBoost, or a linear model of ours. Immutable; any number of threads may use it at once.
///
/// A row is ``width`` values in the model's order, NaN where one is missing. Its margins are bit for bit those of the library that
/// trained it (libxgboost 3.4; of trees on x86-64, where the library's sums were compared), whatever kernel, CPU or batch.
package struct Forest: Sendable {
    enum Form: Sendable {
        case trees(FlatTrees)
        case linear(LinearTerms)
    }

    /// Features.
    package let width: Int
    /// Margins and predictions of a row: 1, or the number of classes.
    package let outputs: Int
    /// In the model's order; nil where the file has none.
    package let featureNames: [String]?
    /// `q` a quantity, `c` a category, and others of XGBoost; nil where the file has none.
    package let featureTypes: [String]?
    package let objective: Objective
    /// 0 of a linear model.
    package let treeCount: Int
    let form: Form

    /// A model of XGBoost, as JSON or UBJSON.
    ///
    /// All its trees count, as for the library's own predict: a model that was stopped early is cut to its best round before it is
    /// stored.
    /// - Throws: ``ForestError``, whatever the bytes are.
    package init(xgboost bytes: [UInt8]) throws(ForestError) {
        self = try XGBoostModelReader.read(ModelField(value: try .parse(bytes), path: ""))
    }

    /// A linear model, `{"format":"asof-linear-1",…}` (see ``LinearTerms``).
    package init(linear bytes: [UInt8]) throws(ForestError) {
        self = try LinearTerms.read(ModelField(value: try .parse(bytes), path: ""))
    }

    /// A model of either kind.
    package init(bytes: [UInt8]) throws(ForestError) {
        let root = ModelField(value: try .parse(bytes), path: "")
        self = try root.optional("format") != nil ? LinearTerms.read(root) : XGBoostModelReader.read(root)
    }

    init(
        form: Form,
        width: Int,
        outputs: Int,
        featureNames: [String]?,
        featureTypes: [String]?,
        objective: Objective,
        treeCount: Int
    ) {
        self.form = form
        self.width = width
        self.outputs = outputs
        self.featureNames = featureNames
        self.featureTypes = featureTypes
        self.objective = objective
        self.treeCount = treeCount
    }

    /// Memory that the model takes.
    package var byteCount: Int {
        switch form {
        case .trees(let trees): trees.byteCount
        case .linear(let terms): terms.byteCount
        }
    }
}
