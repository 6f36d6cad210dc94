/// Values by name, found by the bytes of a request without making a String of them.
package struct NameTable<Value: Sendable>: Sendable {
    private let entries: [(name: [UInt8], value: Value)]
    /// Number of an entry + 1, 0 = empty; at most half full.
    private let slots: [UInt32]

    package init(_ values: [(name: String, value: Value)]) {
        entries = values.map { (Array($0.name.utf8), $0.value) }
        var slots = [UInt32](repeating: 0, count: 4)
        while slots.count < values.count * 2 { slots += slots }
        for number in values.indices {
            let name = Array(values[number].name.utf8)
            var at = Self.hash(name.span) & (slots.count - 1)
            while slots[at] != 0 { at = (at + 1) & (slots.count - 1) }
            slots[at] = UInt32(number + 1)
        }
        self.slots = slots
    }

    private static func hash(_ name: Span<UInt8>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in 0..<name.count { hash = (hash ^ UInt64(name[index])) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: hash &>> 20)
    }

    package subscript(name: Span<UInt8>) -> Value? {
        var at = Self.hash(name) & (slots.count - 1)
        while slots[at] != 0 {
            let entry = entries[Int(slots[at]) - 1]
            if Self.isEqual(entry.name.span, name) { return entry.value }
            at = (at + 1) & (slots.count - 1)
        }
        return nil
    }

    package subscript(name: String) -> Value? {
        self[Array(name.utf8).span]
    }

    private static func isEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }
}
