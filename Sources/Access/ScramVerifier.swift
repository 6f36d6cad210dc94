import Foundation
import Hashing

/// What is kept of a password: a SCRAM-SHA-256 verifier (RFC 5803), in the text that PostgreSQL keeps in `pg_authid`:
/// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, the last three in base64.
///
/// Whoever reads it cannot log in by it, and each guess of a password costs ``iterations`` HMACs.
package struct ScramVerifier: Hashable, Sendable {
    package let iterations: Int
    private let salt: [UInt8]
    private let storedKey: [UInt8]
    private let serverKey: [UInt8]

    /// Of a new password, with a salt of its own.
    package init(password: [UInt8]) {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<AccessLimits.saltBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
        self.init(password: password, salt: salt, iterations: AccessLimits.iterations)
    }

    package init(password: [UInt8], salt: [UInt8], iterations: Int) {
        self.salt = salt
        self.iterations = iterations
        (storedKey, serverKey) = Self.keys(password, salt, iterations)
    }

    /// - Returns: `nil` where the text is no verifier, or one with more iterations than are allowed.
    package init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "SCRAM-SHA-256" else { return nil }
        let left = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        let right = parts[2].split(separator: ":", omittingEmptySubsequences: false)
        guard left.count == 2, right.count == 2, let iterations = Int(left[0]),
            (1...AccessLimits.iterationsMax).contains(iterations), let salt = Data(base64Encoded: String(left[1])),
            let storedKey = Data(base64Encoded: String(right[0])), storedKey.count == 32,
            let serverKey = Data(base64Encoded: String(right[1])), serverKey.count == 32
        else { return nil }
        self.iterations = iterations
        self.salt = Array(salt)
        self.storedKey = Array(storedKey)
        self.serverKey = Array(serverKey)
    }

    /// That of no password.
    package static let none = ScramVerifier(none: 0)

    private init(none byte: UInt8) {
        iterations = AccessLimits.iterations
        salt = [UInt8](repeating: byte, count: AccessLimits.saltBytes)
        storedKey = [UInt8](repeating: byte, count: 32)
        serverKey = storedKey
    }

    package var text: String {
        let (salt, stored, server) = (
            Data(salt).base64EncodedString(), Data(storedKey).base64EncodedString(),
            Data(serverKey).base64EncodedString()
        )
        return "SCRAM-SHA-256$\(iterations):\(salt)$\(stored):\(server)"
    }

    /// Whether this is the password's, in a time that does not depend on where it differs.
    /// - Complexity: ``iterations`` HMACs: some milliseconds, not for event loops.
    package func matches(_ password: [UInt8]) -> Bool {
        Self.areEqual(Self.keys(password, salt, iterations).stored, storedKey)
    }

    private static func keys(
        _ password: [UInt8],
        _ salt: [UInt8],
        _ iterations: Int
    ) -> (stored: [UInt8], server: [UInt8]) {
        let salted = PBKDF2.sha256(password: password, salt: salt, iterations: iterations)
        let clientKey = HMAC.sha256(Array("Client Key".utf8), key: salted)
        let serverKey = HMAC.sha256(Array("Server Key".utf8), key: salted)
        return (SHA256.digest(clientKey), serverKey)
    }

    /// Looks at all bytes, wherever the first difference is.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}

/// A password that somebody chose.
package enum NewPassword {
    /// - Returns: why it cannot be one; `nil` = it can.
    package static func refusal(_ password: [UInt8]) -> String? {
        if password.isEmpty { return "the password is empty" }
        if password.count > AccessLimits.passwordBytesMax {
            return "the password has \(password.count) bytes; \(AccessLimits.passwordBytesMax) are allowed"
        }
        // Other clients would send other bytes for the same letters (SASLprep), and the password would be another one.
        if password.contains(where: { $0 < 0x20 || $0 > 0x7E }) {
            return "the password has characters that are not printable ASCII, which clients do not agree on how to send"
        }
        return nil
    }
}
