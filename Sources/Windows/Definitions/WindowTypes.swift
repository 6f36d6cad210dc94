import Expressions
package import Features

/// Types windows and the expressions of derived columns as they are computed later.
package struct WindowTypes: ExpressionTyping {
    package init() {}

    package func typed(_ text: String, in scope: [ScopedName]) throws(ExpressionFault) -> TypedExpression {
        try ExpressionTypes().typed(text, in: scope)
    }

    package func window(_ text: String, of events: ViewDefinition) throws(ExpressionFault) -> TypedExpression {
        let window = try EventWindow(text, of: events)
        var typed = TypedExpression(type: window.type, normalized: window.text, inputs: [])
        typed.reach = window.definition.reach
        return typed
    }
}
