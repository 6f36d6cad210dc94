package import Features

/// Which events a window of one time has: those with *t* − *offset* − *length* < time ≤ *t* − max(*offset*, *delay*).
package struct WindowBounds: Sendable, Hashable {
    /// `nil` for a window over lifetime.
    private let length: Int64?
    private let offset: Int64
    private let end: Int64
    private let isStrict: Bool

    /// - Parameters:
    ///   - delay: how long after its time an event is taken to be known.
    ///   - isStrict: whether the last time of the span is left out.
    package init(_ definition: WindowDefinition, delay: Interval = .zero, isStrict: Bool = false) {
        length = definition.length?.microseconds
        offset = definition.offset.microseconds
        end = max(offset, delay.microseconds)
        self.isStrict = isStrict
    }

    /// - Parameter time: µs since 1970-01-01 UTC.
    /// - Returns: `after`: events up to this time are too old, `nil` where none is. `until`: the last time that is in,
    ///   `nil` where none is. `until` may be before `after`.
    @inline(__always)
    package func limits(at time: Int64) -> (after: Int64?, until: Int64?) {
        var after: Int64?
        if let length, let shifted = Self.earlier(time, offset) { after = Self.earlier(shifted, length) }
        var until = Self.earlier(time, end)
        if isStrict, let last = until { until = Self.earlier(last, 1) }
        return (after, until)
    }

    /// `nil` before the earliest int64.
    @inline(__always)
    private static func earlier(_ time: Int64, _ by: Int64) -> Int64? {
        let (difference, overflow) = time.subtractingReportingOverflow(by)
        return overflow ? nil : difference
    }
}
