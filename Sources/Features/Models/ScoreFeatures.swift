/// What a view keeps of each entity that a model was asked about.
package enum ScoreFeatures {
    /// The model's answer: of classes the probability of the positive one.
    package static let score = FeatureDefinition(name: "score", type: .float32)
    /// The number of the version that answered.
    package static let version = FeatureDefinition(name: "model_version", type: .int64)
    /// The position of the state that it read.
    package static let position = FeatureDefinition(name: "model_position", type: .int64)

    package static let all = [score, version, position]
}
