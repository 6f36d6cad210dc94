import Features
import Online
import PointInTime
import Store
import Synchronization
import Windows

/// Memories of events follow as rows of history, in the order of positions.
extension Follower {
    /// Rows that memories of events lack.
    ///
    /// - Parameter entries: data of whole positions, by view.
    /// - Returns: with the rows of each view; whether they are less than the ledger says.
    func readEvents(
        _ entries: [FollowedEntry],
        _ catalog: Catalog,
        _ session: Session
    ) throws(StoreError) -> (rows: [EventRows], isShort: Bool) {
        guard options.keepsEvents else { return ([], false) }
        var found: [EventRows] = []
        var isShort = false
        for (id, entries) in Dictionary(grouping: entries, by: \.view) {
            // Where nobody wants them now, they are in the snapshot that is loaded later.
            guard let view = catalog.all[id], view.wantsEvents else { continue }
            let rows = try BatchRows(session).events(entries, of: view)
            if let rows { found.append(rows) }
            if Int64(rows?.rowCount ?? 0) < entries.reduce(0, { $0 + $1.rows }) { isShort = true }
        }
        return (found, isShort)
    }

    /// Brings memories of events that were kept up to a load, in steps of so many rows.
    func followEvents(
        _ entries: [FollowedEntry],
        _ catalog: Catalog,
        _ session: Session
    ) throws(StoreError) {
        var rest = entries[...]
        while !rest.isEmpty {
            let step = Self.step(rest, catalog)
            rest = rest.dropFirst(step.count)
            guard let end = step.last?.state.position else { return }
            let rows = try readEvents(Array(step), catalog, session).rows
            serving.applyInPieces(rows, to: end)
        }
    }

    /// The first entries, of whole positions, whose events can be in memory together on their way: at least one position's.
    static func step(_ entries: ArraySlice<FollowedEntry>, _ catalog: Catalog) -> ArraySlice<FollowedEntry> {
        var rows: Int64 = 0
        for (place, entry) in zip(entries.indices, entries) {
            guard catalog.all[entry.view]?.wantsEvents == true else { continue }
            rows += entry.rows
            guard rows > ServingLimits.followedEventsMax else { continue }
            // Back to where the position before ends, if there is one.
            let before = entries[..<place].lastIndex { $0.state.position < entry.state.position }
            if let before { return entries[...before] }
            let end = entries[place...].firstIndex { $0.state.position > entry.state.position } ?? entries.endIndex
            return entries[..<end]
        }
        return entries
    }

    /// Lets go of events that no window reaches any more, from time to time.
    func trimEvents() {
        guard options.keepsEvents else { return }
        let now = serving.now()
        for view in serving.catalog.all.values {
            for memory in view.events where memory.isReady {
                guard let reach = memory.layout.reach, memory.floor != .min else { continue }
                let floor = Self.floor(reach, now: now, newest: view.freshness.values.newestEventTime)
                guard floor - memory.floor > 2 * Self.slack(reach) else { continue }
                memory.removeFirst(upTo: floor)
            }
        }
    }

    /// Up to what time events are not kept, of which windows go so far back.
    static func floor(_ reach: Int64, now: Int64, newest: Int64?) -> Int64 {
        min(now, newest ?? now).subtractingSaturating(reach).subtractingSaturating(slack(reach))
    }

    private static func slack(_ reach: Int64) -> Int64 { reach / 16 + ServingLimits.windowSlackUs }
}
