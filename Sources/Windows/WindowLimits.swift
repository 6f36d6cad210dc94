/// What a window may be.
package enum WindowLimits {
    // MARK: Windows
    /// The text of a window, as it is written.
    package static let textBytesMax = 4 << 10
}
