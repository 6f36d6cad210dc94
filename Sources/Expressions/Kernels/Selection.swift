import PointInTime

/// Which of several values each row takes, and which rows ended in an error before they took one.
struct Selection {
    private static let open: UInt16 = .max
    private static let failed: UInt16 = .max - 1

    private let rowCount: Int
    /// The branch that a row takes.
    private var taken: [UInt16]
    private var openCount: Int
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
    mutating func take(_ condition: Operand) {
        let values = condition.values.bools
        take(condition) { values[$0] }
    }

    /// Rows that have a value take the next branch.
    mutating func takeValid(_ operand: Operand) {
        take(operand) { _ in true }
    }

    @inline(__always)
    private mutating func take(_ operand: Operand, _ isTrue: (Int) -> Bool) {
        let step = operand.isConstant ? 0 : 1
        var any = false
        for row in 0..<rowCount where taken[row] == Self.open {
            let place = row &* step
            if operand.errors?[place] == true {
                taken[row] = Self.failed
                openCount -= 1
            } else if operand.validity?[place] != false, isTrue(place) {
                taken[row] = branch
                openCount -= 1
                any = true
            }
        }
        reached.append(any)
        branch += 1
    }

    /// All rows left take branch number `branchCount`, that behind the last.
    mutating func close(branchCount: Int) {
        while reached.count < branchCount { reached.append(false) }
        reached.append(openCount > 0)
        guard openCount > 0 else { return }
        for row in 0..<rowCount where taken[row] == Self.open { taken[row] = UInt16(branchCount) }
        openCount = 0
    }

    func isReached(_ branch: Int) -> Bool { reached[branch] }

    /// Each row's value out of its branch.
    /// - Parameters:
    ///   - branches: `nil` where no row takes it.
    ///   - like: of the branches' type.
    func result(_ branches: [Operand?], like: Operand) -> Operand {
        var validity: [Bool]?
        var errors: [Bool]?
        let mayBeNull = branches.contains { $0?.validity != nil } || taken.contains(Self.failed)
        if mayBeNull {
            var valid = [Bool](repeating: false, count: rowCount)
            for row in 0..<rowCount where taken[row] != Self.failed {
                valid[row] = branches[Int(taken[row])]?.isValid(row) == true
            }
            validity = valid
        }
        if taken.contains(Self.failed) || branches.contains(where: { $0?.errors != nil }) {
            var failed = [Bool](repeating: false, count: rowCount)
            var any = false
            for row in 0..<rowCount {
                failed[row] = taken[row] == Self.failed || branches[Int(taken[row])]?.isError(row) == true
                any = any || failed[row]
            }
            if any { errors = failed }
        }
        return Operand(values(branches, like: like), validity: validity, errors: errors)
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
            let values = Element.array(operand.values)
            let step = operand.isConstant ? 0 : 1
            for row in 0..<rowCount where taken[row] == UInt16(number) { picked[row] = values[row &* step] }
        }
        return picked
    }

    private func pickTexts(_ branches: [Operand?]) -> TextValues {
        let texts = branches.map { $0?.values.texts }
        var picked = TextValues()
        picked.offsets.reserveCapacity(rowCount + 1)
        for row in 0..<rowCount {
            if taken[row] != Self.failed, let operand = branches[Int(taken[row])], let values = texts[Int(taken[row])],
                operand.isValid(row)
            {
                picked.append(values[operand.isConstant ? 0 : row])
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
