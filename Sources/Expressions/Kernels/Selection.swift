import PointInTime

/// Which of several values each row takes, and which rows ended in an error before they took one.
struct Selection {
    private static let open: UInt16 = .max
    private static let failed: UInt16 = .max - 1

    private let rowCount: Int
    /// The branch that a row takes.
    private var taken: [UInt16]
    private var openCount: Int
    private var failedCount = 0
    private var branch: UInt16 = 0
    private var reached: [Bool] = []

    init(rowCount: Int) {
        self.rowCount = rowCount
        taken = [UInt16](repeating: Self.open, count: rowCount)
        openCount = rowCount
    }

    /// Whether some row has not chosen yet.
    var isOpen: Bool { openCount > 0 }

    /// Rows where a condition is true take the next branch; those where it is an error are errors.
    mutating func take(_ condition: Operand) { take(condition, .values(condition)) }

    /// Rows that have a value take the next branch.
    mutating func takeValid(_ operand: Operand) { take(operand, Flags(nil, isConstant: true, otherwise: true)) }

    private mutating func take(_ operand: Operand, _ condition: Flags) {
        let (rowCount, branch) = (rowCount, branch)
        var (takenCount, failedCount) = (0, 0)
        condition.withFlags(rowCount) { condition in
            Flags.validity(operand).withFlags(rowCount) { valid in
                Flags.errors(operand).withFlags(rowCount) { errors in
                    taken.withUnsafeMutableBufferPointer { taken in
                        for row in 0..<rowCount {
                            // All loads first: then what follows is arithmetic, without a jump.
                            let (place, isError, isValid, isTrue) = (
                                taken[row], errors[row], valid[row], condition[row]
                            )
                            let isOpen = place == Self.open
                            let fails = isOpen && isError
                            let takes = isOpen && !isError && isValid && isTrue
                            taken[row] = fails ? Self.failed : (takes ? branch : place)
                            failedCount &+= fails ? 1 : 0
                            takenCount &+= takes ? 1 : 0
                        }
                    }
                }
            }
        }
        openCount -= takenCount + failedCount
        self.failedCount += failedCount
        reached.append(takenCount > 0)
        self.branch += 1
    }

    /// All rows left take branch number `branchCount`, that behind the last.
    mutating func close(branchCount: Int) {
        while reached.count < branchCount { reached.append(false) }
        reached.append(openCount > 0)
        guard openCount > 0 else { return }
        let last = UInt16(branchCount)
        taken = Loops.map(taken, rowCount) { (place: UInt16) in place == Self.open ? last : place }
        openCount = 0
    }

    func isReached(_ branch: Int) -> Bool { reached[branch] }

    /// Each row's value out of its branch.
    /// - Parameters:
    ///   - branches: `nil` where no row takes it.
    ///   - like: of the branches' type.
    func result(_ branches: [Operand?], like: Operand) -> Operand {
        var validity: [Bool]?
        if failedCount > 0 || branches.contains(where: { $0?.validity != nil }) {
            // A row that failed takes no branch, and stays false.
            validity = flags(branches) { .validity($0) }
        }
        var errors: [Bool]?
        if failedCount > 0 || branches.contains(where: { $0?.errors != nil }) {
            let failed = Loops.map(taken, flags(branches) { .errors($0) }, rowCount) { (place: UInt16, failed: Bool) in
                failed || place == Self.failed
            }
            if failed.contains(true) { errors = failed }
        }
        return Operand(values(branches, like: like), validity: validity, errors: errors)
    }

    private func flags(_ branches: [Operand?], _ flags: (Operand) -> Flags) -> [Bool] {
        var picked = [Bool](repeating: false, count: rowCount)
        for (number, operand) in branches.enumerated() {
            guard let operand else { continue }
            let source = flags(operand)
            pick(UInt16(number), source.array, source.step, into: &picked)
        }
        return picked
    }

    private func values(_ branches: [Operand?], like: Operand) -> Column.Values {
        switch like.values {
        case .bool: .bool(pick(branches))
        case .int32: .int32(pick(branches))
        case .int64: .int64(pick(branches))
        case .float32: .float32(pick(branches))
        case .float64: .float64(pick(branches))
        case .text: .text(pickTexts(branches))
        case .vector(let dimensions, _): .vector(dimensions: dimensions, pickVectors(branches, dimensions))
        case .listInt64, .listString: preconditionFailure("lists are not chosen among")
        }
    }

    private func pick<Element: Slot>(_ branches: [Operand?]) -> [Element] {
        var picked = [Element](repeating: .zero, count: rowCount)
        for (number, operand) in branches.enumerated() {
            guard let operand else { continue }
            pick(UInt16(number), Element.array(operand.values), operand.isConstant ? 0 : 1, into: &picked)
        }
        return picked
    }

    @inline(__always)
    private func pick<Element: Slot>(_ number: UInt16, _ values: [Element], _ step: Int, into picked: inout [Element]) {
        precondition(step == 0 ? values.count >= 1 || rowCount == 0 : values.count == rowCount)
        taken.withUnsafeBufferPointer { taken in
            values.withUnsafeBufferPointer { values in
                picked.withUnsafeMutableBufferPointer { picked in
                    // Safe: compared above; `taken` and `picked` have one element a row.
                    if step == 0 {
                        guard let value = values.first else { return }
                        for row in 0..<taken.count {
                            let other = picked[row]
                            picked[row] = taken[row] == number ? value : other
                        }
                    } else {
                        for row in 0..<taken.count {
                            let (value, other) = (values[row], picked[row])
                            picked[row] = taken[row] == number ? value : other
                        }
                    }
                }
            }
        }
    }

    private func pickTexts(_ branches: [Operand?]) -> TextValues {
        let rows = branches.map { $0.map { TextRows($0) } }
        var picked = TextValues()
        picked.offsets.reserveCapacity(rowCount + 1)
        for row in 0..<rowCount {
            let branch = Int(taken[row])
            if branch < branches.count, branches[branch]?.isValid(row) == true, let texts = rows[branch] {
                picked.append(texts.bytes(row))
            } else {
                picked.append([])
            }
        }
        return picked
    }

    private func pickVectors(_ branches: [Operand?], _ dimensions: Int) -> [Float] {
        var picked = [Float](repeating: 0, count: rowCount * dimensions)
        for (number, operand) in branches.enumerated() {
            guard let operand, case .vector(_, let values) = operand.values else { continue }
            for row in 0..<rowCount where taken[row] == UInt16(number) {
                let start = operand.isConstant ? 0 : row * dimensions
                for index in 0..<dimensions { picked[row * dimensions + index] = values[start + index] }
            }
        }
        return picked
    }
}
