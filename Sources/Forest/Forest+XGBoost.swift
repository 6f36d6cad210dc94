import CForest
import Glibc

extension Forest {
    /// - Parameter document: what XGBoost's `Booster.save_model` writes, of version 1.6 or later.
    init(xgboost document: ModelValue) throws(ForestError) {
        guard let learner = document["learner"] else {
            throw .foreign("JSON without 'learner': neither XGBoost's nor asof's")
        }
        guard let booster = learner["gradient_booster"], case .text(let name)? = booster["name"] else {
            throw .unsuitable("it has no learner.gradient_booster.name")
        }
        guard name == "gbtree" || name == "dart" else {
            throw .unsuitable("its booster is '\(name)'; known: gbtree and dart")
        }
        guard let model = (booster["gbtree"] ?? booster)["model"] else {
            throw .unsuitable("it has no trees (gradient_booster.model)")
        }
        guard let parameters = learner["learner_model_param"] else {
            throw .unsuitable("it has no learner.learner_model_param")
        }
        let width = try Self.integer("num_feature", of: parameters, 1...ForestLimits.widthMax)
        let classes = try Self.integer("num_class", of: parameters, 0...ForestLimits.outputsMax, absent: 0)
        guard try Self.integer("num_target", of: parameters, 0...ForestLimits.outputsMax, absent: 1) <= 1 else {
            throw .unsuitable("it has several targets; one is computed")
        }
        guard case .text(let objectiveName)? = learner["objective"]?["name"] else {
            throw .unsuitable("it has no learner.objective.name")
        }
        let objective = try Self.objective(objectiveName)
        let outputs = objective == .softmax ? classes : 1
        guard outputs >= 1, objective == .softmax || classes <= 1 else {
            throw .unsuitable("its objective is \(objectiveName), and it has \(classes) classes")
        }
        let weights = try droppedTreeWeights(booster, model)
        let builder = try TreeBuilder(model, width: width, outputs: outputs, weights: weights)
        var table = builder.table
        table.base = try Self.base(parameters, objective, objectiveName, outputs)
        let names = learner["feature_names"]?.texts.flatMap { $0.isEmpty ? nil : $0 }
        let types = learner["feature_types"]?.texts.flatMap { $0.isEmpty ? nil : $0 }
        guard names?.count ?? width == width, types?.count ?? width == width else {
            throw .unsuitable("it has \(width) features, and names or types of another number")
        }
        self.init(
            .trees(table),
            width: width,
            outputs: outputs,
            objective: objective,
            featureNames: names,
            featureTypes: types
        )
    }

    private static func objective(_ name: String) throws(ForestError) -> Objective {
        switch name {
        case "binary:logistic", "reg:logistic": .logistic
        case "multi:softprob", "multi:softmax": .softmax
        case "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror": .identity
        default:
            throw .unsuitable(
                """
                its objective is '\(name)'; known: binary:logistic, reg:logistic, multi:softprob, multi:softmax, \
                reg:squarederror, reg:absoluteerror, reg:pseudohubererror
                """
            )
        }
    }

    /// A parameter, which XGBoost writes as a text.
    private static func integer(
        _ name: String,
        of parameters: ModelValue,
        _ range: ClosedRange<Int>,
        absent: Int? = nil
    ) throws(ForestError) -> Int {
        let given: Int?
        switch parameters[name] {
        case .text(let text)?: given = Int(text)
        case .number(let number)?: given = Int(exactly: number)
        case nil: given = absent
        default: given = nil
        }
        guard let given else { throw .unsuitable("its \(name) is not there, or no integer") }
        guard range.contains(given) else {
            throw .unsuitable("its \(name) is \(given); \(range.lowerBound) to \(range.upperBound) are allowed")
        }
        return given
    }

    /// What each output begins with: `base_score` is a probability or a value, written as a number, as its text, or since 3.1 as
    /// the text of a list.
    private static func base(
        _ parameters: ModelValue,
        _ objective: Objective,
        _ name: String,
        _ outputs: Int
    ) throws(ForestError) -> [Float] {
        var scores: [Float]?
        switch parameters["base_score"] {
        case .number(let number)?: scores = [Float(number)]
        case .numbers(let numbers)?: scores = numbers.map { Float($0) }
        case .text(let text)?:
            let inner = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
            let parts = inner.split(separator: ",", omittingEmptySubsequences: false).map { part in
                Float(part.trimmingPrefix { $0 == " " })
            }
            scores = parts.contains(nil) ? nil : parts.compactMap(\.self)
        default: scores = nil
        }
        guard let scores, scores.allSatisfy(\.isFinite), scores.count == 1 || scores.count == outputs else {
            throw .unsuitable("its base_score is no number, nor one for each output")
        }
        let all = scores.count == outputs ? scores : [Float](repeating: scores[0], count: outputs)
        guard objective == .logistic else { return all }
        var margins: [Float] = []
        for score in all {
            guard score > 0, score < 1 else {
                throw .unsuitable("its base_score is \(score); the one of \(name) lies between 0 and 1")
            }
            margins.append(-logf(1 / score - 1))
        }
        return margins
    }
}

