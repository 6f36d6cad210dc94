import PointInTime

/// Booleans of three values.
enum Logic {
    /// `and` (decided by false) and `or` (decided by true).
    ///
    /// A row whose left side decides does not reach the right one, so an error there is none of its.
    static func join(_ left: Operand, _ right: Operand, deciding: Bool, _ rowCount: Int) -> Operand {
        let count = Loops.count([left, right], rowCount)
        let (a, b) = (left.values.bools, right.values.bools)
        let isConstant = left.isConstant && right.isConstant
        if left.validity == nil, right.validity == nil, left.errors == nil, right.errors == nil {
            let values: [Bool] =
                deciding
                ? Loops.map(a, b, count) { (a: Bool, b: Bool) in a || b }
                : Loops.map(a, b, count) { (a: Bool, b: Bool) in a && b }
            return Operand(.bool(values), isConstant: isConstant)
        }
        var values = [Bool](repeating: false, count: count)
        var valid = values
        var errors = values
        Flags.values(left).withFlags(count) { a in
            Flags.values(right).withFlags(count) { b in
                Flags.validity(left).withFlags(count) { aValid in
                    Flags.validity(right).withFlags(count) { bValid in
                        Flags.errors(left).withFlags(count) { aErrors in
                            Flags.errors(right).withFlags(count) { bErrors in
                                for row in 0..<count {
                                    let (left, isLeftValid, isLeftError) = (a[row], aValid[row], aErrors[row])
                                    let (right, isRightValid, isRightError) = (b[row], bValid[row], bErrors[row])
                                    let isDecided = isLeftValid && left == deciding
                                    let fails = isLeftError || (!isDecided && isRightError)
                                    let decides = !fails && (isDecided || (isRightValid && right == deciding))
                                    let isValid = decides || (!fails && isLeftValid && isRightValid)
                                    errors[row] = fails
                                    valid[row] = isValid
                                    values[row] = isValid && decides == deciding
                                }
                            }
                        }
                    }
                }
            }
        }
        return Operand(
            .bool(values),
            validity: valid,
            errors: errors.contains(true) ? errors : nil,
            isConstant: isConstant
        )
    }

    static let not: Kernel = { operands, rowCount in Loops.total(operands, rowCount) { (value: Bool) in !value } }

    static func isNull(isNegated: Bool) -> Kernel {
        { operands, rowCount in
            let count = Loops.count(operands, rowCount)
            let values =
                operands[0].validity.map { valid in Loops.map(valid, count) { (valid: Bool) in valid == isNegated } }
                ?? [Bool](repeating: isNegated, count: count)
            return known(values, operands, count)
        }
    }

    static func isTrue(_ value: Bool, isNegated: Bool) -> Kernel {
        { operands, rowCount in
            let count = Loops.count(operands, rowCount)
            let valid = operands[0].validity ?? [Bool](repeating: true, count: count)
            let values = Loops.map(operands[0].values.bools, valid, count) { (found: Bool, valid: Bool) in
                (valid && found == value) != isNegated
            }
            return known(values, operands, count)
        }
    }

    /// A result that is never null, but where an operand had an error.
    private static func known(_ values: [Bool], _ operands: [Operand], _ count: Int) -> Operand {
        let errors = Loops.errors(operands, count)
        return Operand(
            .bool(values),
            validity: errors.map { errors in Loops.map(errors, count) { (failed: Bool) in !failed } },
            errors: errors,
            isConstant: operands[0].isConstant
        )
    }
}
