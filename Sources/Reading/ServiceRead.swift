package import Features
import Online
package import PointInTime
package import Serving
package import Wire

/// A read of a version of a service whose rows somebody works with, instead of sending them: predictions, for one.
///
/// It finds, expires and computes exactly as FS.SERVE does. ``rows(_:of:after:)`` answers on the event loop where all is in
/// memory, ``rows(_:of:after:finish:)`` beside it.
package struct ServiceRead: Sendable {
    package let service: ServicePlan
    package private(set) var lookup: RowLookup
    private let computation: RowComputation?
    private let plan: RowPlan

    /// - Parameters:
    ///   - catalog: that the service is of.
    ///   - keys: one list for each of ``ServicePlan/roles``: a key a row, or none where the role is not to be looked up.
    ///   - computation: what the request gives besides; `nil` where ``ServicePlan/computed`` is.
    ///   - time: AT, µs, at most now; `nil` = now.
    package init(
        _ service: ServicePlan,
        of catalog: Catalog,
        _ reads: FeatureReads,
        keys: [LookupKeys],
        rowCount: Int,
        computation: RowComputation?,
        time: Int64? = nil
    ) {
        self.service = service
        self.computation = computation
        plan = reads.plan(service, in: catalog)
        lookup = RowLookup(
            views: service.roles.map(\.view),
            keys: keys,
            rowCount: rowCount,
            ttls: plan.ttls,
            wantsPosition: true,
            time: time,
            computation: computation
        ).timed(reads)
    }

    /// The rows, where they can be had without waiting.
    ///
    /// - Parameter position: one that had been reached before the catalog was taken.
    /// - Returns: `nil` where a view is not resident, memory is newer than the time asked for, or something is being applied:
    ///   then there is ``rows(_:of:after:finish:)``.
    /// - Complexity: O(rows × columns), on the caller's thread.
    package func rows(_ reads: FeatureReads, of catalog: Catalog, after position: Int64) -> ServiceRows? {
        guard let memories = lookup.residentMemories else { return nil }
        for _ in 0..<3 {
            var made: ServiceRows?
            switch lookup.visitExactly(memories, reads, of: catalog, { made = rows($0, $1) }) {
            case .visited: return made
            case .isNewer, .isBeyond: return nil
            case .isChanging: continue
            }
        }
        return nil
    }

    /// The rows, whatever has to be fetched for them; they are taken and computed on a thread for that.
    ///
    /// - Parameters:
    ///   - position: one that had been reached before the catalog was taken.
    ///   - finish: called once, from any thread.
    package func rows(
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        finish: @escaping @Sendable (Result<ServiceRows, ServingError>) -> Void
    ) {
        lookup.memories(reads, after: position) { result in
            switch result {
            case .failure(let error): finish(.failure(error))
            case .success(let memories):
                let body: @Sendable () -> Void = {
                    var made = ServiceRows(columns: [], statuses: [], eventTimes: [], position: position, time: 0)
                    let isExact = lookup.visit(memories, reads, of: catalog, after: position) {
                        made = self.rows($0, $1)
                    }
                    guard let isExact else {
                        var other = self
                        other.lookup = lookup.inHistory()
                        return other.rows(reads, of: catalog, after: position, finish: finish)
                    }
                    made.isExact = isExact
                    finish(.success(made))
                }
                guard isLarge(reads.large.sizes) else { return reads.large.short(body) }
                let refusal = ServingError.unavailable(reason: "too many large reads wait for their turn")
                reads.large.make(LargeArguments(finish: { _ in finish(.failure(refusal)) }, body: body))
            }
        }
    }

    /// Whether short replies had to wait for it too long.
    private func isLarge(_ sizes: LargeReplies.Sizes) -> Bool {
        let rowCount = lookup.rowCount
        return rowCount * service.columns.count > sizes.inlineValuesMax
            || rowCount * (computation?.columns.cost ?? 0) > sizes.inlineOperationsMax
    }

    private func rows(_ rows: borrowing FoundRows, _ position: Int64) -> ServiceRows {
        var made = ServiceRows(columns: [], statuses: [], eventTimes: [], position: position, time: rows.time)
        made.fault = rows.refusal?.fault
        if made.fault != nil { return made }
        var lookup = 0
        for (column, field) in zip(service.columns, plan.fields) {
            let isFeature = column.origin != nil
            if isFeature, let given = computation?.given(lookup) {
                made.columns.append(given)
                made.statuses.append((0..<rows.rowCount).map { given.isNull($0) ? .null : .present })
                made.eventTimes.append(nil)
            } else {
                let isComputed = column.role == service.roles.count
                let layout = isComputed ? service.computed?.layout : service.roles[column.role].view.layout
                if let layout { made.columns.append(rows.column(role: column.role, layout, column.source)) }
                made.statuses.append((0..<rows.rowCount).map { rows.status($0, field) })
                made.eventTimes.append(
                    column.origin.map { role in
                        (0..<rows.rowCount).map { rows.found($0, role: role)?.knownEventTime }
                    }
                )
            }
            if isFeature { lookup += 1 }
        }
        return made
    }
}

/// Rows of a service, in the order of its columns.
package struct ServiceRows: Sendable {
    /// One a column, with a value a row.
    package var columns: [Column]
    /// For each column, what became of each row's value.
    package var statuses: [[ValueStatus]]
    /// For each column, the event time of each row's newest row of the view, µs, also of a tombstone or an expired one; `nil`
    /// for what is no stored feature.
    package var eventTimes: [[Int64?]?]
    /// That the rows are of; at least, where something was fetched that is not in memory.
    package var position: Int64
    /// Whether they are exactly what the position has.
    package var isExact = true
    /// As of which the rows are, µs: the time of the request.
    package var time: Int64
    /// Why there are none: a value is not of the type that the version of the service has.
    package var fault: CommandFault?
}
