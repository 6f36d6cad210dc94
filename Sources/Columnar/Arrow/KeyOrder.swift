/// Names by their place: finds a name's number fast where records keep their names in one order, and in constant time
/// where they do not.
///
/// Beside the names stands a hash table of their numbers, half empty at least, with linear probing. Its hashes are
/// seeded per process, so that nobody can choose names that meet.
struct KeyOrder {
    private(set) var keys: [[UInt8]] = []
    /// Which key came last time at each place of a record.
    private var order: [Int] = []
    /// Numbers of ``keys``, -1 = free; a power of two of them.
    private var slots: [Int] = Array(repeating: -1, count: 8)
    private var scratch: [UInt8] = []

    /// - Parameter keys: of equal ones the first is found.
    init(keys: [[UInt8]]) {
        for key in keys { append(key) }
    }

    /// The number of the key that `field` holds, at place `place` of its record; `nil` where it is none of ``keys``.
    /// - Complexity: O(bytes), whatever the order.
    mutating func find(_ field: Field, in bytes: Span<UInt8>, at place: Int) -> Int? {
        if field.kind == .stringEscaped {
            scratch.removeAll(keepingCapacity: true)
            JSONText.unescape(bytes.extracting(field.range), into: &scratch)
            return number(of: scratch.span)
        }
        let text = bytes.extracting(field.range)
        if place < order.count, Self.isEqual(text, keys[order[place]]) { return order[place] }
        guard let found = number(of: text) else { return nil }
        while order.count <= place { order.append(found) }
        order[place] = found
        return found
    }

    mutating func append(_ key: [UInt8]) {
        keys.append(key)
        if 2 * keys.count > slots.count {
            slots = Array(repeating: -1, count: 2 * slots.count)
            for number in keys.indices { insert(number) }
        } else {
            insert(keys.count - 1)
        }
    }

    private mutating func insert(_ number: Int) {
        let key = keys[number]
        var slot = hash(key.span)
        while slots[slot] >= 0 {
            if keys[slots[slot]] == key { return }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = number
    }

    /// The number of a key; `nil` where it is none of ``keys``.
    /// - Complexity: O(bytes).
    func number(of text: Span<UInt8>) -> Int? {
        var slot = hash(text)
        while slots[slot] >= 0 {
            if Self.isEqual(text, keys[slots[slot]]) { return slots[slot] }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// The slot where the search for a name begins.
    private func hash(_ text: Span<UInt8>) -> Int {
        var hasher = Hasher()
        // Safe: the pointer is used only within the closure.
        text.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize() & (slots.count - 1)
    }

    private static func isEqual(_ left: Span<UInt8>, _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }
}
