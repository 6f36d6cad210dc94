/// What a command asks of its caller.
package enum CommandClass: String, Sendable, Hashable, CaseIterable {
    /// Anybody may run it, also before authenticating.
    case open
    /// Whoever has authenticated.
    case connected
    /// Reads features, predictions, definitions.
    case read
    /// Stores rows.
    case write
    /// Changes which model answers.
    case train
    /// About the server and its other clients.
    case admin
}

/// What a user may do with the names that it is given for.
package enum Role: String, Sendable, Hashable, CaseIterable {
    case reader, writer, trainer, admin

    package func allows(_ commandClass: CommandClass) -> Bool {
        switch commandClass {
        case .open, .connected, .read: true
        case .write: self == .writer || self == .admin
        case .train: self == .trainer || self == .admin
        case .admin: self == .admin
        }
    }

    /// The least role that allows a class, which refusals name.
    package static func least(for commandClass: CommandClass) -> Role {
        allCases.first { $0.allows(commandClass) } ?? .admin
    }
}

/// What names name.
package enum NameKind: String, Sendable, Hashable, CaseIterable {
    case view, service, model
}
