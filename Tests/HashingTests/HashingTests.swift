import Hashing
import TestSupport
import Testing

@Suite struct HashingTests {
    /// FIPS 180-4's examples, and the million times `a` of NIST.
    @Test(arguments: [
        ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ])
    func `SHA-256 gives what the standard does`(text: String, times: Int, expected: String) {
        let bytes = Array(String(repeating: text, count: times).utf8)
        #expect(Self.hex(SHA256.digest(bytes)) == expected)
        var hash = SHA256()
        hash.update(bytes)
        #expect(Self.hex(hash.value()) == expected)
    }

    @Test(arguments: [UInt64.random(in: 0 ... .max)])
    func `how bytes are cut makes no difference, and copies go their own way`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            let bytes = (0..<random.int(0...300)).map { _ in UInt8(random.int(0...255)) }
            var hash = SHA256()
            var fed: [UInt8] = []
            while fed.count < bytes.count {
                let piece = bytes[fed.count..<min(bytes.count, fed.count + random.int(0...70))]
                var other = hash
                other.update([1, 2, 3])
                #expect(other.value() == SHA256.digest(fed + [1, 2, 3]))
                // Bytes that do not lie in one piece, too.
                if random.int(0...1) == 0 { hash.update(piece) } else { hash.update(piece.lazy.map { $0 }) }
                fed += piece
                #expect(hash.value() == SHA256.digest(fed))
            }
        }
    }

    /// RFC 4231, cases 2 and 6.
    @Test func `HMAC gives what the RFC does`() {
        let short = HMAC.sha256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Self.hex(short) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let long = HMAC.sha256(
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: [UInt8](repeating: 0xAA, count: 131)
        )
        #expect(Self.hex(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    /// RFC 7914, section 11; without a password, by Python's hashlib.
    @Test(arguments: [
        ("passwd", "salt", 1, "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
        ("Password", "NaCl", 80_000, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"),
        ("", "salt", 2, "62384466264daadc4144018c6bd864648272b34da8980d31521ffcce92ae003b"),
    ])
    func `PBKDF2 gives what the RFC does`(password: String, salt: String, iterations: Int, expected: String) {
        let digest = PBKDF2.sha256(password: Array(password.utf8), salt: Array(salt.utf8), iterations: iterations)
        #expect(Self.hex(digest) == expected)
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
    }
}
