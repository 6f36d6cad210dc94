/// What the features of a view were called before, and which types they had: names by which versions of services and
/// manifests still ask.
package struct FormerFeatures: Hashable, Sendable {
    /// A feature as it was until a version of the definitions.
    package struct State: Hashable, Sendable, Codable {
        /// The version that changed it.
        package var until: Int64
        /// When that was applied, µs since 1970-01-01 UTC.
        package var at: Int64
        package var name: String
        package var type: FeatureType

        package init(until: Int64, at: Int64, name: String, type: FeatureType) {
            self.until = until
            self.at = at
            self.name = name
            self.type = type
        }
    }

    /// Ascending, by the name that the feature has now; features that never changed have none.
    private var states: [String: [State]] = [:]
    /// The name that a feature has now, by each other name that it had.
    private var names: [String: String] = [:]

    package init() {}

    package mutating func add(_ former: [State], of feature: String) {
        guard !former.isEmpty else { return }
        states[feature] = former
        for state in former where state.name != feature { names[state.name] = feature }
    }

    package var isEmpty: Bool { states.isEmpty }

    package func states(of feature: String) -> [State] { states[feature] ?? [] }

    /// - Returns: what is called otherwise now; `nil` where no feature had the name, or has it still.
    package func current(_ name: String) -> String? { names[name] }

    /// The name that a feature has now, whether it had it always or not.
    package func resolved(_ name: String) -> String { names[name] ?? name }

    /// A feature as it was at a time, in µs; `nil` where it was as it is.
    package func state(of feature: String, at time: Int64) -> State? { states[feature]?.first { $0.at > time } }

    /// Every name that features had and have no more, in bytewise order.
    package var formerNames: [(was: String, name: String)] {
        names.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) }
    }

    /// The other names that a feature had, the newest first.
    package func otherNames(of feature: String) -> [String] {
        var names: [String] = []
        for state in (states[feature] ?? []).reversed() where state.name != feature && !names.contains(state.name) {
            names.append(state.name)
        }
        return names
    }
}

/// `was: old`: a feature that goes on under another name.
package struct FeatureRename: Hashable, Sendable, Codable {
    package var view: String
    package var name: String
    package var was: String

    package init(view: String, name: String, was: String) {
        self.view = view
        self.name = name
        self.was = was
    }
}
