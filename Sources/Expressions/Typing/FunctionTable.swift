/// The functions of expressions: the reference is made from this table, and calls are resolved by it.
enum FunctionTable {
    struct Function: Sendable {
        let name: String
        let subject: Subject
        let overloads: [Overload]
        /// For the reference.
        let meaning: String
        /// When a row is an error; empty where none is.
        var errors = ""
    }

    enum Subject: String, CaseIterable, Sendable {
        case numbers = "Numbers"
        case strings = "Strings"
        case vectors = "Vectors"
    }

    /// What one set of operands gives; of those that take the arguments the first is called.
    struct Overload: Sendable {
        let parameters: [Parameter]
        let result: ValueType
        let kernel: Kernel

        init(_ parameters: [Parameter], _ result: ValueType, _ kernel: @escaping Kernel) {
            self.parameters = parameters
            self.result = result
            self.kernel = kernel
        }
    }

    enum Parameter: Sendable {
        case value(ValueType)
        /// Of any length; all vectors of a call have one.
        case vector

        var text: String {
            switch self {
            case .value(let type): type.text
            case .vector: "vector"
            }
        }
    }

    static let all: [Function] = numbers + strings + vectors

    static let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    /// Names that the typer resolves by itself, because their arguments have one type of several.
    static let special = ["case", "cast", "coalesce", "date_trunc", "extract", "greatest", "least", "nullif"]

    private static func float(_ kernel: @escaping Kernel, operands: Int = 1) -> [Overload] {
        [Overload([Parameter](repeating: .value(.float64), count: operands), .float64, kernel)]
    }

    private static let infinite = "infinite"
    private static let outsideOne = "below -1 or above 1"

    private static let numbers: [Function] = [
        Function(
            name: "abs",
            subject: .numbers,
            overloads: [
                Overload([.value(.int32)], .int32, Arithmetic.magnitude(Int32.self)),
                Overload([.value(.int64)], .int64, Arithmetic.magnitude(Int64.self)),
                Overload([.value(.float32)], .float32, Mathematics.absoluteFloat),
                Overload([.value(.float64)], .float64, Mathematics.absoluteDouble),
            ],
            meaning: "without its sign",
            errors: "the least integer"
        ),
        Function(name: "floor", subject: .numbers, overloads: float(Mathematics.floor), meaning: "rounded down"),
        Function(name: "ceil", subject: .numbers, overloads: float(Mathematics.ceil), meaning: "rounded up"),
        Function(
            name: "round",
            subject: .numbers,
            overloads: float(Mathematics.round),
            meaning: "rounded to the nearest, of two the even one"
        ),
        Function(
            name: "trunc",
            subject: .numbers,
            overloads: float(Mathematics.truncate),
            meaning: "rounded towards 0"
        ),
        Function(name: "sign", subject: .numbers, overloads: float(Mathematics.sign), meaning: "-1, 0 or 1; of NaN 0"),
        Function(
            name: "mod",
            subject: .numbers,
            overloads: [
                Overload([.value(.int32), .value(.int32)], .int32, Arithmetic.modulo(Int32.self)),
                Overload([.value(.int64), .value(.int64)], .int64, Arithmetic.modulo(Int64.self)),
            ],
            meaning: "the rest of a division, with the sign of the first",
            errors: "by 0"
        ),
        Function(
            name: "sqrt",
            subject: .numbers,
            overloads: float(Mathematics.squareRoot),
            meaning: "square root",
            errors: "below 0"
        ),
        Function(
            name: "exp",
            subject: .numbers,
            overloads: float(Mathematics.exponential),
            meaning: "e to this power",
            errors: "too large, or so small that it would be 0"
        ),
        Function(
            name: "ln",
            subject: .numbers,
            overloads: float(Mathematics.naturalLogarithm),
            meaning: "natural logarithm",
            errors: "0 or below"
        ),
        Function(
            name: "log10",
            subject: .numbers,
            overloads: float(Mathematics.decimalLogarithm),
            meaning: "logarithm to base 10",
            errors: "0 or below"
        ),
        Function(
            name: "power",
            subject: .numbers,
            overloads: float(Mathematics.power, operands: 2),
            meaning: "the first to the power of the second",
            errors: "0 to a negative power, a negative number to a fraction, too large, or so small that it would be 0"
        ),
        Function(
            name: "sin",
            subject: .numbers,
            overloads: float(Mathematics.sine),
            meaning: "sine of radians",
            errors: infinite
        ),
        Function(
            name: "cos",
            subject: .numbers,
            overloads: float(Mathematics.cosine),
            meaning: "cosine of radians",
            errors: infinite
        ),
        Function(
            name: "tan",
            subject: .numbers,
            overloads: float(Mathematics.tangent),
            meaning: "tangent of radians",
            errors: infinite
        ),
        Function(
            name: "asin",
            subject: .numbers,
            overloads: float(Mathematics.arcSine),
            meaning: "arc sine, in radians",
            errors: outsideOne
        ),
        Function(
            name: "acos",
            subject: .numbers,
            overloads: float(Mathematics.arcCosine),
            meaning: "arc cosine, in radians",
            errors: outsideOne
        ),
        Function(
            name: "atan",
            subject: .numbers,
            overloads: float(Mathematics.arcTangent),
            meaning: "arc tangent, in radians"
        ),
        Function(
            name: "atan2",
            subject: .numbers,
            overloads: float(Mathematics.arcTangent2, operands: 2),
            meaning: "the angle of the point (second, first), in radians"
        ),
        Function(
            name: "radians",
            subject: .numbers,
            overloads: float(Mathematics.radians),
            meaning: "degrees as radians",
            errors: "so small that it would be 0"
        ),
        Function(
            name: "degrees",
            subject: .numbers,
            overloads: float(Mathematics.degrees),
            meaning: "radians as degrees",
            errors: "too large"
        ),
    ]

