import PointInTime

/// Functions of vectors. Sums are of float64, from the first element to the last.
enum Vectors {
    static let dot: Kernel = { operands, rowCount in
        pairs(operands, rowCount) { a, b in
            var sum = 0.0
            for index in 0..<a.count { sum += Double(a[index]) * Double(b[index]) }
            return sum
        }
    }

    static let norm: Kernel = { operands, rowCount in
        pairs(operands + operands, rowCount) { a, _ in
            var sum = 0.0
            for index in 0..<a.count { sum += Double(a[index]) * Double(a[index]) }
            return sum.squareRoot()
        }
    }

    /// `nil` where one of them has no direction.
    static let cosine: Kernel = { operands, rowCount in
        pairs(operands, rowCount) { a, b in
            var (sum, left, right) = (0.0, 0.0, 0.0)
            for index in 0..<a.count {
                let (x, y) = (Double(a[index]), Double(b[index]))
                sum += x * y
                left += x * x
                right += y * y
            }
            return left == 0 || right == 0 ? nil : sum / (left.squareRoot() * right.squareRoot())
        }
    }

    /// - Parameter body: `nil` = an error.
    @inline(__always)
    private static func pairs(
        _ operands: [Operand],
        _ rowCount: Int,
        _ body: (UnsafeBufferPointer<Float>, UnsafeBufferPointer<Float>) -> Double?
    ) -> Operand {
        let count = Loops.count(operands, rowCount)
        guard case .vector(let width, let a) = operands[0].values, case .vector(_, let b) = operands[1].values else {
            preconditionFailure("a kernel for vectors")
        }
        var values = [Double](repeating: 0, count: count)
        var failed: [Bool]?
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                for row in 0..<count {
                    let (left, right) = (operands[0].isConstant ? 0 : row, operands[1].isConstant ? 0 : row)
                    let value = body(
                        UnsafeBufferPointer(rebasing: a[left * width..<(left + 1) * width]),
                        UnsafeBufferPointer(rebasing: b[right * width..<(right + 1) * width])
                    )
                    if let value {
                        values[row] = value
                    } else {
                        if failed == nil { failed = [Bool](repeating: false, count: count) }
                        failed?[row] = true
                    }
                }
            }
        }
        return Loops.result(.float64(values), operands, count, failed: failed)
    }

    /// An element by its number from 1; null where there is none.
    static let element: Kernel = { operands, rowCount in
        let count = Loops.count(operands, rowCount)
        guard case .vector(let width, let a) = operands[0].values else { preconditionFailure("a kernel for vectors") }
        let indexes = Int64.array(operands[1].values)
        var values = [Float](repeating: 0, count: count)
        var valid = [Bool](repeating: true, count: count)
        for row in 0..<count {
            let index = indexes[operands[1].isConstant ? 0 : row]
            if index >= 1, index <= Int64(width) {
                values[row] = a[(operands[0].isConstant ? 0 : row) * width + Int(index) - 1]
            } else {
                valid[row] = false
            }
        }
        var result = Loops.result(.float32(values), operands, count)
        result.validity = result.validity.map { Loops.map($0, valid, count) { (a: Bool, b: Bool) in a && b } } ?? valid
        return result
    }
}
