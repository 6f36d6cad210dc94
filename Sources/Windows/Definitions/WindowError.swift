/// Why a window cannot be had.
package enum WindowError: Error, Equatable, Sendable {
    /// A text is no window.
    /// - Parameters:
    ///   - column: in characters (Unicode scalars) of the text, from 1.
    ///   - message: what is wrong and what was expected, without the place.
    case text(column: Int, message: String)
    /// A text is a window, but not of these events.
    case type(message: String)
}

extension WindowError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .text(let column, let message): "column \(column): \(message)"
        case .type(let message): message
        }
    }
}
