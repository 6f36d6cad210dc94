package import Features

/// Types the expressions of derived columns as they are evaluated later.
package struct ExpressionTypes: ExpressionTyping {
    package init() {}

    package func typed(_ text: String, in scope: [ScopedName]) throws(ExpressionFault) -> TypedExpression {
        do throws(ExpressionError) {
            let expression = try Expression(text, scope: ExpressionScope(scope))
            return TypedExpression(
                type: expression.type,
                normalized: expression.normalized,
                inputs: expression.inputs
            )
        } catch {
            throw ExpressionFault(offset: error.offset, message: error.message)
        }
    }

    /// ``ExpressionTyping`` of a module above knows them.
    package func window(_ text: String, of events: ViewDefinition) throws(ExpressionFault) -> TypedExpression {
        throw ExpressionFault(offset: 0, message: "windows are not read here")
    }
}

extension ExpressionScope {
    init(_ names: [ScopedName]) { self.init(names.map { Entry(name: $0.name, type: $0.type) }) }
}