    private static let strings: [Function] = [
        Function(
            name: "lower",
            subject: .strings,
            overloads: [Overload([.value(.string)], .string, TextFunctions.lower)],
            meaning: "A-Z in lower case; other letters stay"
        ),
        Function(
            name: "upper",
            subject: .strings,
            overloads: [Overload([.value(.string)], .string, TextFunctions.upper)],
            meaning: "a-z in upper case; other letters stay"
        ),
        Function(
            name: "length",
            subject: .strings,
            overloads: [
                Overload([.value(.string)], .int32, TextFunctions.characterCount),
                Overload([.value(.bytes)], .int32, TextFunctions.byteCount),
            ],
            meaning: "how many characters; of bytes, how many bytes"
        ),
        Function(
            name: "trim",
            subject: .strings,
            overloads: [Overload([.value(.string)], .string, TextFunctions.trim)],
            meaning: "without blanks at both ends"
        ),
        Function(
            name: "left",
            subject: .strings,
            overloads: [Overload([.value(.string), .value(.int32)], .string, TextFunctions.left)],
            meaning: "the first *n* characters; all but the last -*n* where *n* is negative"
        ),
        Function(
            name: "right",
            subject: .strings,
            overloads: [Overload([.value(.string), .value(.int32)], .string, TextFunctions.right)],
            meaning: "the last *n* characters; all but the first -*n* where *n* is negative"
        ),
        Function(
            name: "substr",
            subject: .strings,
            overloads: [
                Overload([.value(.string), .value(.int32)], .string, TextFunctions.substring),
                Overload([.value(.string), .value(.int32), .value(.int32)], .string, TextFunctions.substring),
            ],
            meaning: "from a character on, counted from 1; of a length",
            errors: "a negative length"
        ),
        Function(
            name: "strpos",
            subject: .strings,
            overloads: [Overload([.value(.string), .value(.string)], .int32, TextFunctions.position)],
            meaning: "where the second begins in the first, in characters from 1; 0 = nowhere"
        ),
    ]

    private static let vectors: [Function] = [
        Function(
            name: "dot",
            subject: .vectors,
            overloads: [Overload([.vector, .vector], .float64, Vectors.dot)],
            meaning: "the sum of the products of elements"
        ),
        Function(
            name: "norm",
            subject: .vectors,
            overloads: [Overload([.vector], .float64, Vectors.norm)],
            meaning: "the square root of `dot(a, a)`"
        ),
        Function(
            name: "cosine",
            subject: .vectors,
            overloads: [Overload([.vector, .vector], .float64, Vectors.cosine)],
            meaning: "`dot(a, b) / (norm(a) * norm(b))`: 1 where they point the same way",
            errors: "a vector of zeros"
        ),
    ]
}
