import Features
import PointInTime

extension Typer {
    mutating func choice(
        _ operand: Syntax?,
        _ branches: [Syntax.Branch],
        _ otherwise: Syntax?,
        _ offset: Int
    ) throws(Fault) -> Part {
        var type = ValueType.null
        func body(_ typer: inout Typer, _ local: Part?) throws(Fault) -> Node {
            var (conditions, values): ([Node], [Part]) = ([], [])
            for branch in branches {
                let condition = try typer.part(branch.condition)
                if let local {
                    conditions.append(try typer.comparison(.equal, "case", local, condition, condition.offset))
                } else {
                    conditions.append(try typer.condition(condition, of: "when"))
                }
                values.append(try typer.part(branch.value))
            }
            if let otherwise {
                values.append(try typer.part(otherwise))
            } else {
                values.append(Part(node: .constant(Operand(nullOf: .bool)), type: .null, offset: offset))
            }
            let united = try typer.united(values, "case")
            type = united.type
            try Self.refuseLists(type, "case", offset)
            var typed: [Node.Branch] = []
            for (condition, value) in zip(conditions, united.nodes) {
                typed.append(Node.Branch(condition: condition, value: value))
            }
            return .choice(typed, otherwise: united.nodes[conditions.count])
        }
        guard let operand else {
            let node = try body(&self, nil)
            return Part(node: node, type: type, offset: offset)
        }
        let node = try shared(part(operand)) { (typer, local) throws(Fault) in try body(&typer, local) }
        return Part(node: node, type: type, offset: offset)
    }

    private static func refuseLists(_ type: ValueType, _ what: String, _ offset: Int) throws(Fault) {
        guard type == .feature(.listInt64) || type == .feature(.listString) else { return }
        throw Fault("\(what) does not take \(type.text)", at: offset)
    }

    mutating func cast(_ operand: Part, _ target: Syntax.CastType, _ offset: Int) throws(Fault) -> Part {
        let type = target.type
        if let node = try coerced(operand, to: type) { return Part(node: node, type: type, offset: offset) }
        guard let kernel = Casts.kernel(operand.type, type) else {
            let hint = operand.type == .localTime ? ": say whose by at time zone '…'" : ""
            throw Fault("\(operand.type.text) cannot be cast to \(target.rawValue)\(hint)", at: offset)
        }
        return Part(node: .apply(kernel, [operand.node]), type: type, offset: offset)
    }

    mutating func call(_ name: String, _ arguments: [Syntax], _ offset: Int) throws(Fault) -> Part {
        var parts: [Part] = []
        for argument in arguments { parts.append(try part(argument)) }
        switch name {
        case "coalesce", "greatest", "least":
            guard !parts.isEmpty else { throw Fault("\(name) takes one argument at least", at: offset) }
            let united = try united(parts, name)
            try Self.refuseLists(united.type, name, offset)
            if name == "coalesce" { return Part(node: .coalesce(united.nodes), type: united.type, offset: offset) }
            let type = united.type == .null ? .bool : united.type
            guard let kernel = Comparison.extreme(type, isGreatest: name == "greatest") else {
                throw Fault("values of \(united.type.text) are not compared", at: offset)
            }
            return Part(node: .apply(kernel, united.nodes), type: united.type, offset: offset)
        case "nullif": return try nullIf(parts, offset)
        case "date_trunc": return try truncation(parts, offset)
        default: break
        }
        guard let function = FunctionTable.byName[name] else {
            let known = FunctionTable.all.map(\.name) + FunctionTable.special
            throw Fault("there is no function '\(name)'\(Name.hint(for: name, among: known))", at: offset)
        }
        for overload in function.overloads {
            guard let nodes = try matched(parts, overload) else { continue }
            return Part(node: .apply(overload.kernel, nodes), type: overload.result, offset: offset)
        }
        let expected = function.overloads.map { "\(name)(\($0.parameters.map(\.text).joined(separator: ", ")))" }
        let found = parts.map(\.type.text).joined(separator: ", ")
        throw Fault("expected \(expected.joined(separator: " or ")), found \(name)(\(found))", at: offset)
    }

    /// The arguments as an overload takes them; `nil` where it does not.
    private func matched(_ parts: [Part], _ overload: FunctionTable.Overload) throws(Fault) -> [Node]? {
        guard parts.count == overload.parameters.count else { return nil }
        var (nodes, vectors): ([Node], Set<ValueType>) = ([], [])
        for (part, parameter) in zip(parts, overload.parameters) {
            switch parameter {
            case .value(let type):
                guard let node = try coerced(part, to: type) else { return nil }
                nodes.append(node)
            case .vector:
                guard case .feature(.vector) = part.type else { return nil }
                vectors.insert(part.type)
                nodes.append(part.node)
            }
        }
        if vectors.count > 1 {
            let texts = parts.map(\.type.text).joined(separator: " and ")
            throw Fault("expected vectors of one length, found \(texts)", at: parts[1].offset)
        }
        return nodes
    }

