/// What an expression may be.
package enum ExpressionLimits {
    // MARK: Derived columns
    /// The text of an expression, as it is written and as it is normalized.
    package static let textBytesMax = 4 << 10
    /// How deep an expression is nested. A chain of operators is as deep as it has operands: parentheses halve it.
    package static let depthMax = 64
    /// Operators, functions, columns and literals of an expression.
    package static let nodesMax = 512

    // MARK: Inside
    /// Bytes of a file of tzdata; those that exist have a few KiB.
    package static let zoneFileBytesMax = 1 << 20
}
