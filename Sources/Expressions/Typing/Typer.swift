import Features
import PointInTime

/// Gives each part of a tree its type and what evaluates it.
struct Typer {
    let scope: ExpressionScope
    var slotCount = 0
    /// Places in the scope, in the order in which they were met.
    private(set) var inputs: [Int] = []

    /// A part with its type.
    struct Part {
        var node: Node
        var type: ValueType
        let offset: Int
        /// Of a string literal, which takes the type that it is compared with.
        var literal: String?
    }

    init(scope: ExpressionScope) { self.scope = scope }

    mutating func part(_ tree: Syntax) throws(Fault) -> Part {
        let offset = tree.offset
        switch tree.kind {
        case .integer(let text): return try integer(text, offset)
        case .decimal(let text):
            guard let value = try? ValueText.float64(Array(text.utf8).span) else {
                throw Fault("\(text) is out of float64's range", at: offset)
            }
            return constant(.float64([value]), .float64, offset)
        case .string(let text):
            var part = constant(.text(TextValues([text])), .string, offset)
            part.literal = text
            return part
        case .null: return Part(node: .constant(Operand(nullOf: .bool)), type: .null, offset: offset)
        case .bool(let value): return constant(.bool([value]), .bool, offset)
        case .column(let name): return try column(name, offset)
        case .unary(.minus, let operand):
            // A sign is part of a literal, as in PostgreSQL: -2147483648 is an int32.
            if case .integer(let text) = operand.kind { return try integer("-" + text, offset) }
            return try unary(.minus, part(operand), offset)
        case .unary(let unary, let operand): return try self.unary(unary, part(operand), offset)
        case .binary(let binary, let left, let right):
            let (left, right) = (try part(left), try part(right))
            return try self.binary(binary, left, right, offset)
        case .test(let operand, let test, let isNegated): return try self.test(part(operand), test, isNegated, offset)
        case .contained(let operand, let list, let isNegated): return try contained(operand, list, isNegated, offset)
        case .between(let operand, let low, let high, let isNegated):
            return try between(operand, low, high, isNegated, offset)
        case .choice(let operand, let branches, let otherwise): return try choice(operand, branches, otherwise, offset)
        case .cast(let operand, let type): return try cast(part(operand), type, offset)
        case .call(let name, let arguments): return try call(name, arguments, offset)
        case .extract(let field, let fieldOffset, let operand):
            return try extract(field, fieldOffset, part(operand), offset)
        case .zone(let operand, let name, let nameOffset): return try zone(part(operand), name, nameOffset, offset)
        case .element(let vector, let index):
            let (vector, index) = (try part(vector), try part(index))
            return try element(vector, index, offset)
        }
    }

    private func integer(_ text: String, _ offset: Int) throws(Fault) -> Part {
        guard let value = Int64(text) else {
            throw Fault("\(text) is too large for int64: write it with a point, as a float64", at: offset)
        }
        if let small = Int32(exactly: value) { return constant(.int32([small]), .int32, offset) }
        return constant(.int64([value]), .int64, offset)
    }

    private func constant(_ values: Column.Values, _ type: ValueType, _ offset: Int) -> Part {
        Part(node: .constant(Operand(constant: values)), type: type, offset: offset)
    }

    private mutating func column(_ name: String, _ offset: Int) throws(Fault) -> Part {
        guard let place = scope.place(of: name) else {
            let hint = Name.hint(for: name, among: scope.entries.map(\.name))
            throw Fault("there is no column '\(name)' here\(hint)", at: offset)
        }
        let number = inputs.firstIndex(of: place) ?? inputs.count
        if number == inputs.count { inputs.append(place) }
        return Part(node: .input(number), type: .feature(scope.entries[place].type), offset: offset)
    }

    /// A part as a value of a type that it widens to, a string literal as a value of any type that strings are cast to.
    func coerced(_ part: Part, to type: ValueType) throws(Fault) -> Node? {
        if part.type == type { return part.node }
        if part.type == .null { return .constant(Operand(nullOf: type.storage)) }
        if let literal = part.literal {
            guard case .feature = type, let kernel = Casts.kernel(.string, type) else { return nil }
            let value = kernel([Operand(constant: .text(TextValues([literal])))], 1)
            guard value.errors == nil else {
                let form = type == .timestamp ? ", such as '2024-05-01T12:00:00Z'" : ""
                throw Fault("'\(literal)' is no \(type.text): expected one\(form)", at: part.offset)
            }
            return .constant(value)
        }
        guard part.type.widens(to: type), let kernel = Casts.kernel(part.type, type) else { return nil }
        return .apply(kernel, [part.node])
    }

    /// A condition.
    func condition(_ part: Part, of what: String) throws(Fault) -> Node {
        guard let node = try coerced(part, to: .bool) else {
            throw Fault("\(what) takes a bool, not \(part.type.text)", at: part.offset)
        }
        return node
    }

    /// A value that several parts of a node use, evaluated once.
    mutating func shared(_ value: Part, _ body: (inout Typer, Part) throws(Fault) -> Node) throws(Fault) -> Node {
        let slot = slotCount
        slotCount += 1
        var local = value
        // A literal is no work, and stays one, so that it takes the type of what it meets.
        if value.literal != nil || value.type == .null { return try body(&self, value) }
        local.node = .local(slot)
        return .bind(slot, value.node, in: try body(&self, local))
    }

    /// Parts as values of one type, the one that all widen to.
    func united(_ parts: [Part], _ what: String) throws(Fault) -> (nodes: [Node], type: ValueType) {
        // String literals take the others' type, where there are others.
        let typed = parts.filter { $0.literal == nil && $0.type != .null }
        var common = typed.first?.type ?? (parts.contains { $0.literal != nil } ? .string : .null)
        for part in typed {
            guard let next = ValueType.common([common, part.type]) else {
                throw Fault(
                    "\(what) needs values of one type: this is \(part.type.text), those before are \(common.text)",
                    at: part.offset
                )
            }
            common = next
        }
        var nodes: [Node] = []
        for part in parts {
            guard let node = try coerced(part, to: common) else {
                throw Fault(
                    "\(what) needs values of one type: this is a string, others are \(common.text)",
                    at: part.offset
                )
            }
            nodes.append(node)
        }
        return (nodes, common)
    }
}
