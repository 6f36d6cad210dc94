/// A piece of an expression's text.
struct Token: Equatable {
    enum Kind: Equatable {
        case integer(String)
        /// With a point or an exponent.
        case decimal(String)
        /// What stands between the quotes, doubled ones single.
        case string(String)
        /// As written.
        case name(String)
        /// A name in double quotes, without them.
        case quoted(String)
        case symbol(Symbol)
        case end
    }

    var kind: Kind
    /// In UTF-8.
    var start: Int
    var end: Int

    /// How a message names it.
    var shown: String {
        switch kind {
        case .integer(let text), .decimal(let text), .name(let text): "'\(text)'"
        case .string: "a string"
        case .quoted(let text): "\"\(text)\""
        case .symbol(let symbol): "'\(symbol.rawValue)'"
        case .end: "the end"
        }
    }
}

enum Symbol: String, CaseIterable {
    case concatenate = "||"
    case cast = "::"
    case notEqual = "<>"
    case otherNotEqual = "!="
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case less = "<"
    case greater = ">"
    case equal = "="
    case plus = "+"
    case minus = "-"
    case times = "*"
    case divide = "/"
    case modulo = "%"
    case open = "("
    case close = ")"
    case openBracket = "["
    case closeBracket = "]"
    case comma = ","
    case point = "."
}
