import Glibc

/// What derived values depend on beside their inputs: the platform's libm and tzdata, as manifests record them.
package enum ExpressionVersion {
    /// Such as `glibc 2.36 5e0c1d94a7b3f208`: the digits are of the results of all functions for some inputs, since the
    /// same library computes otherwise on other processors.
    package static let libm: String = {
        var name = [CChar](repeating: 0, count: 64)
        // _CS_GNU_LIBC_VERSION
        let length = confstr(2, &name, name.count)
        let library =
            length > 1 && length <= name.count
            ? String(decoding: name.prefix(length - 1).map { UInt8(bitPattern: $0) }, as: UTF8.self) : "unknown"
        let digits = String(resultDigest(), radix: 16)
        return "\(library) \(String(repeating: "0", count: 16 - digits.count))\(digits)"
    }()

    /// Such as `2025b`.
    package static var tzdata: String { TimeZones.version }

    /// FNV-1a of the bits of results.
    private static func resultDigest() -> UInt64 {
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
        for step in 1...64 {
            let x = Double(step) * 0.137_931
            let results = [
                exp(x), log(x), log10(x), pow(x, 1.7), sin(x), cos(x), tan(x), asin(x / 10), acos(x / 10), atan(x),
                atan2(x, 2.3),
            ]
            for result in results { digest = (digest ^ result.bitPattern) &* 0x100_0000_01b3 }
        }
        return digest
    }
}
