import Features

extension Typer {
    mutating func unary(_ unary: Syntax.Unary, _ operand: Part, _ offset: Int) throws(Fault) -> Part {
        if unary == .not {
            let node = try condition(operand, of: "not")
            return Part(node: .apply(Logic.not, [node]), type: .bool, offset: offset)
        }
        guard operand.type.numberRank != nil, let kernel = Arithmetic.negate(operand.type) else {
            throw Fault("'\(unary.rawValue)' takes a number, not \(operand.type.text)", at: offset)
        }
        if unary == .plus { return Part(node: operand.node, type: operand.type, offset: offset) }
        return Part(node: .apply(kernel, [operand.node]), type: operand.type, offset: offset)
    }

    mutating func binary(_ binary: Syntax.Binary, _ left: Part, _ right: Part, _ offset: Int) throws(Fault) -> Part {
        switch binary {
        case .and, .or:
            let (a, b) = (try condition(left, of: binary.rawValue), try condition(right, of: binary.rawValue))
            return Part(node: binary == .and ? .and(a, b) : .or([a, b]), type: .bool, offset: offset)
        case .concatenate: return try concatenation(left, right, offset)
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
            guard let order = Comparison.Order(binary) else { preconditionFailure("a comparison has an order") }
            return Part(
                node: try comparison(order, binary.rawValue, left, right, offset),
                type: .bool,
                offset: offset
            )
        case .plus, .minus, .times, .divide, .modulo: return try arithmetic(binary, left, right, offset)
        }
    }

    private func arithmetic(_ binary: Syntax.Binary, _ left: Part, _ right: Part, _ offset: Int) throws(Fault) -> Part {
        if binary == .minus, let type = timeType(left, right) {
            let (a, b) = (try coerced(left, to: type), try coerced(right, to: type))
            if let a, let b {
                return Part(node: .apply(TimeParts.difference, [a, b]), type: .interval, offset: offset)
            }
        }
        guard let type = numberType(left, right), let kernel = Arithmetic.kernel(binary, type),
            let a = try coerced(left, to: type), let b = try coerced(right, to: type)
        else {
            var hint = ""
            if binary == .plus || binary == .minus,
                [left, right].contains(where: { $0.type == .timestamp || $0.type == .interval })
            {
                hint = "; of times only differences are taken, as in extract(epoch from a - b)"
            } else if binary == .plus, [left, right].contains(where: { $0.type == .string }) {
                hint = "; texts are joined by ||"
            } else if binary == .modulo, [left, right].contains(where: { $0.type.isFloat }) {
                hint = "; floats have no rest: a - b * floor(a / b)"
            }
            throw Fault(
                "'\(binary.rawValue)' does not take \(left.type.text) and \(right.type.text)\(hint)",
                at: offset
            )
        }
        return Part(node: .apply(kernel, [a, b]), type: type, offset: offset)
    }

    /// The type in which two numbers meet; a literal string or null takes the other's.
    private func numberType(_ left: Part, _ right: Part) -> ValueType? {
        if let type = ValueType.arithmetic(left.type, right.type) { return type }
        if left.literal != nil || left.type == .null, right.type.numberRank != nil { return right.type }
        if right.literal != nil || right.type == .null, left.type.numberRank != nil { return left.type }
        return nil
    }

    private func timeType(_ left: Part, _ right: Part) -> ValueType? {
        let types = [left.type, right.type]
        for type in [ValueType.timestamp, .localTime] where types.contains(type) { return type }
        return nil
    }

    func comparison(
        _ order: Comparison.Order,
        _ text: String,
        _ left: Part,
        _ right: Part,
        _ offset: Int
    ) throws(Fault) -> Node {
        let type: ValueType?
        if let number = numberType(left, right) {
            type = number
        } else if left.type == right.type {
            type = left.type == .null ? .string : left.type
        } else if left.type == .null || left.literal != nil {
            type = right.type
        } else if right.type == .null || right.literal != nil {
            type = left.type
        } else {
            type = nil
        }
        guard let type, let a = try coerced(left, to: type), let b = try coerced(right, to: type) else {
            throw Fault("'\(text)' does not compare \(left.type.text) with \(right.type.text)", at: offset)
        }
        guard let kernel = Comparison.kernel(order, type) else {
            throw Fault("values of \(type.text) are not compared", at: offset)
        }
        return .apply(kernel, [a, b])
    }

    private func concatenation(_ left: Part, _ right: Part, _ offset: Int) throws(Fault) -> Part {
        guard left.type == .string || right.type == .string, let a = text(left), let b = text(right) else {
            throw Fault(
                "'||' joins strings, and values that can be cast to text with one, not \(left.type.text) and \(right.type.text)",
                at: offset
            )
        }
        return Part(node: .apply(TextFunctions.concatenate, [a, b]), type: .string, offset: offset)
    }

    private func text(_ part: Part) -> Node? {
        if part.type == .string { return part.node }
        if part.type == .null { return .constant(Operand(nullOf: .string)) }
        return Casts.kernel(part.type, .string).map { .apply($0, [part.node]) }
    }

    mutating func test(_ operand: Part, _ test: Syntax.Test, _ isNegated: Bool, _ offset: Int) throws(Fault) -> Part {
        let node: Node
        switch test {
        case .null: node = .apply(Logic.isNull(isNegated: isNegated), [operand.node])
        case .unknown:
            node = .apply(Logic.isNull(isNegated: isNegated), [try condition(operand, of: "is unknown")])
        case .true, .false:
            let condition = try condition(operand, of: "is \(test.rawValue)")
            node = .apply(Logic.isTrue(test == .true, isNegated: isNegated), [condition])
        }
        return Part(node: node, type: .bool, offset: offset)
    }

    /// `x = a or x = b …`, so that what stands behind an equal value is not reached.
    mutating func contained(_ operand: Syntax, _ list: [Syntax], _ isNegated: Bool, _ offset: Int) throws(Fault) -> Part
    {
        let operand = try part(operand)
        let node = try shared(operand) { (typer, local) throws(Fault) in
            var chain: [Node] = []
            for item in list {
                let item = try typer.part(item)
                chain.append(try typer.comparison(.equal, "in", local, item, item.offset))
            }
            return .or(chain)
        }
        return Part(node: isNegated ? .apply(Logic.not, [node]) : node, type: .bool, offset: offset)
    }

    /// `x >= low and x <= high`.
    mutating func between(
        _ operand: Syntax,
        _ low: Syntax,
        _ high: Syntax,
        _ isNegated: Bool,
        _ offset: Int
    ) throws(Fault) -> Part {
        let operand = try part(operand)
        let node = try shared(operand) { (typer, local) throws(Fault) in
            let (low, high) = (try typer.part(low), try typer.part(high))
            return .and(
                try typer.comparison(.greaterOrEqual, "between", local, low, low.offset),
                try typer.comparison(.lessOrEqual, "between", local, high, high.offset)
            )
        }
        return Part(node: isNegated ? .apply(Logic.not, [node]) : node, type: .bool, offset: offset)
    }
}
