package import PointInTime

/// Rows of one view after their checks: which may be stored, what is wrong with the others, and how all met the view's
/// expectations.
package struct CheckedRows: Sendable {
    /// How many were looked at.
    package let checkedCount: Int
    /// The good ones.
    package let rows: ViewRows
    /// One for each bad one, ascending; their rows are counted among those that were looked at, as are those of ``tally``.
    package let faults: [RowFault]
    /// Of ``rows``, and of those that do not meet an expectation.
    package let tally: ExpectationTally

    package init(_ rows: ViewRows, _ checks: RowChecks) {
        checkedCount = rows.rowCount
        let inspected = checks.inspect(rows)
        faults = inspected.faults
        guard !inspected.faults.isEmpty else {
            self.rows = rows
            tally = inspected.tally
            return
        }
        let bad = inspected.faults.map(\.row)
        self.rows = rows.removing(bad)
        var tally = checks.inspect(self.rows).tally
        tally.locateWarnings { bad.reduce($0) { row, other in other <= row ? row + 1 : row } }
        tally.addRefused(inspected.faults)
        self.tally = tally
    }

    /// The first row that keeps all of them from being stored, also where bad ones are set aside.
    package var stop: RowFault? { faults.first(where: \.isStop) }
}
