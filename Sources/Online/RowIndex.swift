/// Where each entity's row is: a hash table with open addressing, which holds row numbers and leaves keys to the rows.
///
/// A slot is a UInt64: the key's hash in the upper half, row number + 1 in the lower one, 0 = empty. The whole hash is kept,
/// so that growing moves slots without a look at rows, and a probe reads a row only where all 32 bits agree. The lowest six
/// bits choose one of 64 parts, which grow by themselves: no insertion moves more than a 64th of the table.
struct RowIndex: ~Copyable {
    private struct Part {
        var slots: UnsafeMutablePointer<UInt64>
        /// Number of slots, a power of two, less 1; -1 = none yet.
        var mask: Int
        var count: Int
    }

    private static let partBits: UInt32 = 6
    private static let partCount = 64
    private let parts: UnsafeMutablePointer<Part>
    private(set) var slotCount = 0

    init() {
        parts = .allocate(capacity: Self.partCount)
        // Safe: a part without slots is never read, since its mask says so.
        let none = UnsafeMutablePointer<UInt64>(bitPattern: 8) ?? .allocate(capacity: 1)
        parts.initialize(repeating: Part(slots: none, mask: -1, count: 0), count: Self.partCount)
    }

    deinit {
        for part in 0..<Self.partCount where parts[part].mask >= 0 { parts[part].slots.deallocate() }
        parts.deallocate()
    }

    /// Steps through the rows whose keys have a hash.
    struct Probe {
        fileprivate let slots: UnsafeMutablePointer<UInt64>
        fileprivate let mask: Int
        fileprivate let hash: UInt32
        fileprivate var at: Int

        /// - Returns: the next row with this hash; `nil` at the end of the chain.
        @inline(__always)
        mutating func next() -> UInt32? {
            guard mask >= 0 else { return nil }
            while true {
                // Safe: `at` is masked, and a part is never full.
                let slot = slots[at]
                if slot == 0 { return nil }
                at = (at &+ 1) & mask
                if UInt32(truncatingIfNeeded: slot &>> 32) == hash { return UInt32(truncatingIfNeeded: slot) &- 1 }
            }
        }
    }

    @inline(__always)
    func probe(_ hash: UInt32) -> Probe {
        let part = parts[Int(hash & (UInt32(Self.partCount) &- 1))]
        return Probe(
            slots: part.slots,
            mask: part.mask,
            hash: hash,
            at: Int(hash &>> Self.partBits) & part.mask
        )
    }

    /// Adds a row whose key is not in the index.
    mutating func insert(_ row: UInt32, hash: UInt32) {
        let part = Int(hash & (UInt32(Self.partCount) - 1))
        if parts[part].mask < 0 || (parts[part].count + 1) * 4 > (parts[part].mask + 1) * 3 {
            resize(part, to: max(8, (parts[part].mask + 1) * 2))
        }
        Self.place(UInt64(hash) << 32 | UInt64(row + 1), parts[part].slots, parts[part].mask)
        parts[part].count += 1
    }

    private static func place(_ slot: UInt64, _ slots: UnsafeMutablePointer<UInt64>, _ mask: Int) {
        var at = Int(slot >> (32 + UInt64(partBits))) & mask
        // Safe: `at` is masked, and there is an empty slot.
        while slots[at] != 0 { at = (at + 1) & mask }
        slots[at] = slot
    }

    private mutating func resize(_ part: Int, to capacity: Int) {
        let slots = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        slots.initialize(repeating: 0, count: capacity)
        let old = parts[part]
        if old.mask >= 0 {
            for at in 0...old.mask where old.slots[at] != 0 { Self.place(old.slots[at], slots, capacity - 1) }
            old.slots.deallocate()
        }
        slotCount += capacity - (old.mask + 1)
        parts[part].slots = slots
        parts[part].mask = capacity - 1
    }

    /// Makes room for `count` entities in all.
    mutating func reserve(_ count: Int) {
        // An eighth more, since parts do not fill alike.
        let wanted = (count / Self.partCount * 9 / 8 + 1) * 4 / 3 + 8
        let capacity = 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount)
        for part in 0..<Self.partCount where parts[part].mask + 1 < capacity { resize(part, to: capacity) }
    }

    /// Takes a row out, and closes the gap, so that no chain is cut.
    mutating func remove(_ row: UInt32, hash: UInt32) {
        let part = Int(hash & (UInt32(Self.partCount) - 1))
        let (slots, mask) = (parts[part].slots, parts[part].mask)
        guard mask >= 0 else { return }
        let wanted = UInt64(hash) << 32 | UInt64(row + 1)
        var gap = Int(hash >> Self.partBits) & mask
        while slots[gap] != wanted {
            if slots[gap] == 0 { return }
            gap = (gap + 1) & mask
        }
        var at = gap
        while true {
            at = (at + 1) & mask
            let slot = slots[at]
            if slot == 0 { break }
            let home = Int(slot >> (32 + UInt64(Self.partBits))) & mask
            // A slot may move to the gap unless its home lies behind the gap, in the order of probing.
            if (at - home) & mask >= (at - gap) & mask {
                slots[gap] = slot
                gap = at
            }
        }
        slots[gap] = 0
        parts[part].count -= 1
    }

    var byteCount: Int { slotCount * MemoryLayout<UInt64>.size }
}
