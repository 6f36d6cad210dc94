/// FTRL-proximal (McMahan et al., KDD 2013): a linear model that learns from one example after the other, each slot at a rate of its own.
///
/// Pure and deterministic: the same examples in the same order give the same bits in every build. State is two numbers a slot, z and n;
/// the weight is made of them when it is wanted.
package struct FTRL: Sendable {
    package struct Parameters: Hashable, Sendable, Codable {
        /// How fast it learns.
        package var alpha = 0.1
        package var beta = 1.0
        package var l1 = 0.0
        package var l2 = 10.0

        package init(alpha: Double = 0.1, beta: Double = 1, l1: Double = 0, l2: Double = 10) {
            self.alpha = alpha
            self.beta = beta
            self.l1 = l1
            self.l2 = l2
        }

        /// The weight that a slot's state makes.
        /// - Parameter root: the square root of n.
        package func weight(z: Double, root: Double) -> Double {
            guard abs(z) > l1 else { return 0 }
            let shrunk = z < 0 ? z + l1 : z - l1
            return -shrunk / ((beta + root) / alpha + l2)
        }
    }

    package enum Objective: String, Hashable, Sendable, Codable, CaseIterable {
        /// Labels 0 and 1; predicts a probability.
        case logistic
        /// Numbers.
        case squared
    }

    package let parameters: Parameters
    package let objective: Objective
    package let slotCount: Int
    /// z and n of each slot, side by side.
    private var state: [Double]
    private var isTouched: [Bool]
    /// Slots that changed since ``takeTouched()``, in the order of their first change.
    private var touched: [Int32] = []

    package init(_ parameters: Parameters, _ objective: Objective, slotCount: Int) {
        self.parameters = parameters
        self.objective = objective
        self.slotCount = slotCount
        state = [Double](repeating: 0, count: 2 * slotCount)
        isTouched = [Bool](repeating: false, count: slotCount)
    }

    /// What a slot's weight is now.
    package func weight(_ slot: Int) -> Double {
        parameters.weight(z: state[2 * slot], root: state[2 * slot + 1].squareRoot())
    }

    /// Of all slots.
    package var weights: [Double] { (0..<slotCount).map { weight($0) } }

    package func margin(_ row: borrowing SparseRow) -> Double {
        var sum = 0.0
        for index in row.slots.indices { sum += weight(Int(row.slots[index])) * row.values[index] }
        return sum
    }

    /// The probability of 1, or the number.
    package func prediction(fromMargin margin: Double) -> Double {
        objective == .logistic ? PortableMath.logistic(margin) : margin
    }

    /// Predicts, then learns.
    ///
    /// - Parameters:
    ///   - label: 0 or 1 of ``Objective/logistic``; finite.
    ///   - weight: how often the example counts.
    /// - Returns: what was predicted before.
    /// - Complexity: O(slots of the row).
    @discardableResult
    package mutating func learn(_ row: borrowing SparseRow, label: Double, weight: Double = 1) -> Double {
        let predicted = prediction(fromMargin: margin(row))
        let difference = (predicted - label) * weight
        for index in row.slots.indices {
            let slot = Int(row.slots[index])
            let gradient = difference * row.values[index]
            guard gradient != 0 else { continue }
            let (z, n) = (state[2 * slot], state[2 * slot + 1])
            let root = n.squareRoot()
            let sum = n + gradient * gradient
            let rate = (sum.squareRoot() - root) / parameters.alpha
            state[2 * slot] = z + (gradient - rate * parameters.weight(z: z, root: root))
            state[2 * slot + 1] = sum
            if !isTouched[slot] {
                isTouched[slot] = true
                touched.append(Int32(truncatingIfNeeded: slot))
            }
        }
        return predicted
    }

    /// What a prediction costs: −ln p of the label, or the square of the difference.
    package func loss(_ predicted: Double, label: Double) -> Double {
        guard objective == .logistic else { return (predicted - label) * (predicted - label) }
        return -PortableMath.log(max(label > 0.5 ? predicted : 1 - predicted, 1e-15))
    }
}

// MARK: State as bytes

extension FTRL {
    /// z and n of one slot.
    package struct Slot: Hashable, Sendable {
        package var slot: Int32
        package var z: Double
        package var n: Double

        package init(slot: Int32, z: Double, n: Double) {
            self.slot = slot
            self.z = z
            self.n = n
        }

        /// Whether it is a state that learning gives, of a model of so many slots.
        package func isPossible(_ slotCount: Int) -> Bool {
            slot >= 0 && slot < slotCount && z.isFinite && n.isFinite && n >= 0
        }
    }

    /// Slots that changed since the last call, ascending.
    package mutating func takeTouched() -> [Slot] {
        let changed = touched.sorted()
        for slot in changed { isTouched[Int(slot)] = false }
        touched.removeAll(keepingCapacity: true)
        return changed.map { Slot(slot: $0, z: state[2 * Int($0)], n: state[2 * Int($0) + 1]) }
    }

    /// All slots that an example has touched, ascending.
    package var learned: [Slot] {
        (0..<slotCount).lazy.filter { state[2 * $0 + 1] != 0 }.map {
            Slot(slot: Int32(truncatingIfNeeded: $0), z: state[2 * $0], n: state[2 * $0 + 1])
        }
    }

    /// How many slots an example has touched.
    package var learnedCount: Int { (0..<slotCount).count { state[2 * $0 + 1] != 0 } }

    /// Sets slots to what they were.
    /// - Returns: `false` where one of them is beyond the model's, or no state that learning gives; nothing is set then.
    package mutating func restore(_ slots: [Slot]) -> Bool {
        guard slots.allSatisfy({ $0.isPossible(slotCount) }) else { return false }
        for slot in slots {
            state[2 * Int(slot.slot)] = slot.z
            state[2 * Int(slot.slot) + 1] = slot.n
        }
        return true
    }

    /// Bytes of a slot in ``bytes(_:)``.
    package static let slotBytes = 20

    /// For each slot its number, z and n, little-endian: 20 bytes.
    package static func bytes(_ slots: [Slot]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(slots.count * slotBytes)
        for slot in slots {
            withUnsafeBytes(of: slot.slot.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: slot.z.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: slot.n.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// - Returns: `nil` where these are no whole slots.
    package static func slots(_ bytes: [UInt8]) -> [Slot]? {
        guard bytes.count % slotBytes == 0 else { return nil }
        return bytes.withUnsafeBytes { raw in
            (0..<raw.count / slotBytes).map { place in
                let start = place * slotBytes
                return Slot(
                    slot: Int32(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: Int32.self)),
                    z: Double(
                        bitPattern: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start + 4, as: UInt64.self))
                    ),
                    n: Double(
                        bitPattern: UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start + 12, as: UInt64.self))
                    )
                )
            }
        }
    }
}
