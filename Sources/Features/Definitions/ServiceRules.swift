import Hashing

/// The rules by which a version of a service reads its views, role by role, and what it computes of them.
///
/// As JSON an array of the roles, `{"prefix", "ttl_us", "delay_us", "strict"}`, `ttl_us` null where values never expire;
/// expressions stand in the service's columns.
package struct ServiceRules: Hashable, Sendable {
    /// A view in one of its roles.
    package struct Role: Hashable, Sendable {
        /// ``FeatureColumn/prefix``.
        package var prefix: String
        package var rules: ViewRules

        package init(prefix: String, _ rules: ViewRules) {
            self.prefix = prefix
            self.rules = rules
        }
    }

    /// In the order in which the service's columns first use them, then those that only expressions use; each prefix once.
    package var roles: [Role]
    /// In the order of the service's columns.
    package var derived: [DerivedColumn]
    /// Of what is looked up, in its order, what is computed of events.
    package var windows: [FeatureColumn]

    package init(_ roles: [Role], derived: [DerivedColumn] = [], windows: [FeatureColumn] = []) {
        self.roles = roles
        self.derived = derived
        self.windows = windows.filter { $0.window != nil }
    }

    /// The rules that views have now, for each role of a service.
    /// - Parameter view: by name; what it does not find gets the rules of a view that says nothing.
    package init(of service: ServiceDefinition, view: (String) -> ViewDefinition?) {
        var roles: [Role] = []
        for column in service.lookups where !roles.contains(where: { $0.prefix == column.prefix }) {
            roles.append(Role(prefix: column.prefix, view(column.view)?.rules ?? ViewRules()))
        }
        self.init(roles, derived: service.derived, windows: service.lookups)
    }

    /// Of a view under its own name, by its definition.
    package init(_ view: ViewDefinition) {
        let windows = view.windows == nil ? [] : view.features.map { view.column($0, keys: []) }
        self.init([Role(prefix: view.name, view.rules)], windows: windows)
    }

    /// - Complexity: O(roles).
    package subscript(prefix: String) -> ViewRules? { roles.first { $0.prefix == prefix }?.rules }

    /// A short name of the rules, equal on every machine and in every release: what stands beside the schema fingerprint,
    /// which is names and types only.
    ///
    /// `asof-rules-1:` and the first 16 hexadecimal digits (lower case) of the SHA-256 of these UTF-8 bytes: the line
    /// `asof-rules-1`, then for each role, in the order of the service's columns, a line of four words with one blank
    /// between them: its prefix; its TTL in µs, or `-` where it has none; its delay in µs; `1` where it is strict, else
    /// `0`. Every line ends with U+000A. Any shell can check one:
    ///
    ///     printf 'asof-rules-1\nuser_stats 2592000000000 0 0\n' | sha256sum | cut -c 1-16
    ///
    /// Behind the roles stands for each derived column, in the service's order, a line `= NAME EXPRESSION` with its
    /// normalized expression, which is one line. A service without any has the bytes of before there were derived columns:
    /// no role's line begins with `=`. Last stands for each window that is looked up a line `~ COLUMN VIEW WINDOW`: its
    /// name in replies, the event view, and the window's normalized text.
    package var fingerprint: String {
        var canonical = "asof-rules-1\n"
        for role in roles {
            let ttl = role.rules.ttl.map { "\($0.microseconds)" } ?? "-"
            canonical += "\(role.prefix) \(ttl) \(role.rules.delay.microseconds) \(role.rules.isStrict ? 1 : 0)\n"
        }
        for column in derived { canonical += "= \(column.name) \(column.expression)\n" }
        for column in windows {
            guard let window = column.window else { continue }
            canonical += "~ \(column.outputName) \(window.of) \(window.text)\n"
        }
        return "asof-rules-1:" + Fingerprint.digits(of: canonical)
    }
}

/// What fingerprints are made of.
package enum Fingerprint {
    /// - Parameter bytes: how many of the hash's 32, from the first.
    /// - Returns: two hexadecimal digits a byte, lower case, of the SHA-256 of the text's UTF-8 bytes.
    package static func digits(of text: String, bytes: Int = 8) -> String {
        let digits = Array("0123456789abcdef")
        let hash = SHA256.digest(text.utf8).prefix(bytes)
        return String(hash.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

extension ServiceRules: Codable {
    /// Without ``derived``, which whoever has the service's columns adds.
    package init(from decoder: any Decoder) throws { self.init(try [Role](from: decoder)) }

    package func encode(to encoder: any Encoder) throws { try roles.encode(to: encoder) }
}

extension ServiceRules.Role: Codable {
    private enum CodingKeys: String, CodingKey {
        case prefix
        case ttl = "ttl_us"
        case delay = "delay_us"
        case isStrict = "strict"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        prefix = try container.decode(String.self, forKey: .prefix)
        rules = ViewRules(
            ttl: try container.decodeIfPresent(Int64.self, forKey: .ttl).map { Interval(microseconds: $0) },
            delay: Interval(microseconds: try container.decode(Int64.self, forKey: .delay)),
            isStrict: try container.decode(Bool.self, forKey: .isStrict)
        )
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(prefix, forKey: .prefix)
        try container.encode(rules.ttl?.microseconds, forKey: .ttl)
        try container.encode(rules.delay.microseconds, forKey: .delay)
        try container.encode(rules.isStrict, forKey: .isStrict)
    }
}

extension Definitions {
    /// The rules that a service has by these definitions.
    package func rules(of service: ServiceDefinition) -> ServiceRules {
        ServiceRules(of: service) { view(named: $0) }
    }
}
