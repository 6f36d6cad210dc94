/// The versions that a store has of its services.
///
/// A version is what a service answers: its columns, what they are computed of, and the rules of its views. Annotations are
/// no part of it.
package struct ServiceVersions: Sendable {
    package struct Version: Hashable, Sendable {
        /// From 1, without gaps.
        package let number: Int
        package let definition: ServiceDefinition
        package let rules: ServiceRules

        package init(number: Int, _ definition: ServiceDefinition, rules: ServiceRules) {
            self.number = number
            self.definition = definition
            self.rules = rules
        }
    }

    /// By the service's name.
    private var versions: [String: [Version]] = [:]

    package init() {}

    package mutating func add(_ version: Version) { versions[version.definition.name, default: []].append(version) }

    /// The number that a service gets.
    ///
    /// A version that comes back as it was keeps its number: whoever pinned it reads what the service answers now.
    /// - Returns: the greatest number of a version that answers so, else the next one.
    package func number(of service: ServiceDefinition, rules: ServiceRules) -> (number: Int, isNew: Bool) {
        let known = versions[service.name] ?? []
        let same = known.filter { $0.definition.answersLike(service) && $0.rules == rules }.map(\.number).max()
        if let same { return (same, false) }
        return ((known.map(\.number).max() ?? 0) + 1, true)
    }

    /// By name, each service's in ascending order.
    package var all: [Version] {
        versions.sorted { $0.key < $1.key }.flatMap { $0.value.sorted { $0.number < $1.number } }
    }

    /// Whether the store ever had a service of the name.
    func isKnown(_ service: String) -> Bool { versions[service] != nil }
}

extension ServiceDefinition {
    /// Whether both give the same columns of the same values, by the same rules.
    package func answersLike(_ other: ServiceDefinition) -> Bool { columns == other.columns && inputs == other.inputs }
}
