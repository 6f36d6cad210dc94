/// Every bound on what a model file may hold, with its reason: such files come from elsewhere.
package enum ForestLimits {
    // MARK: Model files

    /// Bytes of a model file.
    package static let fileBytesMax = 256 << 20
    /// Trees of a model.
    package static let treesMax = 100_000
    /// Nodes of all trees of a model together: 12 bytes each in memory.
    package static let nodesMax = 8 << 20
    /// Steps from the root of a tree to a leaf.
    package static let treeDepthMax = 1024
    /// Features of a model.
    package static let widthMax = 65_535
    /// Classes of a model.
    package static let classesMax = 4096
    /// Numbers that a category may have, from 0: each set of categories is kept as bits.
    package static let categoriesMax = 65_536
    /// Weights of a linear model, of all its classes together.
    package static let weightsMax = 4 << 20

    // MARK: Inside

    /// Objects and arrays within each other: XGBoost's have 8.
    package static let nestingMax = 32
    /// Values that are kept of a file while it is read: 16 bytes and more each.
    package static let valuesMax = 64 << 20
    /// Words of 32 categories, of all sets together.
    package static let categoryWordsMax = 16 << 20
    /// A name of a field, or a text.
    package static let textBytesMax = 1 << 20
}
