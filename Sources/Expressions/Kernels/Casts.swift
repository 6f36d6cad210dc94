import Features
import PointInTime

/// Casts of numbers and booleans. Floats become integers by rounding to the nearest, of two the even one.
enum Casts {
    /// - Returns: `nil` where there is no such cast.
    static func kernel(_ from: ValueType, _ to: ValueType) -> Kernel? {
        switch (from, to) {
        case (.int32, .int64): { operands, n in Loops.total(operands, n) { (x: Int32) in Int64(x) } }
        case (.int32, .float32): { operands, n in Loops.total(operands, n) { (x: Int32) in Float(x) } }
        case (.int32, .float64): { operands, n in Loops.total(operands, n) { (x: Int32) in Double(x) } }
        case (.int32, .bool): { operands, n in Loops.total(operands, n) { (x: Int32) in x != 0 } }
        case (.bool, .int32): { operands, n in Loops.total(operands, n) { (x: Bool) in x ? Int32(1) : 0 } }
        case (.int64, .int32):
            { operands, n in
                Loops.checked(
                    operands,
                    n,
                    { (x: Int64) in Int32(truncatingIfNeeded: x) },
                    fails: { x, result in Int64(result) != x }
                )
            }
        case (.int64, .float32): { operands, n in Loops.total(operands, n) { (x: Int64) in Float(x) } }
        case (.int64, .float64): { operands, n in Loops.total(operands, n) { (x: Int64) in Double(x) } }
        case (.float32, .float64): { operands, n in Loops.total(operands, n) { (x: Float) in Double(x) } }
        case (.float64, .float32):
            { operands, n in
                Loops.checked(
                    operands,
                    n,
                    { (x: Double) in Float(x) },
                    fails: { x, result in (result.isInfinite && x.isFinite) || (result == 0 && x != 0) }
                )
            }
        case (.float32, .int32), (.float32, .int64):
            widened(kernel(.float64, to))
        case (.float64, .int32): integers(Int32.self)
        case (.float64, .int64): integers(Int64.self)
        default: CastTexts.kernel(from, to)
        }
    }

    /// A float32 is exact as a float64, and rounds to the same integer.
    private static func widened(_ kernel: Kernel?) -> Kernel? {
        guard let kernel else { return nil }
        return { operands, n in kernel([Loops.total(operands, n) { (x: Float) in Double(x) }], n) }
    }

    @inline(__always)
    private static func integers<I: FixedWidthInteger & Slot>(_: I.Type) -> Kernel {
        // Both bounds are powers of two, which floats hold exactly.
        let (low, high) = (Double(I.min), -Double(I.min))
        return { operands, n in
            Loops.checked(
                operands,
                n,
                { (x: Double) in
                    let rounded = Mathematics.roundedToEven(x)
                    return rounded >= low && rounded < high ? I(truncatingIfNeeded: Int64(rounded)) : 0
                },
                fails: { x, _ in
                    let rounded = Mathematics.roundedToEven(x)
                    return !(rounded >= low && rounded < high)
                }
            )
        }
    }
}
