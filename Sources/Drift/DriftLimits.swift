/// Every bound of comparing distributions, with its reason.
package enum DriftLimits {
    // MARK: Bins

    /// Bins of a numeric feature.
    package static let binsMax = 10
    /// Texts of a feature that have a bin of their own; the rarer ones share one.
    package static let levelsMax = 18

    // MARK: Inside

    /// Values of which the edges of bins are made.
    static let sampleMax = 100_000
    /// Rows of one bin in counts that come from a file: sums of so many never overflow.
    static let rowsMax = 1 << 40
}
