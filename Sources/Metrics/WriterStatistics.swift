/// What servers' writers did.
package struct WriterStatistics: Sendable, Hashable {
    package var groups: UInt64 = 0
    package var writes: UInt64 = 0
    package var rows: UInt64 = 0
    package var lateRows: UInt64 = 0
    package var duplicateRows: UInt64 = 0
    /// Time spent in transactions.
    package var busyUs: UInt64 = 0

    package init() {}

    package static func + (left: WriterStatistics, right: WriterStatistics) -> WriterStatistics {
        var sum = left
        sum.groups += right.groups
        sum.writes += right.writes
        sum.rows += right.rows
        sum.lateRows += right.lateRows
        sum.duplicateRows += right.duplicateRows
        sum.busyUs += right.busyUs
        return sum
    }
}
