/// Hashes of entity keys, seeded anew in every process, so that nobody can choose keys that collide.
struct KeyHash: Sendable {
    private let seed: UInt64

    init(seed: UInt64 = .random(in: .min ... .max)) { self.seed = seed }

    @inline(__always)
    func hash(_ key: Int64) -> UInt32 {
        Self.finish(Self.mix(UInt64(bitPattern: key) ^ seed, 0x9E37_79B9_7F4A_7C15))
    }

    /// Eight bytes a step; the length goes in as well.
    func hash(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
        var offset = 0
        // Safe: each load ends at `bytes.count` at most.
        while offset &+ 8 <= bytes.count {
            state = Self.mix(
                state ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self),
                0xA076_1D64_78BD_642F
            )
            offset &+= 8
        }
        var tail: UInt64 = 0
        while offset < bytes.count {
            tail = tail &<< 8 | UInt64(bytes[offset])
            offset &+= 1
        }
        return Self.finish(Self.mix(state ^ tail, 0xE703_7ED1_A0B4_28DB))
    }

    @inline(__always)
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    @inline(__always)
    private static func finish(_ value: UInt64) -> UInt32 {
        let mixed = (value ^ value &>> 32) &* 0xD6E8_FEB8_6659_FD93
        return UInt32(truncatingIfNeeded: mixed &>> 32)
    }
}
