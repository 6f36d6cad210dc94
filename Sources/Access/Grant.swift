/// A role for the names that match a pattern.
package struct Grant: Hashable, Sendable {
    package let role: Role
    /// Of what the names are; `nil` = of views, services and models alike.
    package let kind: NameKind?
    /// As Redis has patterns: `*`, `?`, `[a-c]`.
    package let pattern: String

    package init(_ role: Role, kind: NameKind? = nil, pattern: String = "*") {
        self.role = role
        self.kind = kind
        self.pattern = pattern
    }

    /// - Parameter names: `clicks_*`, or `view:clicks_*`, `service:…`, `model:…`.
    /// - Throws: ``GrantError``, which says what is expected.
    package init(_ role: Role, names: String) throws(GrantError) {
        let parts = names.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let kind = parts.count == 2 ? NameKind(rawValue: String(parts[0])) : nil
        let pattern = String(parts.last ?? "")
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_*?[]^-")
        guard parts.count == 1 || kind != nil, !pattern.isEmpty,
            pattern.utf8.count <= AccessLimits.patternBytesMax, pattern.allSatisfy(allowed.contains)
        else {
            throw GrantError(
                reason:
                    "'\(names.prefix(128))' is no pattern of names; expected clicks_*, view:clicks_*, service:… or model:…"
            )
        }
        guard role != .admin || (kind == nil && pattern == "*") else {
            throw GrantError(reason: "an admin may do everything: grant admin without a pattern")
        }
        self.init(role, kind: kind, pattern: pattern)
    }

    /// What ``init(_:names:)`` takes.
    package var names: String { kind.map { "\($0.rawValue):\(pattern)" } ?? pattern }
    package var text: String { role == .admin ? role.rawValue : "\(role.rawValue) \(names)" }
}

package struct GrantError: Error, Hashable, Sendable {
    package let reason: String
}

/// What a user may do: what any of its grants allows.
package struct Rights: Sendable, Hashable {
    package let grants: [Grant]
    private let patterns: [Glob?]

    package init(_ grants: [Grant]) {
        self.grants = grants
        patterns = grants.map { $0.pattern == "*" ? nil : Glob($0.pattern) }
    }

    package static func == (left: Self, right: Self) -> Bool { left.grants == right.grants }
    package func hash(into hasher: inout Hasher) { hasher.combine(grants) }

    /// Whether a class is allowed for at least some names.
    package func allows(_ commandClass: CommandClass) -> Bool {
        switch commandClass {
        case .open, .connected: true
        default: grants.contains { $0.role.allows(commandClass) }
        }
    }

    /// - Parameter name: without a version or alias.
    /// - Complexity: O(grants × name).
    package func allows(_ commandClass: CommandClass, _ kind: NameKind, _ name: Span<UInt8>) -> Bool {
        for index in grants.indices where grants[index].role.allows(commandClass) {
            guard (grants[index].kind ?? kind) == kind else { continue }
            guard let pattern = patterns[index] else { return true }
            if pattern.matches(name) { return true }
        }
        return false
    }

    package func allows(_ commandClass: CommandClass, _ kind: NameKind, _ name: String) -> Bool {
        allows(commandClass, kind, Array(name.utf8).span)
    }

    /// Whether nothing that `other` allows is missing here, as far as grants show it.
    func covers(_ other: Rights) -> Bool { Set(grants).isSuperset(of: other.grants) }
}
