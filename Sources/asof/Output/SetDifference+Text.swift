import Features
import Workflows

extension SetDifference {
    /// For people: rows from 1.
    var text: String {
        switch self {
        case .missingColumn(let name): "the file has no column '\(name)'"
        case .extraColumn(let name): "the file has a column '\(name)' that the set has not"
        case .columnType(let reason): reason
        case .missingPart(let name): "the file '\(name)' of the set is not there"
        case .extraPart(let name): "there is '\(name)' beside the set's files, which the set has not"
        case .part(let name, let reason): "\(name): \(reason)"
        case .unreadable(let place, let reason): "\(place): \(reason)"
        case .value(let row, let column, let file, let history):
            "row \(row + 1), column '\(column)': the file has \(file.json), history gives \(history.json)"
        case .hiddenValue(let row, let column):
            "row \(row + 1), column '\(column)': the values differ, and are not shown (pii)"
        case .rowCount(let counts): counts.text
        case .contentDigest(let file, let manifest): "the content digest is \(file), the manifest's is \(manifest)"
        case .spine(nil): "the spine's columns are not those that were exported"
        case .spine(let place?): "\(place.text): the spine's columns are not those that were exported"
        case .added(let place, let isExact, let counts):
            "\(place.text)\(isExact ? "" : " or some of them") \(place.rows.count == 1 ? "was" : "were") added: "
                + counts.text
        case .missing(let rows, let isExact, let counts):
            "\(Self.range(rows)) of the set\(isExact ? "" : ", or some of them,") "
                + "\(rows.count == 1 ? "is" : "are") missing: \(counts.text)"
        case .exchanged(let first, let second): "\(first.text) and \(second.text) are exchanged"
        case .reordered(let place): "\(place.text) are in another order"
        case .changed(let place, let counts): "\(place.text): not as exported; \(counts.text)"
        }
    }

    /// `row 3`, `rows 3 to 5`.
    fileprivate static func range(_ rows: Range<Int>) -> String {
        rows.count == 1 ? "row \(rows.lowerBound + 1)" : "rows \(rows.lowerBound + 1) to \(rows.upperBound)"
    }
}

extension SetDifference.RowCounts {
    fileprivate var text: String { "the file has \(CountText.count(file, "row")), the set \(CountText.grouped(set))" }
}

extension SetDifference.FileRows {
    /// `row 3 (line 4)`, `rows 3 to 5 (from line 4 on)`.
    fileprivate var text: String {
        let place = SetDifference.range(rows)
        guard let line else { return place }
        return rows.count == 1 ? "\(place) (line \(line))" : "\(place) (from line \(line) on)"
    }
}
