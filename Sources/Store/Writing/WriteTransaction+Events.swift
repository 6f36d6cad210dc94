import Features
package import PointInTime

extension HistoryOrder {
    /// The order of a view's rows.
    package init(_ rows: ViewRows, of view: StoredView) {
        self.init(
            keys: rows.keys,
            eventTimes: rows.eventTimeValues,
            movedNs: rows.eventTimes.movedNs,
            events: rows.events(of: view).first
        )
    }
}

extension ViewRows {
    /// Of an event view what identifies each row's event, else nothing.
    package func events(of view: StoredView) -> [Column] { view.definition.eventPlace.map { [features[$0]] } ?? [] }

    package var hasTombstones: Bool {
        guard case .bool(let values)? = isDeleted?.values else { return false }
        return values.contains(true)
    }
}
