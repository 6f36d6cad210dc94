import Features
import PointInTime
import Store

/// The rows of several writes, gathered view by view.
struct GroupRows {
    /// By ``StoredView/id``, ascending, which is the order in which views are locked and written.
    private(set) var views: [(view: StoredView, rows: ViewRows)] = []
    /// Of the views that expect something, how their rows met it; by ``StoredView/id``, ascending.
    private(set) var tallies: [(view: StoredView, tally: ExpectationTally)] = []

    /// - Parameter parts: in the order in which they were submitted: of rows with the same entity and time the last wins.
    init(_ parts: [RowWrite.Part]) {
        var places: [Int32: Int] = [:]
        var hasDeleted: Set<Int32> = []
        var hasKnownAt: Set<Int32> = []
        for part in parts {
            if part.rows.isDeleted != nil { hasDeleted.insert(part.view.id) }
            if part.rows.knownAt != nil { hasKnownAt.insert(part.view.id) }
        }
        for part in parts {
            var rows = part.rows
            let id = part.view.id
            if !part.tally.features.isEmpty {
                if let place = tallies.firstIndex(where: { $0.view.id == id }) {
                    tallies[place].tally.add(part.tally)
                } else {
                    tallies.append((part.view, part.tally))
                }
            }
            if rows.isDeleted == nil, hasDeleted.contains(id) {
                rows.isDeleted = Column(type: .bool, values: .bool(Array(repeating: false, count: rows.rowCount)))
            }
            if rows.knownAt == nil, hasKnownAt.contains(id) {
                rows.knownAt = Column(nullsOf: .timestamp, rowCount: rows.rowCount)
            }
            if let place = places[id] {
                views[place].rows.append(rows)
            } else {
                places[id] = views.count
                views.append((part.view, rows))
            }
        }
        views.sort { $0.view.id < $1.view.id }
        tallies.sort { $0.view.id < $1.view.id }
    }
}
