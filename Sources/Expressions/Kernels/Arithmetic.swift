/// `+ - * / %` and the sign, as PostgreSQL has them: integers overflow into errors, floats too, but for operands that are
/// infinite already.
enum Arithmetic {
    static func kernel(_ operation: Syntax.Binary, _ type: ValueType) -> Kernel? {
        switch (operation, type) {
        case (.plus, .int32): addIntegers(Int32.self)
        case (.plus, .int64): addIntegers(Int64.self)
        case (.plus, .float32): addFloats(Float.self)
        case (.plus, .float64): addFloats(Double.self)
        case (.minus, .int32): subtractIntegers(Int32.self)
        case (.minus, .int64): subtractIntegers(Int64.self)
        case (.minus, .float32): subtractFloats(Float.self)
        case (.minus, .float64): subtractFloats(Double.self)
        case (.times, .int32): multiplyIntegers(Int32.self)
        case (.times, .int64): multiplyIntegers(Int64.self)
        case (.times, .float32): multiplyFloats(Float.self)
        case (.times, .float64): multiplyFloats(Double.self)
        case (.divide, .int32): divideIntegers(Int32.self)
        case (.divide, .int64): divideIntegers(Int64.self)
        case (.divide, .float32): divideFloats(Float.self)
        case (.divide, .float64): divideFloats(Double.self)
        case (.modulo, .int32): modulo(Int32.self)
        case (.modulo, .int64): modulo(Int64.self)
        default: nil
        }
    }

    @inline(__always)
    private static func addIntegers<T: FixedWidthInteger & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            // The sign of the sum differs from both operands' where it overflows.
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a &+ b },
                fails: { a, b, sum in (a ^ sum) & (b ^ sum) < 0 }
            )
        }
    }

    @inline(__always)
    private static func subtractIntegers<T: FixedWidthInteger & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a &- b },
                fails: { a, b, difference in (a ^ b) & (a ^ difference) < 0 }
            )
        }
    }

    @inline(__always)
    private static func multiplyIntegers<T: FixedWidthInteger & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a &* b },
                fails: { a, b, _ in a.multipliedReportingOverflow(by: b).overflow }
            )
        }
    }

    @inline(__always)
    private static func divideIntegers<T: FixedWidthInteger & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a.dividedReportingOverflow(by: b).partialValue },
                fails: { a, b, _ in b == 0 || (b == -1 && a == .min) }
            )
        }
    }

    @inline(__always)
    static func modulo<T: FixedWidthInteger & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in b == 0 || b == -1 ? 0 : a % b },
                fails: { _, b, _ in b == 0 }
            )
        }
    }

    @inline(__always)
    private static func addFloats<T: BinaryFloatingPoint & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a + b },
                fails: { a, b, sum in sum.isInfinite && a.isFinite && b.isFinite }
            )
        }
    }

    @inline(__always)
    private static func subtractFloats<T: BinaryFloatingPoint & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a - b },
                fails: { a, b, difference in difference.isInfinite && a.isFinite && b.isFinite }
            )
        }
    }

    @inline(__always)
    private static func multiplyFloats<T: BinaryFloatingPoint & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a * b },
                fails: { a, b, product in
                    (product.isInfinite && a.isFinite && b.isFinite) || (product == 0 && a != 0 && b != 0)
                }
            )
        }
    }

    @inline(__always)
    private static func divideFloats<T: BinaryFloatingPoint & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (a: T, b: T) in a / b },
                fails: { a, b, quotient in
                    (b == 0 && !a.isNaN) || (quotient.isInfinite && a.isFinite)
                        || (quotient == 0 && a != 0 && !b.isInfinite)
                }
            )
        }
    }

    static func negate(_ type: ValueType) -> Kernel? {
        switch type {
        case .int32: negateIntegers(Int32.self)
        case .int64: negateIntegers(Int64.self)
        case .float32: { operands, rowCount in Loops.total(operands, rowCount) { (value: Float) in -value } }
        case .float64: { operands, rowCount in Loops.total(operands, rowCount) { (value: Double) in -value } }
        default: nil
        }
    }

    @inline(__always)
    private static func negateIntegers<T: FixedWidthInteger & SignedInteger & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(operands, rowCount, { (value: T) in 0 &- value }, fails: { value, _ in value == .min })
        }
    }

    @inline(__always)
    static func magnitude<T: FixedWidthInteger & SignedInteger & Slot>(_: T.Type) -> Kernel {
        { operands, rowCount in
            Loops.checked(
                operands,
                rowCount,
                { (value: T) in value < 0 ? 0 &- value : value },
                fails: { value, _ in value == .min }
            )
        }
    }
}
