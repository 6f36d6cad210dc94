import Metrics
package import Store

extension Serving {
    /// Counts values that were stored although they are not as expected, and tells of them in the log: of each view at the
    /// 1st, 2nd, 4th, 8th … of them, so that a stream of such values does not fill it.
    package func note(_ tallies: [(view: String, tally: ExpectationTally)]) {
        let catalog = catalog
        for (name, tally) in tallies where tally.warned > 0 {
            guard let view = try? catalog.view(named: name) else { continue }
            let after = view.counters.addWarned(tally.warned)
            let before = after - Int64(tally.warned)
            guard after.leadingZeroBitCount < before.leadingZeroBitCount else { continue }
            let first = tally.features.lazy.compactMap(\.firstWarning?.text).first ?? ""
            options.log(
                ServingEvent(
                    level: .warning,
                    message: "view '\(name)': \(after) stored so far of values that are not as expected: \(first)"
                )
            )
        }
    }
}
