/// Gives expressions of derived columns, and windows, their types. Nothing here knows what an expression is: whoever reads definitions
/// says who does.
package protocol ExpressionTyping: Sendable {
    /// - Parameters:
    ///   - text: an expression as somebody wrote it.
    ///   - scope: what it may name, no name twice.
    /// - Throws: what is wrong, with its place in the text.
    func typed(_ text: String, in scope: [ScopedName]) throws(ExpressionFault) -> TypedExpression

    /// - Parameters:
    ///   - text: a window as somebody wrote it: `avg(delay) over 3h where delay > 0`.
    ///   - events: the event view.
    /// - Throws: what is wrong, with its place in the text.
    /// - Returns: the window's type, and its text normalized.
    func window(_ text: String, of events: ViewDefinition) throws(ExpressionFault) -> TypedExpression
}

/// Something that an expression may name: `view.feature`, `view._event_time`, `request_field`, `label_time`.
package struct ScopedName: Hashable, Sendable {
    package var name: String
    package var type: FeatureType

    package init(name: String, type: FeatureType) {
        self.name = name
        self.type = type
    }
}

package struct TypedExpression: Hashable, Sendable {
    package var type: FeatureType
    /// One line; the same for texts that differ in blanks, comments and the case of words only.
    package var normalized: String
    /// Places in the scope of the names that it uses, each once, ascending.
    package var inputs: [Int]
    /// Of a window, how far back events may be in it; `nil` = as far as there are any.
    package var reach: Interval?

    package init(type: FeatureType, normalized: String, inputs: [Int]) {
        self.type = type
        self.normalized = normalized
        self.inputs = inputs
    }
}

/// What is wrong with an expression.
package struct ExpressionFault: Error, Hashable, Sendable {
    /// UTF-8 bytes of the text before the place.
    package var offset: Int
    package var message: String

    package init(offset: Int, message: String) {
        self.offset = offset
        self.message = message
    }
}

/// For definitions without derived columns: refuses every expression.
package struct NoExpressions: ExpressionTyping {
    package init() {}

    package func typed(_ text: String, in scope: [ScopedName]) throws(ExpressionFault) -> TypedExpression {
        throw ExpressionFault(offset: 0, message: "expressions are not read here")
    }

    package func window(_ text: String, of events: ViewDefinition) throws(ExpressionFault) -> TypedExpression {
        throw ExpressionFault(offset: 0, message: "windows are not read here")
    }
}

extension ServiceDefinition {
    /// By this name expressions use the label time of a training set's row, or the time of a request.
    package static let labelTimeName = "label_time"
}
