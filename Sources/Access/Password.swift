import Hashing

/// What clients must say to be let in.
///
/// Only its hash is kept, and hashes are compared in a time that does not depend on where they differ, nor on lengths.
package struct Password: Sendable {
    private let digest: [UInt8]

    package init(_ password: [UInt8]) { digest = SHA256.digest(password) }

    package func matches(_ attempt: Span<UInt8>) -> Bool {
        let other = attempt.withUnsafeBytes { SHA256.digest($0) }
        return ScramVerifier.areEqual(digest, other)
    }
}
