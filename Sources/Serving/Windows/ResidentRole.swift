import Features
package import Online
import Store
package import Windows

/// What computes a window view in memory, instead of asking PostgreSQL for its events.
package struct ResidentRole: Sendable {
    package let events: EventMemory
    package let windows: ResidentWindows
    /// Stands where others have their rows; it has none.
    package let placeholder: ViewMemory

    /// - Returns: `nil` where the events that the windows need are not in memory.
    init?(_ role: WindowRole, of events: ServedView, layout: RowLayout) {
        let memory = events.events.first { memory in
            memory.keyLayout.keys.count == max(1, role.keys.count) && memory.layout.covers(role.windows)
        }
        guard let memory, NeededWindows.groupsByKeys(role) else { return nil }
        self.events = memory
        windows = ResidentWindows(
            role.windows,
            delay: role.rules.delay,
            isStrict: role.rules.isStrict,
            layout: memory.layout
        )
        placeholder = ViewMemory(layout: layout)
    }

    /// How many of the windows pass all their events by at each read.
    package var scannedCount: Int { windows.scannedCount }

    /// What an event costs that passes by; others cost less.
    package static let costOfEvent = WindowBudget.pickCost

    /// The windows of keys by their places among the events, which are being read; a row each, also of a key without events.
    /// - Parameter budget: what it may cost, see ``costOfEvent``; what it does is taken from it.
    /// - Returns: `nil` where the budget is not enough.
    package func rows(_ places: [Int], at time: Int64, budget: inout Int) -> PackedColumns? {
        var left = WindowBudget(budget)
        let values = events.values(windows, places, at: time, budget: &left)
        budget = left.left
        guard let found = values else { return nil }
        return PackedColumns(
            found.values,
            layout: placeholder.layout,
            rowCount: places.count,
            eventTimes: found.eventTimes
        )
    }

    /// Whether all events are in memory that windows at a time have. It stays so while the events are being read.
    package func answers(at time: Int64) -> Bool {
        guard events.isReady else { return false }
        let floor = events.floor
        return floor == .min || (windows.earliest(at: time).map { $0 >= floor } ?? false)
    }
}
