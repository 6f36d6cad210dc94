/// The 16 bytes in a row that stand for a value of any length.
///
/// Up to 15 bytes lie in the slot itself, their number in its last byte; so most categories and short texts need no heap.
/// A longer value is in the view's heap: its address in bytes 0–7, its length in bytes 8–11, and 0xFF in the last byte.
/// All zeros is the empty value.
package enum VariableSlot {
    package static let bytes = 16
    static let inlineMax = 15
    static let isInHeap: UInt8 = 0xFF

    /// The value's bytes, valid as long as the row is.
    @inlinable
    package static func value(_ slot: UnsafeRawPointer) -> UnsafeRawBufferPointer {
        let tag = slot.load(fromByteOffset: 15, as: UInt8.self)
        guard tag == 0xFF else { return UnsafeRawBufferPointer(start: slot, count: Int(tag)) }
        return UnsafeRawBufferPointer(
            start: UnsafeRawPointer(bitPattern: slot.load(as: UInt.self)),
            count: Int(slot.load(fromByteOffset: 8, as: UInt32.self))
        )
    }

    /// Where the value lies in the heap; `nil` for a value in the slot.
    static func heapAddress(_ slot: UnsafeRawPointer) -> UnsafeMutableRawPointer? {
        guard slot.load(fromByteOffset: 15, as: UInt8.self) == isInHeap else { return nil }
        return UnsafeMutableRawPointer(bitPattern: slot.load(as: UInt.self))
    }

    static func setHeap(_ slot: UnsafeMutableRawPointer, _ address: UnsafeMutableRawPointer, count: Int) {
        slot.storeBytes(of: UInt(bitPattern: address), as: UInt.self)
        slot.storeBytes(
            of: UInt64(UInt32(truncatingIfNeeded: count)) | UInt64(isInHeap) << 56,
            toByteOffset: 8,
            as: UInt64.self
        )
    }

    /// - Parameter count: at most ``inlineMax``.
    static func setInline(_ slot: UnsafeMutableRawPointer, count: Int) {
        slot.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: 15, as: UInt8.self)
    }
}
