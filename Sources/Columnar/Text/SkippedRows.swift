import PointInTime

/// The rows of one batch of text while bad ones are set aside: which are bad, why, and what all of them say.
///
/// Rows that the splitter understood are decoded, good or not, and counted as such; rows that it did not lie between them.
struct SkippedRows {
    private var malformed: [(decodedBefore: Int, error: ColumnarError, text: [UInt8])] = []
    private(set) var malformedBytes = 0
    /// The first error of each decoded row that has one.
    private var errors: [Int: ColumnarError] = [:]
    /// What the decoded rows say.
    private var texts = TextValues()
    private var goodRows: [Int32]?
    /// Ascending by offset; complete after ``settle(decodedCount:)``.
    private(set) var rejects: [RejectedRow] = []

    var malformedCount: Int { malformed.count }
    var isEmpty: Bool { malformed.isEmpty && errors.isEmpty }

    /// Sets aside a record that is no row.
    /// - Returns: `false` where the error is not one of a record.
    mutating func appendMalformed(
        _ error: ColumnarError,
        decodedBefore: Int,
        _ record: ArraySlice<UInt8>
    ) -> Bool {
        guard error.fault != nil else { return false }
        var text = record
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        if text.last == UInt8(ascii: "\r") { text.removeLast() }
        malformedBytes += text.count
        malformed.append((decodedBefore, error, Array(text)))
        return true
    }

    /// Marks a decoded row; of several errors the first is kept.
    mutating func markBad(_ row: Int, _ error: ColumnarError) {
        if errors[row] == nil { errors[row] = error }
    }

    /// Keeps what the first `count` rows of a table say.
    mutating func append(_ table: FieldTable, _ count: Int, of buffer: [UInt8]) {
        for extent in table.extents.prefix(count) {
            texts.append(buffer[Int(extent.lowerBound)..<Int(extent.upperBound)])
        }
    }

    /// Makes ``rejects`` of what was found.
    /// - Returns: the numbers of the decoded rows that are good; `nil` where all are.
    mutating func settle(decodedCount: Int) -> [Int32]? {
        var good: [Int32] = []
        var next = 0
        for row in 0...decodedCount {
            while next < malformed.count, malformed[next].decodedBefore == row {
                let (_, error, text) = malformed[next]
                if let reject = RejectedRow(error, offset: row + next, text: text) { rejects.append(reject) }
                next += 1
            }
            guard row < decodedCount else { break }
            if let error = errors[row], let reject = RejectedRow(error, offset: row + next, text: Array(texts[row])) {
                rejects.append(reject)
            } else {
                good.append(Int32(row))
            }
        }
        guard !errors.isEmpty else { return nil }
        goodRows = good
        return good
    }

    func text(ofGoodRow index: Int) -> [UInt8] { Array(texts[decodedRow(index)]) }

    func offset(ofGoodRow index: Int) -> Int {
        let row = decodedRow(index)
        return row + malformed.count { $0.decodedBefore <= row }
    }

    private func decodedRow(_ index: Int) -> Int { goodRows.map { Int($0[index]) } ?? index }
}
