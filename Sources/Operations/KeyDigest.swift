import Crypto
import Features

/// What is recorded of a forgotten entity's key: enough to confirm a key that somebody has, too little to find one.
///
/// PBKDF2-HMAC-SHA256 (RFC 8018) over entity and key with the store's own salt. Keys are often small numbers, which a
/// plain hash would give away to anybody who counts; the iterations make each guess cost a tenth of a second.
package enum KeyDigest {
    static let iterations = 100_000

    /// - Complexity: ``iterations`` HMACs.
    static func digest(entity: EntityDefinition, key: Value, salt: [UInt8]) -> [UInt8] {
        // Neither names nor types hold a line end, so that no two entities share their bytes.
        pbkdf2(
            password: Array("\(entity.name)\n\(entity.type.rawValue)\n\(key.text)".utf8),
            salt: salt,
            iterations: iterations
        )
    }

    /// The first block of PBKDF2-HMAC-SHA256: 32 bytes.
    package static func pbkdf2(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        var keyed = HMAC<SHA256>(key: SymmetricKey(data: password))
        let fresh = keyed
        keyed.update(data: salt + [0, 0, 0, 1])
        var block = Array(keyed.finalize())
        var result = block
        for _ in 1..<max(iterations, 1) {
            var next = fresh
            next.update(data: block)
            next.finalize().withUnsafeBytes { bytes in
                for index in 0..<32 {
                    block[index] = bytes[index]
                    result[index] ^= bytes[index]
                }
            }
        }
        return result
    }
}
