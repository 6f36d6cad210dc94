/// The arithmetic of bounds: integers, names of other bounds, `+ * <<`, parentheses, and conversions such as `Int(…)`.
struct LimitExpression {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    private var tokens: [Substring]
    private let type: String
    private let named: (String) throws -> Int?

    /// - Parameters:
    ///   - type: whose bounds a name without a type means.
    ///   - named: the value of `Type.name`.
    static func value(of text: String, in type: String, named: (String) throws -> Int?) throws -> Int {
        try withoutActuallyEscaping(named) { named in
            var reader = LimitExpression(
                tokens: text.matches(of: /[0-9][0-9_]*|[A-Za-z_][\w.]*|<<|\S/).map(\.output),
                type: type,
                named: named
            )
            let value = try reader.sum()
            guard reader.tokens.isEmpty else { throw Fault(description: "'\(text)' has more than a value") }
            return value
        }
    }

    private mutating func take(_ token: Substring) -> Bool {
        guard tokens.first == token else { return false }
        tokens.removeFirst()
        return true
    }

    private mutating func sum() throws -> Int {
        var value = try product()
        while take("+") { value += try product() }
        return value
    }

    private mutating func product() throws -> Int {
        var value = try shift()
        while take("*") { value *= try shift() }
        return value
    }

    private mutating func shift() throws -> Int {
        var value = try operand()
        while take("<<") { value <<= try operand() }
        return value
    }

    private mutating func operand() throws -> Int {
        guard !tokens.isEmpty else { throw Fault(description: "a value is missing") }
        let token = tokens.removeFirst()
        if let number = Int(token.replacing("_", with: "")) { return number }
        if token == "(" || ((token == "Int" || token == "Int64") && take("(")) {
            let value = try sum()
            guard take(")") else { throw Fault(description: "')' is missing") }
            return value
        }
        let name = token.contains(".") ? String(token) : "\(type).\(token)"
        guard let value = try named(name) else {
            throw Fault(description: "'\(token)' is no bound of a file of bounds")
        }
        return value
    }
}
