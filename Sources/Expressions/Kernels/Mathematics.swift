import Glibc

/// Functions of float64, as PostgreSQL calls the platform's libm; what it raises an error for is one here.
enum Mathematics {
    static let absoluteFloat: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Float) in x.magnitude }
    }
    static let absoluteDouble: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Double) in x.magnitude }
    }
    static let floor: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Double) in x.rounded(.down) }
    }
    static let ceil: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Double) in x.rounded(.up) }
    }
    static let round: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Double) in roundedToEven(x) }
    }

    /// `rint`, without a call: processors that have no instruction for it would make one for each row.
    @inline(__always)
    static func roundedToEven(_ x: Double) -> Double {
        // From 2^52 on there are whole numbers only, and sums in that range are rounded to them.
        let whole = 4_503_599_627_370_496.0
        let magnitude = x.magnitude
        return magnitude < whole ? Double(signOf: x, magnitudeOf: magnitude + whole - whole) : x
    }

    static let truncate: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Double) in x.rounded(.towardZero) }
    }
    static let sign: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Double) in x > 0 ? 1.0 : (x < 0 ? -1.0 : 0.0) }
    }
    static let squareRoot: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in x.squareRoot() }, fails: { x, _ in x < 0 })
    }
    static let exponential: Kernel = { operands, rowCount in
        Loops.checked(
            operands,
            rowCount,
            { (x: Double) in Glibc.exp(x) },
            fails: { x, result in x.isFinite && (result.isInfinite || result == 0) }
        )
    }
    static let naturalLogarithm: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in Glibc.log(x) }, fails: { x, _ in x <= 0 })
    }
    static let decimalLogarithm: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in Glibc.log10(x) }, fails: { x, _ in x <= 0 })
    }
    static let sine: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in Glibc.sin(x) }, fails: { x, _ in x.isInfinite })
    }
    static let cosine: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in Glibc.cos(x) }, fails: { x, _ in x.isInfinite })
    }
    static let tangent: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in Glibc.tan(x) }, fails: { x, _ in x.isInfinite })
    }
    static let arcSine: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in Glibc.asin(x) }, fails: { x, _ in x < -1 || x > 1 })
    }
    static let arcCosine: Kernel = { operands, rowCount in
        Loops.checked(operands, rowCount, { (x: Double) in Glibc.acos(x) }, fails: { x, _ in x < -1 || x > 1 })
    }
    static let arcTangent: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (x: Double) in Glibc.atan(x) }
    }
    static let arcTangent2: Kernel = { operands, rowCount in
        Loops.total(operands, rowCount) { (y: Double, x: Double) in Glibc.atan2(y, x) }
    }

    private static let radiansPerDegree = 0.0174532925199432957692

    static let radians: Kernel = { operands, rowCount in
        Loops.checked(
            operands,
            rowCount,
            { (x: Double) in x * radiansPerDegree },
            fails: { x, result in result == 0 && x != 0 }
        )
    }
    static let degrees: Kernel = { operands, rowCount in
        Loops.checked(
            operands,
            rowCount,
            { (x: Double) in x / radiansPerDegree },
            fails: { x, result in result.isInfinite && x.isFinite }
        )
    }
    static let power: Kernel = { operands, rowCount in
        Loops.checked(
            operands,
            rowCount,
            { (base: Double, exponent: Double) in raised(base, exponent) },
            fails: { base, exponent, result in
                if base.isNaN || exponent.isNaN { return false }
                if base == 0, exponent < 0 { return true }
                if base < 0, exponent.rounded(.down) != exponent { return true }
                guard base.isFinite, exponent.isFinite else { return false }
                return result.isInfinite || (result == 0 && base != 0)
            }
        )
    }

    /// C's `pow`, but for infinite operands, where PostgreSQL follows POSIX by itself; both agree in glibc.
    @inline(__always)
    private static func raised(_ base: Double, _ exponent: Double) -> Double { Glibc.pow(base, exponent) }
}
