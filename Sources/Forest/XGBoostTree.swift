/// One tree as the file has it: lists with a value for each node.
struct XGBoostTree {
    let index: Int
    let count: Int
    let left: [Int]
    let right: [Int]
    let features: [Int]
    let defaultLeft: [Bool]
    private let conditions: [Double]
    /// Of each node that splits by categories, where they are.
    private let categorical: [Int: Range<Int>]
    private let allCategories: [Double]

    init(_ tree: ModelValue, _ index: Int) throws(ForestError) {
        self.index = index
        func fault(_ reason: String) -> ForestError { .unsuitable("tree \(index): \(reason)") }
        func numbers(_ name: String) throws(ForestError) -> [Double] {
            guard case .numbers(let numbers)? = tree[name] else { throw fault("'\(name)' is no list of numbers") }
            return numbers
        }
        func integers(_ name: String) throws(ForestError) -> [Int] {
            var integers: [Int] = []
            let numbers = try numbers(name)
            integers.reserveCapacity(numbers.count)
            for number in numbers {
                guard let integer = Int(exactly: number) else { throw fault("'\(name)' has \(number)") }
                integers.append(integer)
            }
            return integers
        }
        if case .text(let size)? = tree["tree_param"]?["size_leaf_vector"], !["0", "1"].contains(size) {
            throw fault("its leaves are vectors of \(size)")
        }
        left = try integers("left_children")
        right = try integers("right_children")
        features = try integers("split_indices")
        conditions = try numbers("split_conditions")
        defaultLeft = try numbers("default_left").map { $0 != 0 }
        count = left.count
        let lengths = [right.count, features.count, conditions.count, defaultLeft.count]
        guard count >= 1, lengths == [Int](repeating: count, count: lengths.count) else {
            throw fault("its lists have different lengths, or it has no node")
        }
        let types = tree["split_type"] == nil ? [] : try integers("split_type")
        guard types.isEmpty || types.count == count else { throw fault("'split_type' has another length") }
        var categorical: [Int: Range<Int>] = [:]
        var categories: [Double] = []
        if types.contains(1) {
            categories = try numbers("categories")
            let (nodes, starts) = (try integers("categories_nodes"), try integers("categories_segments"))
            let sizes = try integers("categories_sizes")
            guard nodes.count == starts.count, nodes.count == sizes.count else {
                throw fault("the lists of its categories have different lengths")
            }
            for (node, (start, size)) in zip(nodes, zip(starts, sizes)) {
                guard (0..<count).contains(node), categorical[node] == nil, start >= 0, size >= 0,
                    start <= categories.count, size <= categories.count - start
                else { throw fault("the categories of node \(node) lie outside their list") }
                categorical[node] = start..<start + size
            }
            for node in 0..<count where types[node] == 1 && left[node] >= 0 {
                guard categorical[node] != nil else { throw fault("node \(node) splits by categories and has none") }
            }
            for (node, type) in types.enumerated() where type != 1 { categorical[node] = nil }
        }
        self.categorical = categorical
        allCategories = categories
    }

    func fault(_ reason: String) -> ForestError { .unsuitable("tree \(index): \(reason)") }

    func condition(_ node: Int) -> Float { Float(conditions[node]) }

    /// `nil` where the node splits by a threshold.
    func categories(of node: Int) throws(ForestError) -> ArraySlice<Double>? {
        categorical[node].map { allCategories[$0] }
    }
}
