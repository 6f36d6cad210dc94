import Glibc

/// Memory for the values of one view that do not fit their slots.
///
/// Values lie one behind the other in blocks of 256 KiB, each behind a header that says how long its place is and which
/// row and column it belongs to. A value that is replaced leaves a dead place, unless the new one fits it; a block with
/// many dead places is emptied by moving its living values away (``RowTable`` does that, since it knows the rows), one
/// block a step, so that no step takes long. Blocks with dead places hang in 32 lists by how much of them is dead, so that
/// one with nearly the most is found at once however many there are. Larger values have an allocation of their own.
struct ValueHeap: ~Copyable {
    /// Also a block's alignment: the block of a value is found by clearing the low bits of its address.
    static let blockBytes = 1 << 18
    /// Places above it have an allocation of their own.
    static let placeMax = 1 << 14
    static let headerBytes = 16
    private static let blockHeaderBytes = 40
    /// Dead bytes by which the lists of blocks differ.
    private static let deadStep = blockBytes / 32

    /// What stands before each value.
    struct Header {
        /// Bytes of the place without this header, a multiple of 8.
        var capacity: UInt32
        var row: UInt32
        /// The column in ``RowLayout/columns``; ``keyColumn`` for the key.
        var column: UInt32
        var isDead: UInt32
    }

    static let keyColumn = UInt32.max

    private struct BlockHeader {
        var used: UInt32
        var dead: UInt32
        /// Its place in `blocks`.
        var index: UInt64
        /// Its neighbours in the list of its class.
        var previous: UnsafeMutableRawPointer?
        var next: UnsafeMutableRawPointer?

        /// Which list the block is in; 0 = nothing is dead, and it is in none.
        var deadClass: Int { (Int(dead) + ValueHeap.deadStep - 1) / ValueHeap.deadStep }
    }

    private var blocks: [UnsafeMutableRawPointer] = []
    private var current: UnsafeMutableRawPointer?
    /// The first block of each class.
    private var byDead = [UnsafeMutableRawPointer?](repeating: nil, count: 33)
    /// Bytes of dead places in blocks.
    private(set) var deadBytes = 0
    /// Bytes of allocations of their own.
    private(set) var largeBytes = 0

    deinit {
        for block in blocks { block.deallocate() }
    }

    /// All memory taken.
    var byteCount: Int { blocks.count * Self.blockBytes + largeBytes }

