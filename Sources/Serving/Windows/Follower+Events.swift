import Features
import Online
import PointInTime
import Store
import Synchronization
import Windows

/// Memories of events follow as rows of history, in the order of positions.
extension Follower {
    /// Entries that are read together, and the views whose events are.
    struct Step {
        /// Data, of whole positions.
        let entries: [FollowedEntry]
        /// Ids of views whose memories wanted rows when the entries were bounded by that. A load that begins afterwards has the rows
        /// in its snapshot.
        let wanting: Set<Int32>
    }

    /// Rows that memories of events lack.
    ///
    /// - Returns: with the rows of each view; whether they are less than the ledger says.
    func readEvents(
        _ step: Step,
        _ catalog: Catalog,
        _ session: Session
    ) throws(StoreError) -> (rows: [EventRows], isShort: Bool) {
        var found: [EventRows] = []
        var isShort = false
        for (id, entries) in Dictionary(grouping: step.entries, by: \.view) where step.wanting.contains(id) {
            guard let view = catalog.all[id] else { continue }
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
            rest = rest.dropFirst(step.entries.count)
            guard let end = step.entries.last?.state.position else { return }
            let rows = try readEvents(step, catalog, session).rows
            serving.applyInPieces(rows, to: end)
        }
    }

    /// The first entries, of whole positions, whose events can be in memory together on their way: at least one position's. To be
    /// asked behind the snapshot that the entries are of.
    static func step(_ entries: ArraySlice<FollowedEntry>, _ catalog: Catalog) -> Step {
        let wanting = Set(catalog.all.values.filter(\.wantsEvents).map(\.stored.id))
        return Step(entries: Array(bounded(entries, wanting)), wanting: wanting)
    }

    private static func bounded(
        _ entries: ArraySlice<FollowedEntry>,
        _ wanting: Set<Int32>
    ) -> ArraySlice<FollowedEntry> {
        var rows: Int64 = 0
        for (place, entry) in zip(entries.indices, entries) {
            guard wanting.contains(entry.view) else { continue }
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
