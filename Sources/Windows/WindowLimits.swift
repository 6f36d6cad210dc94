/// What a window may be.
package enum WindowLimits {
    // MARK: Windows
    /// The text of a window, as it is written.
    package static let textBytesMax = 4 << 10

    /// Values of a list, as of `last(item, 10)`.
    package static let valuesMax = 1_000

    // MARK: Inside
    /// Events of one scan, whose rows are numbered in 32 bits.
    static let scanEventsMax = Int(Int32.max)
    /// What a fraction is given in, as of `approx_quantile(x, 0.95)`: six digits.
    static let fractionOfOne = 1_000_000
}