    static func header(_ value: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Header> {
        (value - headerBytes).assumingMemoryBound(to: Header.self)
    }

    /// - Returns: a place for `count` bytes, at least 16.
    mutating func allocate(_ count: Int, row: UInt32, column: UInt32) -> UnsafeMutableRawPointer {
        let capacity = (count + 7) & ~7
        let bytes = capacity + Self.headerBytes
        let place: UnsafeMutableRawPointer
        if bytes > Self.placeMax {
            place = .allocate(byteCount: bytes, alignment: 16)
            largeBytes += bytes
        } else {
            place = room(bytes)
        }
        place.storeBytes(
            of: Header(capacity: UInt32(truncatingIfNeeded: capacity), row: row, column: column, isDead: 0),
            as: Header.self
        )
        return place + Self.headerBytes
    }

    private mutating func room(_ bytes: Int) -> UnsafeMutableRawPointer {
        if let current {
            let header = Self.blockHeader(current)
            let used = Int(header.pointee.used)
            if used + bytes <= Self.blockBytes {
                header.pointee.used += UInt32(bytes)
                return current + used
            }
        }
        let block = UnsafeMutableRawPointer.allocate(byteCount: Self.blockBytes, alignment: Self.blockBytes)
        block.storeBytes(
            of: BlockHeader(used: UInt32(Self.blockHeaderBytes + bytes), dead: 0, index: UInt64(blocks.count)),
            as: BlockHeader.self
        )
        blocks.append(block)
        current = block
        return block + Self.blockHeaderBytes
    }

    private static func blockHeader(_ block: UnsafeMutableRawPointer) -> UnsafeMutablePointer<BlockHeader> {
        block.assumingMemoryBound(to: BlockHeader.self)
    }

    /// The block that a value lies in; only for values that are not large.
    private static func block(of value: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        value - Int(UInt(bitPattern: value) & UInt(blockBytes - 1))
    }

    /// Whether a value of `count` bytes may take the place of another one, without wasting more than half of it.
    static func fits(_ count: Int, placeOf value: UnsafeMutableRawPointer) -> Bool {
        let capacity = Int(header(value).pointee.capacity)
        return count <= capacity && capacity <= 2 * count + 32
    }

    mutating func free(_ value: UnsafeMutableRawPointer) {
        let header = Self.header(value)
        let bytes = Int(header.pointee.capacity) + Self.headerBytes
        if bytes > Self.placeMax {
            largeBytes -= bytes
            (value - Self.headerBytes).deallocate()
            return
        }
        header.pointee.isDead = 1
        deadBytes += bytes
        let block = Self.block(of: value)
        let blockHeader = Self.blockHeader(block)
        let before = blockHeader.pointee.deadClass
        blockHeader.pointee.dead += UInt32(bytes)
        let after = blockHeader.pointee.deadClass
        guard after != before else { return }
        if before > 0 { unlink(block, from: before) }
        link(block, into: after)
    }

    private mutating func link(_ block: UnsafeMutableRawPointer, into list: Int) {
        let first = byDead[list]
        Self.blockHeader(block).pointee.previous = nil
        Self.blockHeader(block).pointee.next = first
        if let first { Self.blockHeader(first).pointee.previous = block }
        byDead[list] = block
    }

    private mutating func unlink(_ block: UnsafeMutableRawPointer, from list: Int) {
        let (previous, next) = (Self.blockHeader(block).pointee.previous, Self.blockHeader(block).pointee.next)
        if let previous { Self.blockHeader(previous).pointee.next = next } else { byDead[list] = next }
        if let next { Self.blockHeader(next).pointee.previous = previous }
    }

    // MARK: Compaction

    /// Whether a quarter of the blocks' bytes is dead.
    var needsCompaction: Bool { deadBytes > 2 * Self.blockBytes && deadBytes > blocks.count * Self.blockBytes / 4 }

    /// A block with the most dead bytes, but for 1/32 of a block; its living values are to be moved, then ``release(_:)`` follows.
    /// - Returns: `nil` where no block but the current one has any.
    /// - Complexity: O(1), however many blocks there are.
    func blockToEmpty() -> UnsafeMutableRawPointer? {
        for first in byDead.reversed() {
            guard let first else { continue }
            if first != current { return first }
            if let next = Self.blockHeader(first).pointee.next { return next }
        }
        return nil
    }

    /// The living values of a block, one after the other.
    struct Values {
        fileprivate let block: UnsafeMutableRawPointer
        fileprivate var offset = ValueHeap.blockHeaderBytes

        mutating func next() -> UnsafeMutableRawPointer? {
            let used = Int(ValueHeap.blockHeader(block).pointee.used)
            while offset < used {
                let value = block + offset + ValueHeap.headerBytes
                let header = ValueHeap.header(value).pointee
                offset += ValueHeap.headerBytes + Int(header.capacity)
                if header.isDead == 0 { return value }
            }
            return nil
        }
    }

    func values(_ block: UnsafeMutableRawPointer) -> Values { Values(block: block) }

    /// Frees a block whose values have all moved.
    mutating func release(_ block: UnsafeMutableRawPointer) {
        let header = Self.blockHeader(block).pointee
        deadBytes -= Int(header.dead)
        if header.deadClass > 0 { unlink(block, from: header.deadClass) }
        let last = blocks.removeLast()
        if last != block {
            blocks[Int(header.index)] = last
            Self.blockHeader(last).pointee.index = header.index
        }
        block.deallocate()
    }
}
