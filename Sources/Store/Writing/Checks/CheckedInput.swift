/// The next rows of an input after their checks.
package struct CheckedInput: Sendable {
    let input: InputRows
    /// How many of them lie before the checkpoint; of these nothing is wrong by now.
    let knownCount: Int
    /// Of each part of the input the rows behind the checkpoint.
    let parts: [CheckedRows]

    init(_ input: InputRows, knownCount: Int, checks: (StoredView) -> RowChecks) {
        self.input = input
        self.knownCount = knownCount
        parts = input.parts.map { CheckedRows($0.rows(in: knownCount..<input.count), checks($0.view)) }
    }

    /// What is wrong with rows that may be set aside: for each its part, its row there, and why; ascending in a part.
    package var faults: [(part: Int, fault: RowFault)] {
        parts.indices.flatMap { index in
            let first = input.parts[index].offsets.count - parts[index].checkedCount
            return parts[index].faults.filter { !$0.isStop }.map { fault in
                var fault = fault
                fault.row += first
                return (index, fault)
            }
        }
    }

    /// The first row that keeps all of them from being stored, counted among those that came together.
    func refusal(skipsBadRows: Bool) -> RowFault? {
        var first: RowFault?
        for (part, rows) in zip(input.parts, parts) {
            guard var fault = skipsBadRows ? rows.stop : rows.faults.first else { continue }
            fault.row = part.offsets[part.offsets.count - rows.checkedCount + fault.row]
            if fault.row < first?.row ?? .max { first = fault }
        }
        return first
    }
}
