/// The versions that a store has of its services.
///
/// A version is what a service answers: its columns, and the rules of its views. Annotations are no part of it.
package struct ServiceVersions: Sendable {
    package struct Version: Hashable, Sendable {
        /// From 1, without gaps.
        package let number: Int
        package let columns: [ServiceColumn]
        package let rules: ServiceRules

        package init(number: Int, columns: [ServiceColumn], rules: ServiceRules) {
            self.number = number
            self.columns = columns
            self.rules = rules
        }
    }

    /// By the service's name.
    private var versions: [String: [Version]] = [:]

    package init() {}

    package mutating func add(_ version: Version, of service: String) {
        versions[service, default: []].append(version)
    }

    /// The number that a service gets.
    ///
    /// A version that comes back as it was keeps its number: whoever pinned it reads what the service answers now.
    /// - Returns: the greatest number of a version with these columns and rules, else the next one.
    package func number(
        of service: String,
        columns: [ServiceColumn],
        rules: ServiceRules
    ) -> (number: Int, isNew: Bool) {
        let known = versions[service] ?? []
        let same = known.filter { $0.columns == columns && $0.rules == rules }.map(\.number).max()
        if let same { return (same, false) }
        return ((known.map(\.number).max() ?? 0) + 1, true)
    }

    /// Whether the store ever had a service of the name.
    func isKnown(_ service: String) -> Bool { versions[service] != nil }
}
