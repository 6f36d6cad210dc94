import PointInTime

/// Loops of kernels over one and two operands; each use is compiled for its types, with what it does per row inside.
enum Loops {
    /// How many values a result has: one where all operands are constants.
    static func count(_ operands: [Operand], _ rowCount: Int) -> Int {
        operands.allSatisfy(\.isConstant) ? 1 : rowCount
    }

    /// Rows where all operands have a value; `nil` = all rows.
    static func validity(_ operands: [Operand], _ count: Int) -> [Bool]? {
        // Mostly there is none, and one row should not cost a list of nothing.
        guard operands.contains(where: { $0.validity != nil }) else { return nil }
        return merge(operands.map { ($0.validity, $0.isConstant) }, count, keeps: { $0 && $1 })
    }

    /// Rows where one of the operands has an error; `nil` = none.
    static func errors(_ operands: [Operand], _ count: Int) -> [Bool]? {
        guard operands.contains(where: { $0.errors != nil }) else { return nil }
        return merge(operands.map { ($0.errors, $0.isConstant) }, count, keeps: { $0 || $1 })
    }

    @inline(__always)
    private static func merge(
        _ flags: [(flags: [Bool]?, isConstant: Bool)],
        _ count: Int,
        keeps: (Bool, Bool) -> Bool
    ) -> [Bool]? {
        var merged: [Bool]?
        for (flags, isConstant) in flags {
            guard let flags else { continue }
            let spread = isConstant && count != 1 ? [Bool](repeating: flags[0], count: count) : flags
            guard let others = merged else {
                merged = spread
                continue
            }
            merged = map(spread, others, count, keeps)
        }
        return merged
    }

    /// The result of a kernel that cannot fail, whose values were computed.
    static func result(_ values: Column.Values, _ operands: [Operand], _ count: Int) -> Operand {
        Operand(
            values,
            validity: validity(operands, count),
            errors: errors(operands, count),
            isConstant: operands.allSatisfy(\.isConstant)
        )
    }

    /// The same where rows failed: those that have all operands become errors.
    static func result(_ values: Column.Values, _ operands: [Operand], _ count: Int, failed: [Bool]?) -> Operand {
        var operand = result(values, operands, count)
        guard let failed else { return operand }
        var valid = operand.validity ?? [Bool](repeating: true, count: count)
        var errors = operand.errors ?? [Bool](repeating: false, count: count)
        var any = false
        for row in 0..<count where failed[row] && valid[row] {
            valid[row] = false
            errors[row] = true
            any = true
        }
        if any { (operand.validity, operand.errors) = (valid, errors) }
        return operand
    }

    @inline(__always)
    static func map<A: BitwiseCopyable, R: BitwiseCopyable>(_ a: [A], _ count: Int, _ body: (A) -> R) -> [R] {
        precondition(a.count == count)
        return [R](unsafeUninitializedCapacity: count) { out, filled in
            a.withUnsafeBufferPointer { a in
                // Safe: `a` has `count` elements, and so has `out`.
                for row in 0..<count { out.initializeElement(at: row, to: body(a[row])) }
            }
            filled = count
        }
    }

    /// Either side may have one element for all rows.
    @inline(__always)
    static func map<A: BitwiseCopyable, B: BitwiseCopyable, R: BitwiseCopyable>(
        _ a: [A],
        _ b: [B],
        _ count: Int,
        _ body: (A, B) -> R
    ) -> [R] {
        precondition((a.count == count || a.count == 1) && (b.count == count || b.count == 1))
        return [R](unsafeUninitializedCapacity: count) { out, filled in
            a.withUnsafeBufferPointer { a in
                b.withUnsafeBufferPointer { b in
                    // Safe: each side has `count` elements or one, and `out` has `count`.
                    if a.count == count, b.count == count {
                        for row in 0..<count { out.initializeElement(at: row, to: body(a[row], b[row])) }
                    } else if b.count == 1 {
                        let right = b[0]
                        if a.count == 1 {
                            for row in 0..<count { out.initializeElement(at: row, to: body(a[0], right)) }
                        } else {
                            for row in 0..<count { out.initializeElement(at: row, to: body(a[row], right)) }
                        }
                    } else {
                        let left = a[0]
                        for row in 0..<count { out.initializeElement(at: row, to: body(left, b[row])) }
                    }
                }
            }
            filled = count
        }
    }

    /// One operand, no row fails.
    @inline(__always)
    static func total<A: Slot, R: Slot>(_ operands: [Operand], _ rowCount: Int, _ body: (A) -> R) -> Operand {
        let count = count(operands, rowCount)
        return result(R.values(map(A.array(operands[0].values), count, body)), operands, count)
    }

    /// Two operands, no row fails.
    @inline(__always)
    static func total<A: Slot, B: Slot, R: Slot>(
        _ operands: [Operand],
        _ rowCount: Int,
        _ body: (A, B) -> R
    ) -> Operand {
        let count = count(operands, rowCount)
        let values = map(A.array(operands[0].values), B.array(operands[1].values), count, body)
        return result(R.values(values), operands, count)
    }

    /// One operand; rows fail where `fails` says so of operand and result.
    @inline(__always)
    static func checked<A: Slot, R: Slot>(
        _ operands: [Operand],
        _ rowCount: Int,
        _ body: (A) -> R,
        fails: (A, R) -> Bool
    ) -> Operand {
        let count = count(operands, rowCount)
        let a = A.array(operands[0].values)
        let values = map(a, count, body)
        // Mostly no row fails, and then this loop is all that the question costs.
        var any = false
        for row in 0..<count { any = fails(a[row], values[row]) || any }
        let failed = any ? map(a, values, count, fails) : nil
        return result(R.values(values), operands, count, failed: failed)
    }

    /// Two operands; rows fail where `fails` says so of operands and result.
    @inline(__always)
    static func checked<A: Slot, B: Slot, R: Slot>(
        _ operands: [Operand],
        _ rowCount: Int,
        _ body: (A, B) -> R,
        fails: (A, B, R) -> Bool
    ) -> Operand {
        let count = count(operands, rowCount)
        let (a, b) = (A.array(operands[0].values), B.array(operands[1].values))
        let values = map(a, b, count, body)
        var failed: [Bool]?
        let (aStep, bStep) = (a.count == count ? 1 : 0, b.count == count ? 1 : 0)
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                values.withUnsafeBufferPointer { values in
                    // Safe: a side with a step of 1 has `count` elements, the other has one.
                    var any = false
                    for row in 0..<count {
                        any = fails(a[row &* aStep], b[row &* bStep], values[row]) || any
                    }
                    if any { failed = (0..<count).map { fails(a[$0 &* aStep], b[$0 &* bStep], values[$0]) } }
                }
            }
        }
        return result(R.values(values), operands, count, failed: failed)
    }
}
