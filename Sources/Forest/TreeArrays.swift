/// One tree as XGBoost writes it: an array for each property of its nodes, whose lengths are equal here; values are checked where
/// a node is reached, since pruned nodes stay in the arrays with anything in them.
struct TreeArrays {
    let path: String
    let count: Int
    private let width: Int
    private let left: [ModelNumber]
    private let right: [ModelNumber]
    private let features: [ModelNumber]
    private let conditions: [ModelNumber]
    private let defaultLeft: [ModelNumber]
    /// Of each node that asks for a category: which of `categories` go right.
    private var sets = [Int: Range<Int>]()
    private var categories = [Int]()
    private let splitTypes: [ModelNumber]?

    init(_ tree: ModelField, width: Int) throws(ForestError) {
        path = tree.path
        self.width = width
        let parameters = try tree.field("tree_param")
        let leafSize = try parameters.optional("size_leaf_vector")?.integer() ?? 1
        guard leafSize <= 1 else {
            throw .refused(
                what: "a tree with \(leafSize) values a leaf (XGBoost's multi_output_tree)",
                hint: "train with multi_strategy=one_output_per_tree"
            )
        }
        count = try parameters.field("num_nodes").integer()
        left = try tree.field("left_children").numbers()
        guard count >= 1, left.count == count else {
            throw .invalid(
                path: "\(path).left_children",
                got: "\(left.count) values",
                expected: "num_nodes, \(count), > 0"
            )
        }
        let count = count
        func numbers(_ field: ModelField) throws(ForestError) -> [ModelNumber] {
            let numbers = try field.numbers()
            guard numbers.count == count else { throw field.invalid("an array of \(count) numbers") }
            return numbers
        }
        right = try numbers(try tree.field("right_children"))
        features = try numbers(try tree.field("split_indices"))
        conditions = try numbers(try tree.field("split_conditions"))
        defaultLeft = try numbers(try tree.field("default_left"))
        if let types = try tree.optional("split_type") { splitTypes = try numbers(types) } else { splitTypes = nil }
        try readCategories(tree)
    }

    private mutating func readCategories(_ tree: ModelField) throws(ForestError) {
        guard let nodesField = try tree.optional("categories_nodes") else { return }
        let nodes = try nodesField.integers()
        let segments = try tree.field("categories_segments").integers()
        let sizes = try tree.field("categories_sizes").integers()
        categories = try tree.field("categories").integers()
        guard segments.count == nodes.count, sizes.count == nodes.count else {
            throw nodesField.invalid("as many nodes as segments and sizes")
        }
        for category in categories where !(0..<ForestLimits.categoriesMax).contains(category) {
            throw .invalid(
                path: "\(path).categories",
                got: "\(category)",
                expected: "categories from 0 to \(ForestLimits.categoriesMax - 1)"
            )
        }
        for (index, node) in nodes.enumerated() {
            let begin = segments[index]
            let size = sizes[index]
            guard (0..<count).contains(node), begin >= 0, begin <= categories.count, size >= 0,
                size <= categories.count - begin, sets.updateValue(begin..<(begin + size), forKey: node) == nil
            else {
                throw .invalid(
                    path: "\(path).categories_nodes[\(index)]",
                    got: "node \(node) with \(size) categories from \(begin)",
                    expected: "a node below \(count), once, and a part of \(categories.count) categories"
                )
            }
        }
    }

    /// The children of a node, different and in range; nil of a leaf.
    func children(of node: Int) throws(ForestError) -> (left: Int, right: Int)? {
        let leftChild = left[node].integer
        let rightChild = right[node].integer
        if leftChild == -1, rightChild == -1 { return nil }
        guard let leftChild, let rightChild, (0..<count).contains(leftChild), (0..<count).contains(rightChild),
            leftChild != rightChild
        else {
            throw .invalid(
                path: "\(path) node \(node)",
                got: "children \(left[node].double) and \(right[node].double)",
                expected: "two nodes below \(count), or -1 and -1"
            )
        }
        return (leftChild, rightChild)
    }

    func leaf(at node: Int) throws(ForestError) -> Float { conditions[node].float }

    func isDefaultLeft(_ node: Int) -> Bool { defaultLeft[node].double != 0 }

    func feature(at node: Int) throws(ForestError) -> Int {
        guard let feature = features[node].integer, (0..<width).contains(feature) else {
            throw .invalid(
                path: "\(path).split_indices[\(node)]",
                got: "\(features[node].double)",
                expected: "a feature below num_feature, \(width)"
            )
        }
        return feature
    }

    /// The value below which a row goes left; no number only where the node asks for a category.
    func condition(at node: Int) throws(ForestError) -> Float {
        let condition = conditions[node].float
        guard !condition.isNaN else {
            throw .invalid(path: "\(path).split_conditions[\(node)]", got: "NaN", expected: "a number")
        }
        return condition
    }

    /// Which categories go right; nil of a node that compares numbers.
    func categories(at node: Int) throws(ForestError) -> ArraySlice<Int>? {
        let isCategory: Bool
        switch splitTypes?[node].integer {
        case nil where splitTypes == nil, 0: isCategory = false
        case 1: isCategory = true
        default:
            throw .invalid(
                path: "\(path).split_type[\(node)]",
                got: "another",
                expected: "0, a number, or 1, a category"
            )
        }
        guard isCategory else { return nil }
        guard let set = sets[node] else { throw .missing(path: "\(path).categories of node \(node)") }
        return categories[set]
    }
}
