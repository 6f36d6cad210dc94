package import Features
package import PointInTime

extension FeaturePlan {
    /// What a message says of a value that a column does not have any more, since its feature got a wider type.
    package func refusal(of error: TooNarrow, _ column: FeatureColumn) -> String {
        let place = columns.firstIndex { $0.feature == column }
        return error.text(of: column.outputName, isPII: place.map { isPII[$0] } ?? true)
    }
}

extension TooNarrow {
    /// - Parameter isPII: whether the value is kept out of messages.
    package func text(of column: String, isPII: Bool) -> String {
        let shown = isPII ? "its value" : "its value \(value.text)"
        return """
            column '\(column)': \(shown) is no \(type.text), which the column is in this version; the feature has a wider type \
            by now: ask for a newer version of the service
            """
    }
}