/// Turns XGBoost's trees into the kernels' table, and checks all that the kernels rely on.
private struct TreeBuilder {
    private(set) var table = TreeTable()
    private let width: Int

    init(_ model: ModelValue, width: Int, outputs: Int, weights: [Float]?) throws(ForestError) {
        self.width = width
        guard let trees = model["trees"]?.elements else { throw .unsuitable("its trees are no list") }
        guard trees.count <= ForestLimits.treesMax else {
            throw .tooLarge("it has \(trees.count) trees; \(ForestLimits.treesMax) are allowed")
        }
        guard case .numbers(let info)? = model["tree_info"], info.count == trees.count else {
            throw .unsuitable("tree_info is to have one number for each of the \(trees.count) trees")
        }
        guard weights?.count ?? trees.count == trees.count else {
            throw .unsuitable("weight_drop is to have one number for each of the \(trees.count) trees")
        }
        for (index, tree) in trees.enumerated() {
            guard let group = Int(exactly: info[index]), (0..<outputs).contains(group) else {
                throw .unsuitable("tree \(index) is of output \(info[index]), and there are \(outputs)")
            }
            table.roots.append(UInt32(table.nodes.count))
            table.groups.append(UInt16(group))
            try add(XGBoostTree(tree, index), weight: weights?[index] ?? 1)
        }
    }

    /// Appends the nodes of a tree, parents before children, the two children of a node beside each other.
    private mutating func add(_ tree: XGBoostTree, weight: Float) throws(ForestError) {
        guard table.nodes.count + tree.count <= ForestLimits.nodesMax else {
            throw .tooLarge("it has more than \(ForestLimits.nodesMax) nodes")
        }
        let base = table.nodes.count
        table.nodes.append(asof_forest_node())
        // Where each node of the file that waits to be written goes, with its level. Each comes once: a node that has been
        // seen is refused, so that there are no circles and no child of two parents.
        var waiting: [(node: Int, place: Int, level: Int)] = [(0, base, 0)]
        var seen = [Bool](repeating: false, count: tree.count)
        while let (node, place, level) = waiting.popLast() {
            guard !seen[node] else { throw tree.fault("node \(node) has two parents") }
            seen[node] = true
            guard level <= ForestLimits.treeDepthMax else {
                throw tree.fault("it is deeper than \(ForestLimits.treeDepthMax)")
            }
            let (left, right) = (tree.left[node], tree.right[node])
            guard left >= 0 || right >= 0 else {
                let value = tree.condition(node) * weight
                guard value.isFinite else { throw tree.fault("the leaf \(node) is not finite") }
                table.nodes[place].threshold = value
                table.nodes[place].left = UInt32(place)
                table.nodes[place].kind = UInt8(ASOF_FOREST_LEAF)
                continue
            }
            guard (0..<tree.count).contains(left), (0..<tree.count).contains(right) else {
                throw tree.fault("node \(node) has a child that is not there")
            }
            guard (0..<width).contains(tree.features[node]) else {
                throw tree.fault("node \(node) splits feature \(tree.features[node]); there are \(width)")
            }
            let children = table.nodes.count
            table.nodes.append(asof_forest_node())
            table.nodes.append(asof_forest_node())
            table.nodes[place].left = UInt32(children)
            table.nodes[place].feature = UInt16(tree.features[node])
            table.nodes[place].default_left = tree.defaultLeft[node] ? 1 : 0
            if let categories = try tree.categories(of: node) {
                table.nodes[place].kind = UInt8(ASOF_FOREST_CATEGORIES)
                table.nodes[place].set = UInt32(table.sets.count)
                try addSet(categories, tree)
            } else {
                let threshold = tree.condition(node)
                guard !threshold.isNaN else { throw tree.fault("the threshold of node \(node) is NaN") }
                table.nodes[place].threshold = threshold
                table.nodes[place].kind = UInt8(ASOF_FOREST_SPLIT)
            }
            waiting.append((left, children, level + 1))
            waiting.append((right, children + 1, level + 1))
        }
    }

    private mutating func addSet(_ categories: ArraySlice<Double>, _ tree: XGBoostTree) throws(ForestError) {
        let first = table.words.count
        for category in categories {
            guard let category = Int(exactly: category), (0..<(1 << 24)).contains(category) else {
                throw tree.fault("a category is \(category)")
            }
            let word = first + category / 32
            guard word < ForestLimits.setWordsMax else { throw .tooLarge("the sets of its categories") }
            while table.words.count <= word { table.words.append(0) }
            table.words[word] |= 1 << UInt32(category % 32)
        }
        table.sets.append(asof_forest_set(first: UInt32(first), words: UInt32(table.words.count - first)))
    }
}

extension ModelValue {
    /// The elements of a list of objects.
    fileprivate var elements: [ModelValue]? {
        switch self {
        case .list(let values): values
        case .numbers(let numbers): numbers.isEmpty ? [] : nil
        default: nil
        }
    }
}
