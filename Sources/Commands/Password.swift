import Crypto

/// What clients must say to be let in.
///
/// Only its hash is kept, and hashes are compared in a time that does not depend on where they differ, nor on lengths.
package struct Password: Sendable {
    private let digest: SHA256Digest

    package init(_ password: [UInt8]) { digest = SHA256.hash(data: password) }

    package func matches(_ attempt: Span<UInt8>) -> Bool {
        let other = attempt.withUnsafeBytes { SHA256.hash(data: $0) }
        var difference: UInt8 = 0
        for (left, right) in zip(Array(digest), Array(other)) { difference |= left ^ right }
        return difference == 0
    }
}
