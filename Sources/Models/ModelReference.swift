/// A version of a model, or one of its publishes: what a name may stand for.
package struct ModelTarget: Sendable, Hashable {
    package let version: Int
    /// `nil` = the version's newest, or of one that has none its file.
    package let publish: Int?

    package init(_ version: Int, publish: Int? = nil) {
        self.version = version
        self.publish = publish
    }

    /// `3` or `3.1842`; `nil` where the text is neither.
    package init?(text: some StringProtocol) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let version = Int(parts[0]) else { return nil }
        guard parts.count > 1 else {
            self.init(version)
            return
        }
        guard let publish = Int(parts[1]), publish > 0 else { return nil }
        self.init(version, publish: publish)
    }

    package var text: String { publish.map { "\(version).\($0)" } ?? "\(version)" }
}

extension ModelTarget: ExpressibleByIntegerLiteral {
    package init(integerLiteral version: Int) { self.init(version) }
}

/// `model`, `model@7`, `model@3.1842` or `model@challenger`, as commands and clients name a version.
package struct ModelReference: Sendable, Hashable {
    package enum Version: Sendable, Hashable {
        case target(ModelTarget)
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
        version = ModelTarget(text: word).map { .target($0) } ?? .alias(word)
    }
}
