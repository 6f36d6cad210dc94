/// A use case that ended before it was done: at which place of its input, and what of it is stored.
package struct StoppedShort: Error, CustomStringConvertible {
    /// What ended it, as the layer below told it.
    package let cause: any Error
    /// The cause with its place.
    package let what: String
    /// How much is stored, at which position, and how to go on; `nil` = nothing is.
    package let stored: String?

    package init(cause: any Error, what: String? = nil, stored: String?) {
        self.cause = cause
        self.what = what ?? "\(cause)"
        self.stored = stored
    }

    package var description: String { stored.map { "\(what)\n\($0)" } ?? what }
}
