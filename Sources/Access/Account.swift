/// A user as the store keeps it.
package struct Account: Sendable, Hashable {
    /// Never used again, so that a user that was removed and added anew is another one.
    package let id: Int64
    package let name: String
    package let verifier: ScramVerifier
    /// The password before, while it is valid beside the new one: until a time, µs since 1970-01-01 UTC.
    package let previous: Previous?
    package let grants: [Grant]

    package struct Previous: Sendable, Hashable {
        package let verifier: ScramVerifier
        package let untilUs: Int64

        package init(verifier: ScramVerifier, untilUs: Int64) {
            self.verifier = verifier
            self.untilUs = untilUs
        }
    }

    package init(id: Int64, name: String, verifier: ScramVerifier, previous: Previous? = nil, grants: [Grant]) {
        self.id = id
        self.name = name
        self.verifier = verifier
        self.previous = previous
        self.grants = grants
    }

    /// - Returns: why a text is no name of a user; `nil` = it is one. Names of certificates are such names, too.
    package static func refusal(of name: String) -> String? {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count <= AccessLimits.userNameBytesMax else {
            return "has \(bytes.count) bytes; 1 to \(AccessLimits.userNameBytesMax) are allowed"
        }
        let isLetter = { (byte: UInt8) in (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") }
        guard isLetter(bytes[0]) else { return "does not begin with a letter" }
        let others = Array("0123456789_.-@".utf8)
        return bytes.allSatisfy { isLetter($0) || others.contains($0) }
            ? nil : "has other characters than letters, digits, _ . - and @"
    }

    /// Whether whoever was let in as `other` may stay: it is the same user, may do as much, and its password was not
    /// taken back.
    func continues(_ other: Account) -> Bool {
        id == other.id && Rights(grants).covers(Rights(other.grants))
            && (verifier == other.verifier || previous?.verifier == other.verifier)
    }
}

/// Who asks.
package struct Caller: Sendable, Hashable {
    package let name: String
    /// `nil` = everything.
    package let rights: Rights?
    /// Which account, and how often its rights were narrowed until then; `nil` = of no account.
    let ticket: Ticket?

    struct Ticket: Sendable, Hashable {
        let account: Int64
        let epoch: Int
    }

    /// The only user of a server that knows no users.
    package static let unrestricted = Caller(name: "default", rights: nil, ticket: nil)

    /// Whether it may be told of what has this name.
    package func mayRead(_ kind: NameKind, _ name: String) -> Bool { rights?.allows(.read, kind, name) ?? true }

    /// - Parameters:
    ///   - command: as the message names it, `fs.write`.
    /// - Returns: the error that a caller without the right is told; `nil` = it has it.
    package func refusal(_ commandClass: CommandClass, of command: String) -> String? {
        guard let rights, !rights.allows(commandClass) else { return nil }
        return "NOPERM this user may not run '\(command)'; it takes the role \(Role.least(for: commandClass).rawValue)"
    }

    /// The same of a command on something that has a name.
    /// - Parameter name: as the client gave it; what stands behind `@` is a version or an alias.
    package func refusal(
        _ commandClass: CommandClass,
        _ kind: NameKind,
        _ name: Span<UInt8>,
        of command: String
    ) -> String? {
        guard let rights else { return nil }
        var end = 0
        while end < name.count, name[end] != UInt8(ascii: "@") { end += 1 }
        let bare = name.extracting(0..<end)
        if rights.allows(commandClass, kind, bare) { return nil }
        let text = bare.extracting(0..<min(bare.count, 128)).withUnsafeBufferPointer {
            String(decoding: $0, as: UTF8.self)
        }
        return "NOPERM this user may not run '\(command)' on \(kind.rawValue) '\(text)'; it takes the role "
            + "\(Role.least(for: commandClass).rawValue) for it"
    }
}
