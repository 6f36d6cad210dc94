/// `view.feature` or `view.*` as users write it; `view:feature`, the spelling of Redis and Feast, means the same.
struct FeatureReference: Hashable, Sendable {
    var view: String
    /// `nil` for `*`, all features of the view.
    var feature: String?

    /// - Returns: `nil` where `text` is not two names, or a name and `*`, around one `.` or `:`.
    init?(text: String) {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == "." || $0 == ":" }
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        view = String(parts[0])
        feature = parts[1] == "*" ? nil : String(parts[1])
    }
}

extension ViewDefinition {
    /// Every key read from a column of its own name.
    package var identityMapping: [KeyMapping] { keys.map { KeyMapping(viewKey: $0.name, from: $0.name) } }
}
