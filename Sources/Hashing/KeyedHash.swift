import CLibCrypto

/// HMAC-SHA256 (RFC 2104).
package enum HMAC {
    /// - Returns: 32 bytes.
    package static func sha256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { code, count in
            let made = CLibCrypto.HMAC(
                EVP_sha256(),
                key,
                Int32(key.count),
                message,
                message.count,
                code.baseAddress,
                nil
            )
            precondition(made != nil, "libcrypto has no HMAC")
            count = SHA256.byteCount
        }
    }
}

/// PBKDF2-HMAC-SHA256 (RFC 8018).
package enum PBKDF2 {
    /// The first block: 32 bytes.
    /// - Complexity: `iterations` HMACs.
    package static func sha256(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { key, count in
            // Passwords and salts are of any bytes; without any, `password` is still read as one of no length.
            let status = password.withUnsafeBytes { password in
                PKCS5_PBKDF2_HMAC(
                    password.baseAddress?.assumingMemoryBound(to: CChar.self),
                    Int32(password.count),
                    salt,
                    Int32(salt.count),
                    Int32(max(iterations, 1)),
                    EVP_sha256(),
                    Int32(SHA256.byteCount),
                    key.baseAddress
                )
            }
            precondition(status == 1, "libcrypto has no PBKDF2")
            count = SHA256.byteCount
        }
    }
}