    private mutating func nullIf(_ parts: [Part], _ offset: Int) throws(Fault) -> Part {
        guard parts.count == 2 else { throw Fault("nullif takes two arguments", at: offset) }
        var (first, second) = (parts[0], parts[1])
        // As PostgreSQL: an integer that is compared with a float is one from then on.
        if first.type.isInteger, second.type.isFloat, let node = try coerced(first, to: .float64) {
            first = Part(node: node, type: .float64, offset: first.offset)
        }
        if first.type == .null { first.node = .constant(Operand(nullOf: .bool)) }
        if first.literal != nil, second.type != .string { second.literal = nil }
        let type = first.literal != nil ? second.type : first.type
        guard let value = try coerced(first, to: type) else {
            throw Fault("nullif does not compare \(first.type.text) with \(second.type.text)", at: offset)
        }
        first = Part(node: value, type: type, offset: first.offset)
        let node = try shared(first) { (typer, local) throws(Fault) in
            let equal = try typer.comparison(.equal, "nullif", local, second, second.offset)
            return .apply(Comparison.nullIf, [local.node, equal])
        }
        return Part(node: node, type: type, offset: offset)
    }

    private func truncation(_ parts: [Part], _ offset: Int) throws(Fault) -> Part {
        guard parts.count == 2, let word = parts[0].literal else {
            throw Fault("expected date_trunc('unit', time)", at: offset)
        }
        guard let unit = TimeParts.Unit(rawValue: word.lowercased()) else {
            let known = TimeParts.Unit.allCases.map(\.rawValue).joined(separator: ", ")
            throw Fault("expected one of \(known), found '\(word)'", at: parts[0].offset)
        }
        let type: ValueType = parts[1].type == .localTime ? .localTime : .timestamp
        guard let time = try coerced(parts[1], to: type) else {
            throw Fault("date_trunc takes a time, not \(parts[1].type.text)", at: parts[1].offset)
        }
        return Part(node: .apply(TimeParts.truncation(unit), [time]), type: type, offset: offset)
    }

    mutating func extract(_ field: String, _ fieldOffset: Int, _ operand: Part, _ offset: Int) throws(Fault) -> Part {
        guard let part = TimeParts.Part(rawValue: field) else {
            let known = TimeParts.Part.allCases.map(\.rawValue).joined(separator: ", ")
            throw Fault("expected one of \(known), found '\(field)'", at: fieldOffset)
        }
        guard let kernel = TimeParts.kernel(part, of: operand.type) else {
            if operand.type == .interval {
                let known = TimeParts.Part.ofIntervals.map(\.rawValue).joined(separator: ", ")
                throw Fault("of a difference of times extract takes \(known), not \(field)", at: fieldOffset)
            }
            throw Fault("extract takes a time or a difference of times, not \(operand.type.text)", at: operand.offset)
        }
        return Part(node: .apply(kernel, [operand.node]), type: .float64, offset: offset)
    }

    mutating func zone(_ operand: Part, _ name: String, _ nameOffset: Int, _ offset: Int) throws(Fault) -> Part {
        guard operand.type == .timestamp || operand.type == .localTime else {
            throw Fault("at time zone takes a time, not \(operand.type.text)", at: offset)
        }
        guard let rules = scope.timeZones.rules(of: name) else {
            throw Fault(
                "there is no time zone '\(name)': expected UTC or a name of tzdata with its area, such as 'Europe/Paris'",
                at: nameOffset
            )
        }
        let isTime = operand.type == .timestamp
        return Part(
            node: .apply(isTime ? ZoneKernels.local(rules) : ZoneKernels.time(rules), [operand.node]),
            type: isTime ? .localTime : .timestamp,
            offset: offset
        )
    }

    func element(_ vector: Part, _ index: Part, _ offset: Int) throws(Fault) -> Part {
        guard case .feature(.vector) = vector.type else {
            throw Fault("elements are taken of a vector, not of \(vector.type.text)", at: offset)
        }
        guard index.type.isInteger, let number = try coerced(index, to: .int64) else {
            throw Fault("an element's number is an int32 or int64, not \(index.type.text)", at: index.offset)
        }
        return Part(node: .apply(Vectors.element, [vector.node, number]), type: .float32, offset: offset)
    }
}

extension Syntax.CastType {
    var type: ValueType {
        switch self {
        case .int4: .int32
        case .int8: .int64
        case .float4: .float32
        case .float8: .float64
        case .text: .string
        case .boolean: .bool
        case .timestamptz: .timestamp
        }
    }
}
