/// Every bound of model files, with its reason.
package enum ForestLimits {
    // MARK: Model files

    /// One model file: 3,000 trees of depth 10 have some 100 MB as JSON.
    package static let fileBytesMax = 256 << 20
    /// Trees of a model.
    package static let treesMax = 100_000
    /// Nodes of all trees of a model together: 12 bytes each.
    package static let nodesMax = 50_000_000
    /// Levels of one tree: each takes a step of every prediction.
    static let treeDepthMax = 512
    /// Values of a row that a model reads: a node has 16 bits for one.
    package static let widthMax = 65_535
    /// Classes of one model.
    package static let outputsMax = 1_000
    /// Weights of a sparse linear model: 32 MiB.
    package static let slotsMax = 1 << 22

    // MARK: Inside

    /// How deep values in a model file may be nested. XGBoost's have 8 levels.
    static let depthMax = 32
    /// Values in a file that are not elements of a list of numbers.
    static let valuesMax = 4_000_000
    /// Words of 32 categories, in all nodes' sets together.
    static let setWordsMax = 50_000_000
}
