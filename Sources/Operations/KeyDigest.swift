import Features
import Hashing

/// What is recorded of a forgotten entity's key: enough to confirm a key that somebody has, too little to find one.
///
/// PBKDF2-HMAC-SHA256 (RFC 8018) over entity and key with the store's own salt. Keys are often small numbers, which a
/// plain hash would give away to anybody who counts; the iterations make each guess cost a tenth of a second.
package enum KeyDigest {
    static let iterations = 100_000

    /// - Complexity: ``iterations`` HMACs.
    static func digest(entity: EntityDefinition, key: Value, salt: [UInt8]) -> [UInt8] {
        // Neither names nor types hold a line end, so that no two entities share their bytes.
        PBKDF2.sha256(
            password: Array("\(entity.name)\n\(entity.type.rawValue)\n\(key.text)".utf8),
            salt: salt,
            iterations: iterations
        )
    }
}
