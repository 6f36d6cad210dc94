/// Which weights of a sparse linear model the numbers of a row touch.
///
/// A row is what an encoder makes of a service's columns: a few single-precision numbers, NaN = missing. Slot 0 is the intercept's; behind
/// it each group has slots of its own, so that no two inputs share a weight unless one of them is a hash, whose sharing is measured.
package struct SlotLayout: Hashable, Sendable {
    package enum Group: Hashable, Sendable {
        /// Numbers that are values: a slot for each value and one for its absence.
        case values(Int)
        /// Numbers that are places among `slots`, each with a slot of its own for absence. A signed place *p* is -(*p* + 1) where its value is -1.
        case places(numbers: Int, slots: Int, isSigned: Bool)
        /// Numbers that are places of which those present count in equal parts of 1; one slot for when none is.
        case mean(numbers: Int, slots: Int)

        package var numbers: Int {
            switch self {
            case .values(let count): count
            case .places(let numbers, _, _), .mean(let numbers, _): numbers
            }
        }

        package var slots: Int {
            switch self {
            case .values(let count): 2 * count
            case .places(let numbers, let slots, _): slots + numbers
            case .mean(_, let slots): slots + 1
            }
        }
    }

    package let groups: [Group]
    /// Numbers a row.
    package let width: Int
    /// With the intercept's.
    package let slotCount: Int

    package init(_ groups: [Group]) {
        self.groups = groups
        width = groups.reduce(0) { $0 + $1.numbers }
        slotCount = groups.reduce(1) { $0 + $1.slots }
    }

    /// Larger values count as this: the square of one that is far out would still its weight for ever.
    package static let valueMax = 100.0

    /// Puts a row's slots and values into `out`, the intercept first, then in the order of the groups.
    /// - Parameters:
    ///   - rows: rows of ``width`` numbers, one after the other.
    ///   - row: which of them.
    /// - Returns: how many values were beyond ``valueMax``.
    /// - Complexity: O(``width``).
    @discardableResult
    package func expand(_ rows: [Float], row: Int, into out: inout SparseRow) -> Int {
        out.removeAll()
        out.append(slot: 0, 1)
        var (place, first, clipped) = (row * width, 1, 0)
        for group in groups {
            switch group {
            case .values(let count):
                for number in 0..<count {
                    var value = Double(rows[place + number])
                    if !value.isFinite {
                        out.append(slot: first + 2 * number + 1, 1)
                        continue
                    }
                    if abs(value) > Self.valueMax {
                        clipped += 1
                        value = value < 0 ? -Self.valueMax : Self.valueMax
                    }
                    if value != 0 { out.append(slot: first + 2 * number, value) }
                }
            case .places(let numbers, let slots, let isSigned):
                for number in 0..<numbers {
                    let value = rows[place + number]
                    if let slot = Self.place(value, of: slots) {
                        out.append(slot: first + slot, 1)
                    } else if isSigned, let slot = Self.place(-value - 1, of: slots) {
                        out.append(slot: first + slot, -1)
                    } else {
                        out.append(slot: first + slots + number, 1)
                    }
                }
            case .mean(let numbers, let slots):
                var present = 0
                for number in 0..<numbers where Self.place(rows[place + number], of: slots) != nil { present += 1 }
                if present == 0 { out.append(slot: first + slots, 1) }
                for number in 0..<numbers {
                    guard let slot = Self.place(rows[place + number], of: slots) else { continue }
                    out.append(slot: first + slot, 1 / Double(present))
                }
            }
            place += group.numbers
            first += group.slots
        }
        return clipped
    }

    /// - Returns: `nil` for what is no place among `slots`, as a missing one.
    private static func place(_ value: Float, of slots: Int) -> Int? {
        guard value >= 0, value < Float(slots) else { return nil }
        return Int(value)
    }
}

/// The slots of a row that are not 0, with their values; a slot may come twice.
package struct SparseRow: Sendable {
    package private(set) var slots: [Int32] = []
    package private(set) var values: [Double] = []

    package init() {}

    package mutating func removeAll() {
        slots.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    package mutating func append(slot: Int, _ value: Double) {
        slots.append(Int32(truncatingIfNeeded: slot))
        values.append(value)
    }
}
