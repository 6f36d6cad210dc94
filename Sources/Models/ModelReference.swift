/// `model`, `model@7` or `model@challenger`, as commands and clients name a version.
package struct ModelReference: Sendable, Hashable {
    package enum Version: Sendable, Hashable {
        case number(Int)
        /// Of the model's names; where none is given, ``ModelRegistry/champion``.
        case alias(String)
    }

    package let model: String
    package let version: Version
    /// Whether a number or a name was given.
    package let isPinned: Bool

    package init(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        model = parts[0]
        isPinned = parts.count > 1
        let word = isPinned ? parts[1] : ModelRegistry.champion
        version = Int(word).map { .number($0) } ?? .alias(word)
    }
}
