package import Features
import Postgres

extension Rows {
    /// Two timestamps as a range; `nil` where one is null.
    package func timeRange(_ row: Int, _ low: Int, _ high: Int) -> ClosedRange<Timestamp>? {
        guard let low = timestamp(row, low), let high = timestamp(row, high) else { return nil }
        return Timestamp(microseconds: low)...Timestamp(microseconds: high)
    }
}
