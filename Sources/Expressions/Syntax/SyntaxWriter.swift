/// The one spelling of a tree: keywords and functions in lower case, single blanks, the parentheses that are needed.
///
/// What it writes is PostgreSQL's too, and reads back as the same tree.
struct SyntaxWriter {
    private(set) var text = ""

    static func text(of tree: Syntax) -> String {
        var writer = SyntaxWriter()
        writer.write(tree, .or)
        return writer.text
    }

    /// - Parameter level: how tightly the tree has to bind where it stands.
    private mutating func write(_ tree: Syntax, _ level: Syntax.Level) {
        let isWrapped = Self.level(of: tree.kind) < level
        if isWrapped { text += "(" }
        switch tree.kind {
        case .integer(let number), .decimal(let number): text += number.lowercased()
        case .string(let string): text += Self.quoted(string, "'")
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .column(let name): text += Self.column(name)
        case .unary(let unary, let operand):
            text += unary.rawValue
            // A blank also keeps two signs from being a comment.
            if unary == .not || Self.startsWithSign(operand) { text += " " }
            write(operand, unary == .not ? .not : .sign)
        case .binary(let binary, let left, let right):
            write(left, binary.level == .comparison ? binary.level.next : binary.level)
            text += " \(binary.rawValue) "
            write(right, binary.level.next)
        case .test(let operand, let test, let isNegated):
            write(operand, .test)
            text += isNegated ? " is not \(test.rawValue)" : " is \(test.rawValue)"
        case .contained(let operand, let list, let isNegated):
            write(operand, Syntax.Level.range.next)
            text += isNegated ? " not in (" : " in ("
            write(list)
            text += ")"
        case .between(let operand, let low, let high, let isNegated):
            write(operand, Syntax.Level.range.next)
            text += isNegated ? " not between " : " between "
            write(low, .other)
            text += " and "
            write(high, .other)
        case .choice(let operand, let branches, let otherwise): write(operand, branches, otherwise)
        case .cast(let operand, let type):
            text += "cast("
            write(operand, .or)
            text += " as \(type.rawValue))"
        case .call(let name, let arguments):
            text += name + "("
            write(arguments)
            text += ")"
        case .extract(let field, _, let operand):
            text += "extract(\(field) from "
            write(operand, .or)
            text += ")"
        case .zone(let operand, let name, _):
            write(operand, .zone)
            text += " at time zone " + Self.quoted(name, "'")
        case .element(let operand, let index):
            write(operand, .element)
            text += "["
            write(index, .or)
            text += "]"
        }
        if isWrapped { text += ")" }
    }

    private mutating func write(_ list: [Syntax]) {
        for (place, item) in list.enumerated() {
            if place > 0 { text += ", " }
            write(item, .or)
        }
    }

    private mutating func write(_ operand: Syntax?, _ branches: [Syntax.Branch], _ otherwise: Syntax?) {
        text += "case "
        if let operand {
            write(operand, .or)
            text += " "
        }
        for branch in branches {
            text += "when "
            write(branch.condition, .or)
            text += " then "
            write(branch.value, .or)
            text += " "
        }
        if let otherwise {
            text += "else "
            write(otherwise, .or)
            text += " "
        }
        text += "end"
    }

    private static func level(of kind: Syntax.Kind) -> Syntax.Level {
        switch kind {
        case .integer, .decimal, .string, .null, .bool, .column, .choice, .cast, .call, .extract: .primary
        case .unary(.not, _): .not
        case .unary: .sign
        case .binary(let binary, _, _): binary.level
        case .test: .test
        case .contained, .between: .range
        case .zone: .zone
        case .element: .element
        }
    }

    private static func startsWithSign(_ tree: Syntax) -> Bool {
        if case .unary(let unary, _) = tree.kind { return unary != .not }
        return false
    }

    static func quoted(_ text: String, _ delimiter: Character) -> String {
        var quoted = String(delimiter)
        for scalar in text.unicodeScalars {
            if Character(scalar) == delimiter { quoted.append(delimiter) }
            quoted.unicodeScalars.append(scalar)
        }
        quoted.append(delimiter)
        return quoted
    }

    private static func column(_ name: String) -> String {
        name.split(separator: ".", omittingEmptySubsequences: false).map { part in
            let isPlain =
                part.utf8.first.map(Lexer.isNameStart) == true
                && part.utf8.allSatisfy { Lexer.isNameStart($0) || Lexer.isDigit($0) }
                && !Syntax.reserved.contains(part.lowercased()) && part.lowercased() != "interval"
            return isPlain ? String(part) : quoted(String(part), "\"")
        }.joined(separator: ".")
    }
}
