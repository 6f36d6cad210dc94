import PointInTime

/// Comparisons, `greatest`, `least` and `nullif`. NaN is equal to itself and greater than all other floats; texts are
/// compared by their bytes.
enum Comparison {
    enum Order {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

        init?(_ operation: Syntax.Binary) {
            switch operation {
            case .equal: self = .equal
            case .notEqual: self = .notEqual
            case .less: self = .less
            case .lessOrEqual: self = .lessOrEqual
            case .greater: self = .greater
            case .greaterOrEqual: self = .greaterOrEqual
            default: return nil
            }
        }
    }

    /// - Returns: `nil` where values of the type have no order.
    static func kernel(_ order: Order, _ type: ValueType) -> Kernel? {
        switch type {
        case .bool: bools(order)
        case .int32: integers(order, Int32.self)
        case .int64, .timestamp, .interval, .localTime: integers(order, Int64.self)
        case .float32: floats(order, Float.self)
        case .float64: floats(order, Double.self)
        case .string, .bytes: texts(order)
        default: nil
        }
    }

    @inline(__always)
    private static func integers<T: FixedWidthInteger & Slot>(_ order: Order, _: T.Type) -> Kernel {
        switch order {
        case .equal: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in a == b } }
        case .notEqual: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in a != b } }
        case .less: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in a < b } }
        case .lessOrEqual: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in a <= b } }
        case .greater: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in a > b } }
        case .greaterOrEqual: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in a >= b } }
        }
    }

    @inline(__always)
    private static func floats<T: BinaryFloatingPoint & Slot>(_ order: Order, _: T.Type) -> Kernel {
        switch order {
        case .equal:
            { operands, rowCount in
                Loops.total(operands, rowCount) { (a: T, b: T) in a == b || (a.isNaN && b.isNaN) }
            }
        case .notEqual:
            { operands, rowCount in
                Loops.total(operands, rowCount) { (a: T, b: T) in a != b && !(a.isNaN && b.isNaN) }
            }
        case .less: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in isLess(a, b) } }
        case .lessOrEqual: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in !isLess(b, a) } }
        case .greater: { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in isLess(b, a) } }
        case .greaterOrEqual:
            { operands, rowCount in Loops.total(operands, rowCount) { (a: T, b: T) in !isLess(a, b) } }
        }
    }

    @inline(__always)
    private static func isLess<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> Bool { a < b || (b.isNaN && !a.isNaN) }

    private static func bools(_ order: Order) -> Kernel {
        { operands, rowCount in
            let count = Loops.count(operands, rowCount)
            let values = Loops.map(operands[0].values.bools, operands[1].values.bools, count) { (a: Bool, b: Bool) in
                holds(order, (a ? 1 : 0) - (b ? 1 : 0))
            }
            return Loops.result(.bool(values), operands, count)
        }
    }

    @inline(__always)
    private static func holds(_ order: Order, _ sign: Int) -> Bool {
        switch order {
        case .equal: sign == 0
        case .notEqual: sign != 0
        case .less: sign < 0
        case .lessOrEqual: sign <= 0
        case .greater: sign > 0
        case .greaterOrEqual: sign >= 0
        }
    }

    private static func texts(_ order: Order) -> Kernel {
        { operands, rowCount in
            let count = Loops.count(operands, rowCount)
            let (a, b) = (TextRows(operands[0]), TextRows(operands[1]))
            var values = [Bool](repeating: false, count: count)
            for row in 0..<count { values[row] = holds(order, a.compare(row, b)) }
            return Loops.result(.bool(values), operands, count)
        }
    }

    /// The greatest or the least of the operands that are not null.
    static func extreme(_ type: ValueType, isGreatest: Bool) -> Kernel? {
        guard let better = kernel(isGreatest ? .greater : .less, type) else { return nil }
        return { operands, rowCount in
            var best = operands[0]
            for operand in operands.dropFirst() {
                best = pick(better([operand, best], rowCount), operand, best, rowCount)
            }
            return best
        }
    }

    /// `candidate` where it is better or `best` is null, errors of both.
    private static func pick(_ isBetter: Operand, _ candidate: Operand, _ best: Operand, _ rowCount: Int) -> Operand {
        let count = Loops.count([candidate, best], rowCount)
        var takes = [Bool](repeating: false, count: count)
        Flags.values(isBetter).withFlags(count) { isBetter in
            Flags.validity(candidate).withFlags(count) { isCandidate in
                Flags.validity(best).withFlags(count) { isBest in
                    for row in 0..<count {
                        let (isBest, isCandidate, isBetter) = (isBest[row], isCandidate[row], isBetter[row])
                        takes[row] = !isBest || (isCandidate && isBetter)
                    }
                }
            }
        }
        var selection = Selection(rowCount: count)
        selection.take(Operand(.bool(takes)))
        selection.close(branchCount: 1)
        var picked = selection.result([candidate, best], like: best)
        picked.isConstant = candidate.isConstant && best.isConstant
        if let errors = Loops.errors([candidate, best], count) {
            picked.errors = errors
            let valid = picked.validity ?? [Bool](repeating: true, count: count)
            picked.validity = Loops.map(valid, errors, count) { (valid: Bool, failed: Bool) in valid && !failed }
        }
        return picked
    }

    /// The first operand, null where the comparison of it with the second is true.
    static let nullIf: Kernel = { operands, rowCount in
        let count = Loops.count(operands, rowCount)
        let (value, isEqual) = (operands[0], operands[1])
        let equal = isEqual.values.bools
        let takes = (0..<count).map { row in
            isEqual.isValid(row) && equal[isEqual.isConstant ? 0 : row]
        }
        var selection = Selection(rowCount: count)
        selection.take(Operand(.bool(takes)))
        selection.close(branchCount: 1)
        var picked = selection.result([Operand(nullLike: value), value], like: value)
        picked.isConstant = value.isConstant && isEqual.isConstant
        // What the second operand failed with is the comparison's error.
        if let errors = Loops.errors(operands, count) {
            picked.errors = errors
            let valid = picked.validity ?? [Bool](repeating: true, count: count)
            picked.validity = Loops.map(valid, errors, count) { (valid: Bool, failed: Bool) in valid && !failed }
        }
        return picked
    }
}
