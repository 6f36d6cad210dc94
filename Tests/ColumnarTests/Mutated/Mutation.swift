import TestSupport

/// A random change of a file's bytes: bits, ends, pieces of itself and of others, and what may be a length.
struct Mutation {
    private var random: SeededRandom

    private static let lengths: [UInt64] = [
        0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x4000_0000,
        0x2_0000_0000,
        0x100_0000_0000, 0x2000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max, .max - 7,
    ]

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func chance(_ n: Int) -> Bool { random.oneIn(n) }
    mutating func number(_ range: ClosedRange<Int>) -> Int { random.int(range) }

    /// - Parameter others: where pieces come from.
    mutating func mutate(_ bytes: inout [UInt8], others: [[UInt8]]) {
        for _ in 0..<random.pick([1, 1, 1, 2, 3, 8]) {
            guard !bytes.isEmpty else { return }
            switch random.int(0...9) {
            case 0, 1: flip(&bytes)
            case 2: bytes[place(bytes)] = UInt8(random.int(0...255))
            case 3: truncate(&bytes)
            case 4: splice(&bytes, from: random.pick(others))
            case 5: splice(&bytes, from: bytes)
            case 6: removePiece(&bytes)
            default: editLength(&bytes)
            }
        }
    }

    /// Anywhere, but half of the time in the last part, where footers stand, or the first, where headers do.
    private mutating func place(_ bytes: [UInt8]) -> Int {
        let count = bytes.count
        switch random.int(0...3) {
        case 0: return random.int(max(0, count - max(count / 8, 64))...count - 1)
        case 1: return random.int(0...min(count - 1, max(count / 8, 64)))
        default: return random.int(0...count - 1)
        }
    }

    private mutating func flip(_ bytes: inout [UInt8]) {
        for _ in 0..<random.pick([1, 1, 2, 8]) { bytes[place(bytes)] ^= 1 << UInt8(random.int(0...7)) }
    }

    private mutating func truncate(_ bytes: inout [UInt8]) {
        if random.oneIn(2) {
            bytes.removeLast(random.int(1...bytes.count))
        } else {
            bytes.removeLast(random.int(1...min(16, bytes.count)))
        }
    }

    private mutating func piece(_ bytes: [UInt8]) -> Range<Int> {
        let start = place(bytes)
        return start..<min(bytes.count, start + random.pick([1, 2, 4, 8, 16, 64, 512]))
    }

    private mutating func splice(_ bytes: inout [UInt8], from other: [UInt8]) {
        guard !other.isEmpty else { return }
        let piece = other[piece(other)]
        let target = place(bytes)
        let end = random.oneIn(2) ? target : min(bytes.count, target + piece.count)
        bytes.replaceSubrange(target..<end, with: piece)
    }

    private mutating func removePiece(_ bytes: inout [UInt8]) { bytes.removeSubrange(piece(bytes)) }

    /// Puts a number that lengths trip over, or a neighbour of what is there, in 1, 2, 4 or 8 bytes.
    private mutating func editLength(_ bytes: inout [UInt8]) {
        let width = random.pick([1, 2, 4, 4, 4, 8, 8])
        guard bytes.count >= width else { return }
        var start = min(place(bytes), bytes.count - width)
        if random.oneIn(2) { start -= start % width }
        var value: UInt64 = 0
        for index in 0..<width { value |= UInt64(bytes[start + index]) << UInt64(8 * index) }
        switch random.int(0...3) {
        case 0: value = value &+ 1
        case 1: value = value &- 1
        default:
            value = random.pick(Self.lengths + [UInt64(bytes.count) + 1, UInt64(bytes.count), UInt64(bytes.count) - 1])
        }
        for index in 0..<width { bytes[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
}
