import Features

extension Parser {
    /// An operand with the operators that stand before it.
    mutating func prefix() throws(Fault) -> Syntax {
        let token = current
        switch token.kind {
        case .integer(let text):
            advance()
            return try node(.integer(text), at: token.start)
        case .decimal(let text):
            advance()
            return try node(.decimal(text), at: token.start)
        case .string(let text):
            advance()
            return try node(.string(text), at: token.start)
        case .symbol(.minus), .symbol(.plus):
            advance()
            let operand = try expression(.sign)
            return try node(.unary(token.kind == .symbol(.minus) ? .minus : .plus, operand), at: token.start)
        case .symbol(.open):
            advance()
            let inner = try expression(.or)
            try expect(.close, "to close the parenthesis")
            return inner
        case .name(let text): return try word(text)
        case .quoted(let text):
            advance()
            return try column(text, at: token.start)
        case .symbol, .end:
            throw Fault("expected a column, a literal or a function, found \(token.shown)", at: token.start)
        }
    }

    /// A keyword, a function or a column.
    private mutating func word(_ text: String) throws(Fault) -> Syntax {
        let token = current
        let word = text.lowercased()
        let isCall = following.kind == .symbol(.open)
        switch word {
        case "null", "true", "false":
            advance()
            return try node(word == "null" ? .null : .bool(word == "true"), at: token.start)
        case "not":
            advance()
            let operand = try expression(.not)
            return try node(.unary(.not, operand), at: token.start)
        case "case":
            advance()
            return try choice(at: token.start)
        case "cast" where isCall: return try cast()
        case "extract" where isCall: return try extract()
        case "interval":
            if case .string = following.kind {
                throw Fault(
                    "there are no interval literals: compare extract(epoch from a - b) with seconds",
                    at: token.start
                )
            }
        case let word where Syntax.reserved.contains(word):
            throw Fault(
                "expected a column, a literal or a function, found '\(text)' (a column of that name stands in double quotes)",
                at: token.start
            )
        default: break
        }
        if case .string = following.kind {
            if let type = Syntax.CastType.names[word] {
                throw Fault("expected an operator behind '\(text)': write '…'::\(type.rawValue)", at: following.start)
            }
            throw Fault("expected an operator or the end, found a string", at: following.start)
        }
        advance()
        guard isCall else { return try column(text, at: token.start) }
        advance()
        if take(.close) { return try node(.call(name: word, []), at: token.start) }
        let arguments = try expressions("the arguments of \(word)")
        return try node(.call(name: word, arguments), at: token.start)
    }

    /// The rest of a name whose first part was taken.
    private mutating func column(_ first: String, at offset: Int) throws(Fault) -> Syntax {
        var name = first
        while current.kind == .symbol(.point) {
            advance()
            switch current.kind {
            case .name(let part), .quoted(let part): name += "." + part
            default: throw Fault("expected a name behind '.', found \(current.shown)", at: current.start)
            }
            advance()
        }
        return try node(.column(name), at: offset)
    }

    private mutating func choice(at offset: Int) throws(Fault) -> Syntax {
        let operand = Self.word(current) == "when" ? nil : try expression(.or)
        var branches: [Syntax.Branch] = []
        while take(word: "when") {
            let condition = try expression(.or)
            try expect(word: "then", "behind a condition of 'case'")
            branches.append(Syntax.Branch(condition: condition, value: try expression(.or)))
        }
        guard !branches.isEmpty else {
            throw Fault("expected 'when' in 'case', found \(current.shown)", at: current.start)
        }
        let otherwise = take(word: "else") ? try expression(.or) : nil
        try expect(word: "end", otherwise == nil ? "or 'when' or 'else' in 'case'" : "of 'case'")
        return try node(.choice(operand: operand, branches: branches, otherwise: otherwise), at: offset)
    }

    private mutating func cast() throws(Fault) -> Syntax {
        let offset = current.start
        advance()
        advance()
        let operand = try expression(.or)
        try expect(word: "as", "in 'cast'")
        let type = try castType()
        try expect(.close, "behind the type of 'cast'")
        return try node(.cast(operand, to: type), at: offset)
    }

    mutating func castType() throws(Fault) -> Syntax.CastType {
        let token = current
        guard var word = Self.word(token) else {
            throw Fault("expected a type, found \(token.shown)", at: token.start)
        }
        advance()
        if word == "double", take(word: "precision") { word = "double precision" }
        guard let type = Syntax.CastType.names[word] else {
            let known = Syntax.CastType.allCases.map(\.rawValue)
            throw Fault(
                "'\(word)' is no type that can be cast to\(Name.hint(for: word, among: known))",
                at: token.start
            )
        }
        return type
    }

    private mutating func extract() throws(Fault) -> Syntax {
        let offset = current.start
        advance()
        advance()
        let field = current
        let name: String
        switch field.kind {
        case .name(let text), .string(let text): name = text.lowercased()
        default: throw Fault("expected a part of a time, such as hour, found \(field.shown)", at: field.start)
        }
        advance()
        try expect(word: "from", "behind the part of 'extract'")
        let operand = try expression(.or)
        try expect(.close, "to close 'extract'")
        return try node(.extract(field: name, fieldOffset: field.start, operand), at: offset)
    }
}
