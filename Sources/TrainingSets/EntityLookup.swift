package import Features
import PointInTime
import Postgres
package import Store
import Windowing

/// One entity's row of one view, with where it comes from.
package struct EntityRow: Sendable, Hashable {
    package var values: [Value]
    package var statuses: [ValueStatus]
    package var eventTime: Timestamp?
    package var knownAt: Timestamp?
    package var position: Int64?
    /// Whether the row has values: it is there, no tombstone, and had not expired.
    package var isValid = false
}

/// Reads single entities: the latest values, or those at a moment or position.
package struct EntityLookup {
    let session: Session

    package init(_ session: Session) { self.session = session }

    /// What a look-up goes by.
    package enum Moment: Sendable, Hashable {
        /// The newest row. Its TTL counts to PostgreSQL's clock; in an older state, to that state's commit.
        case latest
        /// What a training set with this label time would see.
        case at(Timestamp)
        /// What a server answers to a request of that time, its AT: of stored features the newest row up to then, without
        /// delay and strictness.
        case served(Timestamp)
    }

    /// - Parameters:
    ///   - keys: one value for each of the view's keys.
    ///   - state: the state to read; `nil` = the newest.
    package func read(
        _ role: ViewRole,
        keys: [Value],
        _ moment: Moment,
        state: LedgerState?
    ) throws(StoreError) -> EntityRow {
        if let windows = role.windows { return try readWindows(windows, keys, moment, state) }
        if case .latest = moment, state == nil, role.view.definition.isOnline {
            return try readOnline(role, keys)
        }
        let ledger = Ledger(session)
        let pinned: PinnedState
        if let state { pinned = try ledger.pin(state) } else { pinned = try ledger.pin(try ledger.head()) }
        return try readHistory(role, keys, moment, pinned)
    }

    /// Windows now, at the time of an older state's commit, or at a moment.
    private func readWindows(
        _ windows: WindowRole,
        _ keys: [Value],
        _ moment: Moment,
        _ state: LedgerState?
    ) throws(StoreError) -> EntityRow {
        let time: Int64
        switch moment {
        case .at(let moment), .served(let moment): time = moment.microseconds
        case .latest:
            let now = try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
            time = state?.committedAt ?? now
        }
        let ledger = Ledger(session)
        let pinned: PinnedState
        if let state { pinned = try ledger.pin(state) } else { pinned = try ledger.pin(try ledger.head()) }
        let found = try WindowReader(session, pinned, windows).read(
            WindowRequests(
                keys: zip(keys, windows.keys).map { Column(type: $1.type.featureType, value: $0) },
                times: Column(type: .timestamp, values: .int64([time]))
            )
        )
        let values = found.values.map { $0.value(0) }
        var row = EntityRow(values: values, statuses: values.map { $0 == .null ? .null : .present })
        if case .timestamp(let newest) = found.eventTimes.value(0) {
            row.eventTime = newest
            row.isValid = true
        }
        return row
    }

    private func readOnline(_ role: ViewRole, _ keys: [Value]) throws(StoreError) -> EntityRow {
        let view = role.view
        let features = role.features.map { ", o.\(SQLText.identifier($0.name))" }.joined()
        let event =
            view.eventFeature.map { " AND h.\(StoredView.eventColumn) = o.\(SQLText.identifier($0.name))" } ?? ""
        let rows = try session.query(
            """
            SELECT o._event_time, o._deleted, pg_catalog.clock_timestamp(), h.position, h.known_at\(features)
            FROM \(view.onlineTable) o LEFT JOIN LATERAL (
                SELECT b.position, coalesce(h._known_at, b.committed_at) AS known_at
                FROM \(view.historyTable) h JOIN asof.batches b ON b.batch = h._batch AND b.view = \(view.id)
                WHERE \(view.keysEqual("h", "o")) AND h._event_time = o._event_time\(event)
                ORDER BY b.position DESC LIMIT 1) h ON true
            WHERE \(view.keyCondition("o"))
            """,
            view.keyParameters(keys)
        )
        guard rows.count > 0, let time = rows.timestamp(0, 0), let now = rows.timestamp(0, 2) else {
            return Self.missing(role)
        }
        let ttl = view.definition.ttl?.microseconds
        let isExpired = ttl.map { time < now.subtractingSaturating($0) } ?? false
        var row = EntityRow(
            values: [],
            statuses: [],
            eventTime: Timestamp(microseconds: time),
            knownAt: rows.timestamp(0, 4).map { Timestamp(microseconds: $0) },
            position: rows.int64(0, 3)
        )
        let isDeleted = rows.bool(0, 1) == true
        // Of an event view no event is in force then, which history does not answer otherwise.
        if isDeleted, view.eventFeature != nil { return Self.missing(role) }
        row.isValid = !isDeleted && !isExpired
        let reader = ResultColumn(rows: rows, rowOf: [0])
        for (index, feature) in role.features.enumerated() {
            let value = try reader.read(5 + index, as: feature.type, isNull: [isDeleted || isExpired]).value(0)
            row.values.append(value)
            row.statuses.append(isDeleted ? .missing : isExpired ? .expired : value == .null ? .null : .present)
        }
        return row
    }

    private static func missing(_ role: ViewRole) -> EntityRow {
        EntityRow(
            values: role.features.map { _ in .null },
            statuses: role.features.map { _ in .missing },
            eventTime: nil,
            knownAt: nil,
            position: nil
        )
    }

    private func readHistory(
        _ role: ViewRole,
        _ keys: [Value],
        _ moment: Moment,
        _ state: PinnedState
    ) throws(StoreError) -> EntityRow {
        let label: Int64
        var expiry: Int64?
        var role = role
        // A training set's row is expired, whatever it says, where a server looks first whether it is deleted.
        var isExpiredIfDeleted = false
        switch moment {
        case .at(let time):
            label = time.microseconds
            isExpiredIfDeleted = true
            // What has expired has its time shown all the same.
            expiry = role.view.definition.ttl.map { label.subtractingSaturating($0.microseconds) }
            role = role.withoutTTL
        case .served(let time):
            label = time.microseconds
            expiry = role.view.definition.ttl.map { label.subtractingSaturating($0.microseconds) }
            role = role.withoutTimeRules
        case .latest:
            // The newest row whatever its time; its age is measured afterwards.
            label = Timestamp.latest.microseconds
            expiry = try expiryBound(role.view, state)
            role = role.withoutTimeRules
        }
        let columns = zip(keys, role.view.definition.keys).map { key, column in
            switch key {
            case .int64(let value): Column(type: column.type.featureType, values: .int64([value]))
            case .string(let value): Column(type: column.type.featureType, values: .text(TextValues([value])))
            default: Column(nullsOf: column.type.featureType, rowCount: 1)
            }
        }
        let joined = try Probe(session: session, state: state, options: JoinOptions(witness: true)).join(
            role,
            keys: columns,
            labelTimes: Column(type: .timestamp, values: .int64([label]))
        )
        guard case .timestamp(let time) = joined.eventTimes?.value(0),
            case .int64(let position) = joined.positions?.value(0)
        else {
            return Self.missing(role)
        }
        let isMatched = joined.counts.matched > 0
        let isExpired = (isMatched || isExpiredIfDeleted) && expiry.map { time.microseconds < $0 } ?? false
        return EntityRow(
            values: joined.features.map { isExpired ? .null : $0.value(0) },
            statuses: joined.features.map {
                isExpired ? .expired : isMatched ? ($0.isNull(0) ? .null : .present) : .missing
            },
            eventTime: time,
            knownAt: try knownAt(role.view, keys, time, position, state),
            position: position,
            isValid: isMatched && !isExpired
        )
    }

    /// The earliest event time that has not expired; `nil` where values never do.
    private func expiryBound(_ view: StoredView, _ pinned: PinnedState) throws(StoreError) -> Int64? {
        guard let ttl = view.definition.ttl?.microseconds else { return nil }
        let isNewest = pinned.state.position == pinned.resolvedAt
        let now =
            isNewest
            ? try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) : pinned.state.committedAt
        return now?.subtractingSaturating(ttl)
    }

    private func knownAt(
        _ view: StoredView,
        _ keys: [Value],
        _ time: Timestamp,
        _ position: Int64,
        _ state: PinnedState
    ) throws(StoreError) -> Timestamp? {
        let count = view.storageKeys.count
        // Of events at one time the newest in force was found.
        let inForce = view.eventFeature == nil ? "" : "(\(view.isInForce("h") { [state.condition($0)] })) DESC, "
        let rows = try session.query(
            """
            SELECT coalesce(h._known_at, b.committed_at) FROM asof.batches b
            JOIN \(view.historyTable) h ON h._batch = b.batch AND h._event_time = $\(count + 1)
            WHERE \(view.keyCondition("h")) AND b.position = $\(count + 2) AND b.view = \(view.id)
            ORDER BY \(inForce)\(view.historyOrder("h")) LIMIT 1
            """,
            view.keyParameters(keys) + [.timestamp(microseconds: time.microseconds), .int64(position)]
        )
        return rows.count > 0 ? rows.timestamp(0, 0).map { Timestamp(microseconds: $0) } : nil
    }
}
