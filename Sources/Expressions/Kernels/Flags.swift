/// One flag a row, or one for all rows, so that loops need not ask which.
struct Flags {
    let array: [Bool]
    let step: Int

    /// - Parameters:
    ///   - flags: `nil` = `otherwise` in every row.
    ///   - isConstant: whether `flags` has one element for all rows.
    init(_ flags: [Bool]?, isConstant: Bool, otherwise: Bool) {
        array = flags ?? [otherwise]
        step = flags == nil || isConstant ? 0 : 1
    }

    static func validity(_ operand: Operand) -> Flags {
        Flags(operand.validity, isConstant: operand.isConstant, otherwise: true)
    }

    static func errors(_ operand: Operand) -> Flags {
        Flags(operand.errors, isConstant: operand.isConstant, otherwise: false)
    }

    /// The values of a bool.
    static func values(_ operand: Operand) -> Flags {
        Flags(operand.values.bools, isConstant: operand.isConstant, otherwise: false)
    }

    @inline(__always)
    func withFlags<Result>(_ count: Int, _ body: (Rows) -> Result) -> Result {
        precondition(step == 0 ? array.count >= 1 || count == 0 : array.count == count)
        return array.withUnsafeBufferPointer { body(Rows(flags: $0, step: step)) }
    }

    /// Flags while their array is held.
    struct Rows {
        let flags: UnsafeBufferPointer<Bool>
        let step: Int

        // Safe: `withFlags` compared the count with that of the rows.
        @inline(__always)
        subscript(row: Int) -> Bool { flags[row &* step] }
    }
}
