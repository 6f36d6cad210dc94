/// An expression as it was written, not yet typed.
struct Syntax {
    let kind: Kind
    /// Where a message about it points: the first byte of an operand, the operator of an operation.
    let offset: Int
    /// 1 for a leaf.
    let depth: Int

    indirect enum Kind {
        case integer(String)
        case decimal(String)
        case string(String)
        case null
        case bool(Bool)
        /// The name's parts joined by points.
        case column(String)
        case unary(Unary, Syntax)
        case binary(Binary, Syntax, Syntax)
        case test(Syntax, Test, isNegated: Bool)
        case contained(Syntax, [Syntax], isNegated: Bool)
        case between(Syntax, Syntax, Syntax, isNegated: Bool)
        case choice(operand: Syntax?, branches: [Branch], otherwise: Syntax?)
        case cast(Syntax, to: CastType)
        case call(name: String, [Syntax])
        case extract(field: String, fieldOffset: Int, Syntax)
        case zone(Syntax, name: String, nameOffset: Int)
        case element(Syntax, Syntax)
    }

    struct Branch {
        var condition: Syntax
        var value: Syntax
    }

    enum Unary: String {
        case minus = "-"
        case plus = "+"
        case not
    }

    enum Test: String, CaseIterable {
        case null, `true`, `false`, unknown
    }

    enum Binary: String, CaseIterable {
        case or, and
        case equal = "="
        case notEqual = "<>"
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case concatenate = "||"
        case plus = "+"
        case minus = "-"
        case times = "*"
        case divide = "/"
        case modulo = "%"

        var level: Level {
            switch self {
            case .or: .or
            case .and: .and
            case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual: .comparison
            case .concatenate: .other
            case .plus, .minus: .sum
            case .times, .divide, .modulo: .product
            }
        }
    }

    /// How tightly operators bind, PostgreSQL's order.
    enum Level: Int, Comparable {
        case or = 1
        case and, not, test, comparison, range, other, sum, product, zone, sign, element, cast, primary

        static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        var next: Level { Level(rawValue: rawValue + 1) ?? .primary }
    }

    /// What a cast may name; the raw value is PostgreSQL's spelling.
    enum CastType: String, CaseIterable {
        case int4, int8, float4, float8, text, boolean, timestamptz

        static let names: [String: CastType] = [
            "int4": .int4, "integer": .int4, "int": .int4, "int32": .int4, "int8": .int8, "bigint": .int8,
            "int64": .int8, "float4": .float4, "real": .float4, "float32": .float4, "float8": .float8,
            "double precision": .float8, "float64": .float8, "text": .text, "string": .text, "boolean": .boolean,
            "bool": .boolean, "timestamptz": .timestamptz, "timestamp": .timestamptz,
        ]
    }

    /// Words that name no column unless they stand in double quotes.
    static let reserved: Set<String> = [
        "and", "at", "between", "case", "cast", "else", "end", "false", "from", "in", "is", "not", "null", "or", "then",
        "true", "when",
    ]

    init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
        var deepest = 0
        for child in kind.children { deepest = max(deepest, child.depth) }
        depth = deepest + 1
    }
}

extension Syntax.Kind {
    var children: [Syntax] {
        switch self {
        case .integer, .decimal, .string, .null, .bool, .column: []
        case .unary(_, let operand), .test(let operand, _, _), .cast(let operand, _), .extract(_, _, let operand),
            .zone(let operand, _, _):
            [operand]
        case .binary(_, let left, let right), .element(let left, let right): [left, right]
        case .contained(let operand, let list, _): [operand] + list
        case .between(let operand, let low, let high, _): [operand, low, high]
        case .choice(let operand, let branches, let otherwise):
            (operand.map { [$0] } ?? []) + branches.flatMap { [$0.condition, $0.value] }
                + (otherwise.map { [$0] } ?? [])
        case .call(_, let arguments): arguments
        }
    }
}
