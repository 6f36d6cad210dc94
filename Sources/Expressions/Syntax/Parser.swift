/// Tokens to a tree, by precedence climbing (Pratt).
///
/// Recursion is bounded: each level of nesting in the text is counted, and so is the depth of the tree.
struct Parser {
    private let tokens: [Token]
    private var position = 0
    private var nesting = 0
    private var nodes = 0

    static func parse(_ bytes: [UInt8]) throws(Fault) -> Syntax {
        var parser = Parser(tokens: try Lexer.tokens(of: bytes))
        guard parser.current.kind != .end else { throw Fault("the expression is empty", at: 0) }
        let tree = try parser.expression(.or)
        guard parser.current.kind == .end else {
            throw Fault("expected an operator or the end, found \(parser.current.shown)", at: parser.current.start)
        }
        return tree
    }

    private init(tokens: [Token]) { self.tokens = tokens }

    var current: Token { tokens[position] }
    /// The one behind the current one; the end follows on itself.
    var following: Token { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() { if position + 1 < tokens.count { position += 1 } }

    mutating func take(_ symbol: Symbol) -> Bool {
        guard current.kind == .symbol(symbol) else { return false }
        advance()
        return true
    }

    /// Whether a token is a keyword, in any case.
    static func word(_ token: Token) -> String? {
        guard case .name(let text) = token.kind else { return nil }
        return text.lowercased()
    }

    mutating func take(word: String) -> Bool {
        guard Self.word(current) == word else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: Symbol, _ after: String) throws(Fault) {
        guard take(symbol) else {
            throw Fault("expected '\(symbol.rawValue)' \(after), found \(current.shown)", at: current.start)
        }
    }

    mutating func expect(word: String, _ after: String) throws(Fault) {
        guard take(word: word) else {
            throw Fault("expected '\(word)' \(after), found \(current.shown)", at: current.start)
        }
    }

    mutating func node(_ kind: Syntax.Kind, at offset: Int) throws(Fault) -> Syntax {
        nodes += 1
        guard nodes <= ExpressionLimits.nodesMax else {
            throw Fault("the expression has more than \(ExpressionLimits.nodesMax) parts", at: offset)
        }
        let node = Syntax(kind, at: offset)
        guard node.depth <= ExpressionLimits.depthMax else { throw Self.tooDeep(offset) }
        return node
    }

    private static func tooDeep(_ offset: Int) -> Fault {
        Fault(
            "the expression is nested deeper than \(ExpressionLimits.depthMax); a long chain of operators is halved by parentheses",
            at: offset
        )
    }

    /// An operand and all operators behind it that bind at least as tightly as `level`.
    mutating func expression(_ level: Syntax.Level) throws(Fault) -> Syntax {
        nesting += 1
        defer { nesting -= 1 }
        // A tree's level takes at most two: its operator's and its parentheses'.
        guard nesting <= 2 * ExpressionLimits.depthMax + 2 else { throw Self.tooDeep(current.start) }
        var left = try prefix()
        // The level of the operator before where it may not be followed by another of its level.
        var closed: Syntax.Level?
        while let found = infix(), found.level >= level {
            guard found.level != closed else {
                throw Fault(
                    "\(current.shown) cannot follow another comparison: join them by 'and', or use parentheses",
                    at: current.start
                )
            }
            closed = nil
            switch found {
            case .binary(let binary):
                let offset = current.start
                advance()
                let right = try expression(binary.level.next)
                left = try node(.binary(binary, left, right), at: offset)
                if binary.level == .comparison { closed = .comparison }
            case .range:
                left = try range(left)
                if case .between = left.kind { closed = .range }
            case .test: left = try test(left)
            case .zone: left = try zone(left)
            case .element:
                let offset = current.start
                advance()
                let index = try expression(.or)
                try expect(.closeBracket, "behind an element's number")
                left = try node(.element(left, index), at: offset)
            case .cast:
                let offset = current.start
                advance()
                left = try node(.cast(left, to: try castType()), at: offset)
            }
        }
        return left
    }

    private enum Infix {
        case binary(Syntax.Binary)
        case range, test, zone, element, cast

        var level: Syntax.Level {
            switch self {
            case .binary(let binary): binary.level
            case .range: .range
            case .test: .test
            case .zone: .zone
            case .element: .element
            case .cast: .cast
            }
        }
    }

    /// What the current token does behind an operand; `nil` where it is none of that.
    private func infix() -> Infix? {
        switch current.kind {
        case .symbol(.otherNotEqual): return .binary(.notEqual)
        case .symbol(.openBracket): return .element
        case .symbol(.cast): return .cast
        case .symbol(let symbol): return Syntax.Binary(rawValue: symbol.rawValue).map { .binary($0) }
        case .name:
            switch Self.word(current) {
            case "and": return .binary(.and)
            case "or": return .binary(.or)
            case "is": return .test
            case "in", "between", "not": return .range
            case "at": return .zone
            default: return nil
            }
        default: return nil
        }
    }

    /// `[not] in (…)`, `[not] between … and …`.
    private mutating func range(_ operand: Syntax) throws(Fault) -> Syntax {
        let offset = current.start
        let isNegated = take(word: "not")
        if take(word: "between") {
            let low = try expression(.other)
            try expect(word: "and", "between the bounds of 'between'")
            let high = try expression(.other)
            return try node(.between(operand, low, high, isNegated: isNegated), at: offset)
        }
        guard take(word: "in") else {
            throw Fault("expected 'in' or 'between' behind 'not', found \(current.shown)", at: current.start)
        }
        try expect(.open, "behind 'in'")
        let list = try expressions("the list of 'in'")
        return try node(.contained(operand, list, isNegated: isNegated), at: offset)
    }

    /// Expressions, commas between them, up to the closing parenthesis; at least one.
    mutating func expressions(_ what: String) throws(Fault) -> [Syntax] {
        var list = [try expression(.or)]
        while take(.comma) { list.append(try expression(.or)) }
        try expect(.close, "or ',' in \(what)")
        return list
    }

    /// `is [not] null | true | false | unknown`.
    private mutating func test(_ operand: Syntax) throws(Fault) -> Syntax {
        let offset = current.start
        advance()
        let isNegated = take(word: "not")
        guard let word = Self.word(current), let test = Syntax.Test(rawValue: word) else {
            throw Fault(
                "expected null, true, false or unknown behind 'is\(isNegated ? " not" : "")', found \(current.shown)",
                at: current.start
            )
        }
        advance()
        return try node(.test(operand, test, isNegated: isNegated), at: offset)
    }

    private mutating func zone(_ operand: Syntax) throws(Fault) -> Syntax {
        let offset = current.start
        advance()
        try expect(word: "time", "behind 'at'")
        try expect(word: "zone", "behind 'at time'")
        guard case .string(let name) = current.kind else {
            throw Fault(
                "expected the name of a time zone in single quotes, such as 'Europe/Paris', found \(current.shown)",
                at: current.start
            )
        }
        let nameOffset = current.start
        advance()
        return try node(.zone(operand, name: name, nameOffset: nameOffset), at: offset)
    }
}
