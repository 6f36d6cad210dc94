import CForest

/// Trees as the kernels walk them: one array of nodes, in which a node's children are neighbours.
struct FlatTrees: Sendable {
    private(set) var nodes = [asof_forest_node]()
    private(set) var roots = [UInt32]()
    private(set) var depths = [UInt16]()
    private(set) var outputs = [UInt16]()
    private(set) var sets = [asof_forest_set]()
    private(set) var words = [UInt32]()
    /// What the sum of each output begins with.
    let base: [Float]

    init(base: [Float]) { self.base = base }

    var byteCount: Int {
        nodes.count * MemoryLayout<asof_forest_node>.stride + roots.count * 8
            + sets.count * MemoryLayout<asof_forest_set>.stride + words.count * 4 + base.count * 4
    }

    /// Appends a tree: the nodes that are reached from its root, leaves multiplied by `weight` in float32.
    ///
    /// - Throws: where a node is reached twice (a cycle, or two parents), or the tree goes beyond a bound.
    mutating func append(_ tree: TreeArrays, output: Int, weight: Float) throws(ForestError) {
        let root = nodes.count
        var isSeen = [Bool](repeating: false, count: tree.count)
        var queue = [(old: 0, new: root, depth: 0)]
        var next = 0
        var depthMax = 0
        nodes.append(asof_forest_node())
        isSeen[0] = true
        while next < queue.count {
            let (old, new, depth) = queue[next]
            next += 1
            depthMax = max(depthMax, depth)
            guard depth <= ForestLimits.treeDepthMax else {
                throw .beyondLimit(what: "steps from a tree's root", got: depth, max: ForestLimits.treeDepthMax)
            }
            guard let children = try tree.children(of: old) else {
                let leaf = try tree.leaf(at: old) * weight
                guard leaf.isFinite else {
                    throw .invalid(path: "\(tree.path) leaf \(old)", got: "\(leaf)", expected: "a finite leaf")
                }
                nodes[new] = asof_forest_node(
                    value: leaf,
                    left: UInt32(new),
                    feature: 0,
                    flags: UInt8(ASOF_FOREST_LEAF | ASOF_FOREST_DEFAULT_LEFT),
                    unused: 0
                )
                continue
            }
            for child in [children.left, children.right] {
                guard !isSeen[child] else {
                    throw .invalid(path: tree.path, got: "node \(child) twice", expected: "each node below one other")
                }
                isSeen[child] = true
            }
            let left = nodes.count
            nodes.append(asof_forest_node())
            nodes.append(asof_forest_node())
            nodes[new] = try split(tree, at: old, left: left)
            queue.append((children.left, left, depth + 1))
            queue.append((children.right, left + 1, depth + 1))
            guard nodes.count <= ForestLimits.nodesMax else {
                throw .beyondLimit(what: "nodes", got: nodes.count, max: ForestLimits.nodesMax)
            }
        }
        roots.append(UInt32(root))
        depths.append(UInt16(depthMax))
        outputs.append(UInt16(output))
    }

    private mutating func split(_ tree: TreeArrays, at node: Int, left: Int) throws(ForestError) -> asof_forest_node {
        var flags = tree.isDefaultLeft(node) ? UInt8(ASOF_FOREST_DEFAULT_LEFT) : 0
        var value = try tree.condition(at: node)
        if let categories = try tree.categories(at: node) {
            flags |= UInt8(ASOF_FOREST_CATEGORY)
            value = Float(bitPattern: UInt32(sets.count))
            let count = ((categories.max() ?? -1) + 32) / 32
            guard words.count + count <= ForestLimits.categoryWordsMax else {
                throw .beyondLimit(
                    what: "words of categories",
                    got: words.count + count,
                    max: ForestLimits.categoryWordsMax
                )
            }
            sets.append(asof_forest_set(first: UInt32(words.count), count: UInt32(count)))
            var bits = [UInt32](repeating: 0, count: count)
            for category in categories { bits[category / 32] |= 1 << UInt32(category % 32) }
            words += bits
        }
        return asof_forest_node(
            value: value,
            left: UInt32(left),
            feature: UInt16(try tree.feature(at: node)),
            flags: flags,
            unused: 0
        )
    }

    func withForest(width: Int, _ body: (UnsafePointer<asof_forest>) -> Void) {
        nodes.withUnsafeBufferPointer { nodes in
            roots.withUnsafeBufferPointer { roots in
                depths.withUnsafeBufferPointer { depths in
                    outputs.withUnsafeBufferPointer { outputs in
                        sets.withUnsafeBufferPointer { sets in
                            words.withUnsafeBufferPointer { words in
                                base.withUnsafeBufferPointer { base in
                                    var forest = asof_forest(
                                        nodes: nodes.baseAddress,
                                        roots: roots.baseAddress,
                                        depths: depths.baseAddress,
                                        outputs: outputs.baseAddress,
                                        sets: sets.baseAddress,
                                        words: words.baseAddress,
                                        base: base.baseAddress,
                                        trees: roots.count,
                                        width: width,
                                        outputs_count: base.count,
                                        has_categories: sets.isEmpty ? 0 : 1
                                    )
                                    body(&forest)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
