/// What a look-up in one view obeys, beside keys and label times.
package struct JoinRules: Sendable, Hashable {
    /// A row older than this is not used; µs, `nil` = none is too old.
    package var ttl: Int64?
    /// A row counts only this long after its event time; µs.
    package var delay: Int64
    /// Whether a row must be older than the label time, not as old.
    package var isStrict: Bool
    /// Whether a row must have been known by the label time.
    package var isKnownAtLabel: Bool
    /// Rows of greater positions do not exist; `nil` where the runs have none.
    package var position: Int64?

    package init(
        ttl: Int64? = nil,
        delay: Int64 = 0,
        isStrict: Bool = false,
        isKnownAtLabel: Bool = false,
        position: Int64? = nil
    ) {
        self.ttl = ttl
        self.delay = delay
        self.isStrict = isStrict
        self.isKnownAtLabel = isKnownAtLabel
        self.position = position
    }

    /// The latest event time that a label time admits.
    @inline(__always)
    package func bound(_ label: Int64) -> Int64 {
        label.subtractingSaturating(delay).subtractingSaturating(isStrict ? 1 : 0)
    }
}

extension JoinRules {
    /// The earliest label time whose ``bound(_:)`` is not before a time.
    func earliestLabel(for time: Int64) -> Int64 {
        time.subtractingSaturating(-delay).subtractingSaturating(isStrict ? -1 : 0)
    }
}

extension Int64 {
    @inline(__always)
    package func subtractingSaturating(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : value
    }
}
