/// How the rows of a file differ from those of the set that it once was, by their ``RowMarks``.
package enum RowDifference: Equatable, Sendable {
    /// Rows of the file that the set has not; from 0, likewise below.
    case added(Range<Int>)
    /// Rows of the set that the file has not.
    case missing(Range<Int>)
    case exchanged(Int, Int)
    /// The same rows in another order; all others are where they were.
    case reordered(Range<Int>)
    /// Rows that are others than they were, and perhaps some between them that are not.
    case changed(Range<Int>)

    /// - Parameters:
    ///   - file: marks of the file's rows, of as many rows each as the set's.
    ///   - fileRows: how many rows the file has.
    /// - Returns: the difference, in rows; where a mark stands for several, the bounds are those of marks. `nil` where
    ///   there is none, or the marks are none, or tell nothing.
    package init?(file: RowMarks, fileRows: Int, set: RowMarks, setRows: Int) {
        guard let old = set.marks, let new = file.marks, set.rowsEach == file.rowsEach else { return nil }
        let each = set.rowsEach
        let rowsMax = max(fileRows, setRows)
        guard old.count == Self.markCount(setRows, each), new.count == Self.markCount(fileRows, each) else {
            return nil
        }
        let shared = min(old.count, new.count)
        let head = (0..<shared).first { old[$0] != new[$0] } ?? shared
        if fileRows != setRows {
            // All marks are the same: the count of rows, which came from outside, is not theirs.
            guard head < Self.markCount(rowsMax, each) else { return nil }
            let rows = abs(fileRows - setRows)
            let count = abs(new.count - old.count)
            let tail = (0..<shared - head).first { old[old.count - 1 - $0] != new[new.count - 1 - $0] } ?? shared - head
            // Several rows a mark: behind the place where rows were added or removed all marks are others.
            let isOne = each == 1 && head + tail >= shared
            let bounds = isOne ? head..<head + count : head * each..<min((head + 1) * each, rowsMax)
            guard isOne || each > 1 else {
                self = .changed(head..<max(new.count, old.count) - tail)
                return
            }
            let place = isOne ? bounds : bounds.lowerBound..<max(bounds.upperBound, bounds.lowerBound + rows)
            self = fileRows > setRows ? .added(place) : .missing(place)
            return
        }
        let others = (0..<shared).filter { old[$0] != new[$0] }
        guard let first = others.first, let last = others.last else { return nil }
        if each == 1, others.count == 2, old[first] == new[last], old[last] == new[first] {
            self = .exchanged(first, last)
            return
        }
        let rows = first * each..<min((last + 1) * each, setRows)
        self = file.sum == set.sum ? .reordered(rows) : .changed(rows)
    }

    /// How many marks rows have; computed so that no count from outside overflows.
    private static func markCount(_ rows: Int, _ each: Int) -> Int { rows / each + (rows % each > 0 ? 1 : 0) }
}
