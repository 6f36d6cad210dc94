import TestSupport

/// Random texts that are expressions of ours and PostgreSQL's, typed.
///
/// Every operation has a column among its operands: PostgreSQL computes constants when it plans, and raises their errors
/// even where they are not reached.
struct RandomExpression {
    enum Kind: String, CaseIterable {
        case int4, int8, float4, float8, boolean, text, timestamptz
    }

    static let columns: [Kind: [String]] = [
        .int4: ["i", "j"], .int8: ["m", "n"], .float4: ["h", "k"], .float8: ["f", "g"], .boolean: ["b", "c"],
        .text: ["s", "t"], .timestamptz: ["x", "y"],
    ]
    static let zones = ["America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "America/Nuuk", "Asia/Kolkata"]

    var random: SeededRandom

    mutating func text(_ kind: Kind, _ depth: Int) -> String {
        if depth <= 0 || random.oneIn(8) { return random.pick(Self.columns[kind] ?? []) }
        if random.oneIn(4) { return branching(kind, depth - 1) }
        switch kind {
        case .int4: return int4(depth - 1)
        case .int8: return int8(depth - 1)
        case .float4: return float4(depth - 1)
        case .float8: return random.oneIn(4) ? time(depth - 1) : float8(depth - 1)
        case .boolean: return boolean(depth - 1)
        case .text: return string(depth - 1)
        case .timestamptz: return timestamp(depth - 1)
        }
    }

    private mutating func literal(_ kind: Kind) -> String {
        switch kind {
        case .int4: random.pick(["0", "1", "2", "7", "1000", "2147483647"])
        case .int8: random.pick(["0::int8", "1::int8", "3000000000", "9223372036854775807"])
        case .float4: random.pick(["0.5::float4", "3::float4", "1e30::float4"])
        case .float8:
            random.pick(["0.5::float8", "2::float8", "1e300::float8", "'NaN'::float8", "'-inf'::float8", "0.1::float8"])
        case .boolean: random.pick(["true", "false"])
        case .text: random.pick(["''", "'a'", "'ñ'", "'12'", "'it''s'", "' '"])
        case .timestamptz:
            random.pick(["'2013-03-10T07:00:00Z'::timestamptz", "'1999-12-31 23:59:59.999999+00'::timestamptz"])
        }
    }

    /// Two operands, one of which may be a literal.
    private mutating func pair(_ first: Kind, _ second: Kind, _ depth: Int) -> (String, String) {
        switch random.int(0...4) {
        case 0: (literal(first), text(second, depth))
        case 1: (text(first, depth), literal(second))
        default: (text(first, depth), text(second, depth))
        }
    }

    private mutating func operation(_ operators: [String], _ first: Kind, _ second: Kind, _ depth: Int) -> String {
        let (left, right) = pair(first, second, depth)
        return "(\(left)) \(random.pick(operators)) (\(right))"
    }

    private mutating func branching(_ kind: Kind, _ depth: Int) -> String {
        switch random.int(0...5) {
        case 0:
            let otherwise = random.oneIn(3) ? "" : "else \(text(kind, depth)) "
            return "case when \(text(.boolean, depth)) then \(text(kind, depth)) when \(text(.boolean, depth)) "
                + "then \(literal(kind)) \(otherwise)end"
        case 1:
            let of = random.pick(Kind.allCases)
            return "case \(text(of, depth)) when \(literal(of)) then \(text(kind, depth)) when \(text(of, depth)) then "
                + "\(text(kind, depth)) end"
        case 2: return "coalesce(\(text(kind, depth)), \(text(kind, depth)), \(literal(kind)))"
        case 3: return "nullif(\(text(kind, depth)), \(random.oneIn(2) ? literal(kind) : text(kind, depth)))"
        case 4: return "greatest(\(text(kind, depth)), \(text(kind, depth)), \(literal(kind)))"
        default: return "least(\(text(kind, depth)), \(literal(kind)), \(text(kind, depth)))"
        }
    }

    private mutating func int4(_ depth: Int) -> String {
        switch random.int(0...9) {
        case 0...4: operation(["+", "-", "*", "/", "%"], .int4, .int4, depth)
        case 5: "abs(\(text(.int4, depth)))"
        case 6: random.oneIn(2) ? "length(\(text(.text, depth)))" : "-(\(text(.int4, depth)))"
        case 7: "strpos(\(text(.text, depth)), \(literal(.text)))"
        case 8: "(\(text(random.pick([.int8, .float4, .float8, .boolean, .text]), depth)))::int4"
        default: "mod(\(text(.int4, depth)), \(text(.int4, depth)))"
        }
    }

    private mutating func int8(_ depth: Int) -> String {
        switch random.int(0...6) {
        case 0...2: operation(["+", "-", "*", "/", "%"], .int8, random.pick([.int4, .int8]), depth)
        case 3: operation(["+", "-", "*", "/", "%"], .int4, .int8, depth)
        case 4: "abs(\(text(.int8, depth)))"
        case 5: "-(\(text(.int8, depth)))"
        default: "cast(\(text(random.pick([.int4, .float4, .float8, .text]), depth)) as bigint)"
        }
    }

    private mutating func float4(_ depth: Int) -> String {
        switch random.int(0...4) {
        case 0...2: operation(["+", "-", "*", "/"], .float4, .float4, depth)
        case 3: "abs(\(text(.float4, depth)))"
        default: "(\(text(random.pick([.int4, .int8, .float8, .text]), depth)))::real"
        }
    }

    private mutating func float8(_ depth: Int) -> String {
        switch random.int(0...9) {
        case 0...2:
            return operation(["+", "-", "*", "/"], .float8, random.pick([.float8, .float4, .int4, .int8]), depth)
        case 3: return operation(["+", "-", "*", "/"], random.pick([.int4, .int8]), .float4, depth)
        case 4...6:
            let name = random.pick([
                "floor", "ceil", "round", "trunc", "sqrt", "exp", "ln", "log10", "sin", "cos", "tan", "asin", "acos",
                "atan",
                "radians", "degrees", "sign", "abs",
            ])
            // Of floats only, since abs of an integer is one.
            return "\(name)(\(text(name == "abs" ? .float8 : random.pick([.float8, .float8, .float4, .int4]), depth)))"
        case 7: return "power(\(text(.float8, depth)), \(random.oneIn(2) ? literal(.float8) : text(.float8, depth)))"
        case 8: return "atan2(\(text(.float8, depth)), \(text(.float8, depth)))"
        default: return "(\(text(random.pick([.int4, .int8, .float4, .text]), depth)))::double precision"
        }
    }

    private mutating func time(_ depth: Int) -> String {
        let part = random.pick(["epoch", "year", "month", "day", "hour", "minute", "dow", "isodow", "doy", "week"])
        switch random.int(0...3) {
        case 0: return "extract(\(part) from \(text(.timestamptz, depth)))::float8"
        case 1, 2:
            return
                "extract(\(part) from (\(text(.timestamptz, depth))) at time zone '\(random.pick(Self.zones))')::float8"
        default:
            let part = random.pick(["epoch", "day", "hour", "minute"])
            return "extract(\(part) from (\(text(.timestamptz, depth))) - (\(text(.timestamptz, depth))))::float8"
        }
    }

    private mutating func boolean(_ depth: Int) -> String {
        switch random.int(0...9) {
        case 0, 1: return "(\(text(.boolean, depth))) and (\(text(.boolean, depth)))"
        case 2, 3: return "(\(text(.boolean, depth))) or (\(text(.boolean, depth)))"
        case 4: return "not (\(text(.boolean, depth)))"
        case 5:
            let of = random.pick(Kind.allCases)
            return
                "(\(text(of, depth))) \(random.oneIn(2) ? "not between" : "between") \(literal(of)) and (\(text(of, depth)))"
        case 6:
            let of = random.pick(Kind.allCases)
            return
                "(\(text(of, depth))) \(random.oneIn(2) ? "not in" : "in") (\(literal(of)), \(literal(of)), \(text(of, depth)))"
        case 7:
            let test = random.pick([
                "true", "false", "unknown", "null", "not true", "not false", "not unknown", "not null",
            ])
            return "(\(text(.boolean, depth))) is \(test)"
        case 8: return "(\(text(random.pick(Kind.allCases), depth))) is \(random.oneIn(2) ? "" : "not ")null"
        default:
            let comparisons = ["=", "<>", "!=", "<", "<=", ">", ">="]
            let numbers: [Kind] = [.int4, .int8, .float4, .float8]
            if random.oneIn(2) { return operation(comparisons, random.pick(numbers), random.pick(numbers), depth) }
            let of = random.pick(Kind.allCases)
            return operation(comparisons, of, of, depth)
        }
    }

    private mutating func string(_ depth: Int) -> String {
        switch random.int(0...7) {
        case 0, 1: return operation(["||"], .text, .text, depth)
        case 2:
            return operation(
                ["||"],
                .text,
                random.pick([.int4, .int8, .float4, .float8, .boolean, .timestamptz]),
                depth
            )
        case 3: return "\(random.pick(["lower", "upper", "trim"]))(\(text(.text, depth)))"
        case 4:
            return
                "\(random.pick(["left", "right"]))(\(text(.text, depth)), \(random.pick(["j % 4", "2", "-1", "i % 3"])))"
        case 5:
            return
                "substr(\(text(.text, depth)), \(random.pick(["j % 4", "2", "-1", "i"])), \(random.pick(["i % 5", "3", "j", "i"])))"
        case 6: return "substr(\(text(.text, depth)), \(text(.int4, depth)))"
        default:
            return "cast(\(text(random.pick([.int4, .int8, .float4, .float8, .boolean, .timestamptz]), depth)) as text)"
        }
    }

    private mutating func timestamp(_ depth: Int) -> String {
        let unit = random.pick(["second", "minute", "hour", "day", "week", "month", "quarter", "year"])
        let zone = random.pick(Self.zones)
        switch random.int(0...2) {
        case 0: return "date_trunc('\(unit)', \(text(.timestamptz, depth)))"
        case 1:
            return "date_trunc('\(unit)', (\(text(.timestamptz, depth))) at time zone '\(zone)') at time zone '\(zone)'"
        default:
            return "(\(text(.timestamptz, depth))) at time zone '\(zone)' at time zone '\(random.pick(Self.zones))'"
        }
    }
}
