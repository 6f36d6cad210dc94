import CForest

/// XGBoost's models of versions 1.0 to 3.4, from their document.
enum XGBoostModelReader {
    static func read(_ root: ModelField) throws(ForestError) -> Forest {
        let learner = try root.field("learner")
        let parameters = try learner.field("learner_model_param")
        let width = try bounded(try parameters.field("num_feature"), what: "features", 1...ForestLimits.widthMax)
        let classes = try bounded(try parameters.field("num_class"), what: "classes", 0...ForestLimits.classesMax)
        if let targets = try parameters.optional("num_target"), try targets.integer() > 1 {
            throw .refused(what: "a model of \(try targets.integer()) targets", hint: "train a model for each target")
        }
        let objective = try Objective(xgboost: try learner.field("objective").field("name").text())
        guard (objective == .softmax) == (classes >= 2) else {
            throw .invalid(
                path: "learner.learner_model_param.num_class",
                got: "\(classes)",
                expected: objective == .softmax ? "2 or more" : "0 or 1, as \(objective) has"
            )
        }
        let outputs = max(classes, 1)
        var flat = FlatTrees(base: try base(try parameters.field("base_score"), outputs: outputs, objective: objective))
        let count = try readTrees(try learner.field("gradient_booster"), width: width, into: &flat)
        return Forest(
            form: .trees(flat),
            width: width,
            outputs: outputs,
            featureNames: try names(learner, "feature_names", width: width),
            featureTypes: try names(learner, "feature_types", width: width),
            objective: objective,
            treeCount: count
        )
    }

    private static func bounded(_ field: ModelField, what: String, _ range: ClosedRange<Int>) throws(ForestError) -> Int
    {
        let value = try field.integer()
        guard value <= range.upperBound else { throw .beyondLimit(what: what, got: value, max: range.upperBound) }
        guard value >= range.lowerBound else { throw field.invalid("at least \(range.lowerBound)") }
        return value
    }

    private static func names(_ learner: ModelField, _ name: String, width: Int) throws(ForestError) -> [String]? {
        guard let field = try learner.optional(name) else { return nil }
        let texts = try field.texts()
        if texts.isEmpty { return nil }
        guard texts.count == width else { throw field.invalid("\(width) texts, one a feature") }
        return texts
    }

    /// What each output begins with.
    ///
    /// `base_score` is a prediction: a number, or a text of one (to 3.0), or a text of an array of one or of one for each class
    /// (since 3.1).
    private static func base(
        _ field: ModelField,
        outputs: Int,
        objective: Objective
    ) throws(ForestError) -> [Float] {
        let expected = "a finite number, or an array of 1 or \(outputs)"
        var numbers: [ModelNumber]
        switch field.value {
        case .number(let number): numbers = [number]
        case .numbers(let several): numbers = several
        case .string(let text):
            if let number = JSONReader.number(Array(text.utf8)[...]) {
                numbers = [number]
            } else {
                var reader = JSONReader(bytes: Array(text.utf8))
                guard case .numbers(let several)? = try? reader.read() else { throw field.invalid(expected) }
                numbers = several
            }
        default: throw field.invalid(expected)
        }
        if numbers.count == 1 { numbers = Array(repeating: numbers[0], count: outputs) }
        guard numbers.count == outputs, numbers.allSatisfy({ $0.float.isFinite }) else { throw field.invalid(expected) }
        guard objective == .logistic else { return numbers.map(\.float) }
        guard numbers.allSatisfy({ $0.float > 0 && $0.float < 1 }) else { throw field.invalid("between 0 and 1") }
        return numbers.map { asof_forest_logit($0.float) }
    }

    /// Appends the booster's trees. `dart` keeps a weight for each: beside the trees, or, in models of before 3.3, around them.
    private static func readTrees(
        _ booster: ModelField,
        width: Int,
        into flat: inout FlatTrees
    ) throws(ForestError) -> Int {
        let name = try booster.field("name").text()
        guard name == "gbtree" || name == "dart" else {
            throw .refused(
                what: "XGBoost's booster \(ModelText.shown(name))",
                hint:
                    "train with booster=gbtree or dart; for a linear model there is asof train --algo logistic or ridge"
            )
        }
        let around = try booster.optional("gbtree")
        let model = try (around ?? booster).field("model")
        let trees = try model.field("trees").elements()
        let outputsField = try model.field("tree_info")
        let outputs = try outputsField.integers()
        let declared = try model.field("gbtree_model_param").field("num_trees").integer()
        guard trees.count <= ForestLimits.treesMax else {
            throw .beyondLimit(what: "trees", got: trees.count, max: ForestLimits.treesMax)
        }
        guard trees.count == declared, outputs.count == declared else {
            throw .invalid(
                path: model.path,
                got: "\(trees.count) trees with \(outputs.count) in tree_info",
                expected: "num_trees, \(declared), of both"
            )
        }
        guard outputs.allSatisfy({ (0..<flat.base.count).contains($0) }) else {
            throw .invalid(path: outputsField.path, got: "another", expected: "outputs below \(flat.base.count)")
        }
        var weights: [ModelNumber]?
        let besideTrees = try model.optional("weight_drop")
        let aroundThem = try booster.optional("weight_drop")
        if let field = besideTrees ?? aroundThem {
            let numbers = try field.numbers()
            if !numbers.isEmpty {
                guard numbers.count == trees.count else { throw field.invalid("\(trees.count) numbers, one a tree") }
                weights = numbers
            }
        }
        for (index, tree) in trees.enumerated() {
            try flat.append(
                try TreeArrays(tree, width: width),
                output: outputs[index],
                weight: weights?[index].float ?? 1
            )
        }
        return trees.count
    }
}
