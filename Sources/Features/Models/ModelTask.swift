/// What a model predicts.
package enum ModelTask: String, Hashable, Sendable, Codable, CaseIterable {
    /// The probability that the label is true.
    case binary
    /// The probability of each of several classes.
    case multiclass
    /// A number.
    case regression
}
