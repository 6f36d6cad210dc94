import Features
package import PointInTime
import Postgres
package import Store

/// What a point-in-time join looks at besides keys and label times.
package struct JoinOptions: Sendable, Hashable {
    /// A row also needs to have been known by the label time.
    package var knownAtLabel = false
    /// Whether matched event times and positions are wanted.
    package var witness = false
    /// Of ``knownAtLabel``, by look-ups in PostgreSQL only: whether rows of backfilled views count as known at their event time.
    package var trustsBackfilled = false

    package init(knownAtLabel: Bool = false, witness: Bool = false, trustsBackfilled: Bool = false) {
        self.knownAtLabel = knownAtLabel
        self.witness = witness
        self.trustsBackfilled = trustsBackfilled
    }
}

/// The point-in-time join by look-ups in PostgreSQL: one statement for a block of spine rows.
///
/// It needs only SELECT. The block goes to the server as arrays; for each row a lateral subquery takes the first entry of
/// the index (keys, event time descending, batch descending). The TTL is applied here, on the one row that was found.
package struct Probe {
    let session: Session
    let state: PinnedState
    let options: JoinOptions

    package init(session: Session, state: PinnedState, options: JoinOptions) {
        self.session = session
        self.state = state
        self.options = options
    }

    /// - Parameters:
    ///   - keys: the role's key values, of the view's key types; nulls match nothing. Empty for a global view.
    ///   - labelTimes: µs; nulls match nothing.
    ///   - rowPositions: int64: the ledger position whose state a row reads, within the probe's own; nulls match nothing.
    ///     `nil` = every row reads the probe's state.
    /// - Returns: one row for each spine row, in order.
    /// - Complexity: one statement; about one index descent a row, and with `rowPositions` one look-up in the ledger for
    ///   each row of history that was too new.
    package func join(
        _ role: ViewRole,
        keys: [Column],
        labelTimes: Column,
        rowPositions: Column? = nil
    ) throws(StoreError) -> JoinedView {
        let block = ProbeBlock(role: role, keys: keys, labelTimes: labelTimes, rowPositions: rowPositions)
        let sql = statement(role, hasRowPositions: rowPositions != nil)
        let rows: Rows
        do {
            try session.begin(.boundedRead)
            rows = try session.query(sql, block.parameters(withLabel: options.knownAtLabel))
            try session.commit()
        } catch {
            session.connection.rollBack()
            throw error
        }
        return try read(rows, role, block)
    }

    private func read(_ rows: Rows, _ role: ViewRole, _ block: ProbeBlock) throws(StoreError) -> JoinedView {
        var rowOf = [Int32](repeating: -1, count: block.rowCount)
        for row in 0..<rows.count {
            guard let ordinal = rows.int64(row, 0), ordinal >= 1, ordinal <= block.sent.count else {
                throw .conflict("PostgreSQL returned a row that no spine row asked for")
            }
            rowOf[Int(block.sent[Int(ordinal) - 1])] = Int32(row)
        }
        var counts = JoinCounts()
        var isNull = [Bool](repeating: false, count: block.rowCount)
        let ttl = role.view.definition.ttl?.microseconds
        var ages = [Int64](repeating: 0, count: block.rowCount)
        var isMatched = [Bool](repeating: false, count: block.rowCount)
        for row in 0..<block.rowCount {
            guard rowOf[row] >= 0, let time = rows.timestamp(Int(rowOf[row]), 1) else {
                counts.missing += 1
                continue
            }
            if let ttl, time < block.labels[row].subtractingSaturating(ttl) {
                counts.expired += 1
                rowOf[row] = -1
            } else if rows.bool(Int(rowOf[row]), 2) == true {
                counts.missing += 1
                isNull[row] = true
            } else {
                counts.matched += 1
                ages[row] = block.labels[row].subtractingSaturating(time)
                isMatched[row] = true
            }
        }
        let reader = ResultColumn(rows: rows, rowOf: rowOf)
        let never = [Bool](repeating: false, count: block.rowCount)
        var features: [Column] = []
        let first = options.witness ? 4 : 3
        for (index, feature) in role.features.enumerated() {
            features.append(try reader.read(first + index, as: feature.type, isNull: isNull))
        }
        return JoinedView(
            features: features,
            eventTimes: try reader.read(1, as: .timestamp, isNull: never),
            positions: options.witness ? try reader.read(3, as: .int64, isNull: never) : nil,
            ages: Column(type: .int64, validity: isMatched, values: .int64(ages)),
            counts: counts
        )
    }

    /// SQL: what a row must meet to be there for a row of the spine at all.
    private func known(_ alias: String, _ view: StoredView, hasRowPositions: Bool) -> [String] {
        func ledger(_ column: String) -> String {
            "(SELECT b.\(column) FROM asof.batches b WHERE b.batch = \(alias)._batch LIMIT 1)"
        }
        let isTrusted = options.trustsBackfilled && view.definition.isBackfilled == true
        // The join's bound has the event time and the delay already.
        let since = isTrusted ? "'-infinity'" : ledger("committed_at")
        return [state.condition(alias)]
            + (options.knownAtLabel ? ["coalesce(\(alias)._known_at, \(since)) <= s.label"] : [])
            + (hasRowPositions ? ["\(ledger("position")) <= s.p"] : [])
    }

    /// Columns: ordinal, event time, deleted, position if asked for, features.
    private func statement(_ role: ViewRole, hasRowPositions: Bool) -> String {
        let view = role.view
        let keys = view.storageKeys
        let names =
            keys.indices.map { "k\($0)" } + ["t"] + (options.knownAtLabel ? ["label"] : [])
            + (hasRowPositions ? ["p"] : [])
        let types =
            keys.map { $0.type == .int64 ? "bigint[]" : "text[]" }
            + ["timestamptz[]"] + (options.knownAtLabel ? ["timestamptz[]"] : [])
            + (hasRowPositions ? ["bigint[]"] : [])
        let arrays = types.enumerated().map { "$\($0.offset + 1)::\($0.element)" }.joined(separator: ", ")
        let position = "(SELECT b.position FROM asof.batches b WHERE b.batch = h._batch LIMIT 1)"
        let selected =
            (["h._event_time", "h._deleted"] + (options.witness ? ["\(position) AS position"] : [])
            + role.features.map { "h.\(SQLText.identifier($0.name))" }).joined(separator: ", ")
        let equal = keys.enumerated().map { index, key in
            "h.\(SQLText.identifier(key.name)) = s.k\(index)\(key.type == .string ? " COLLATE \"C\"" : "")"
        }
        let matches = (equal + known("h", view, hasRowPositions: hasRowPositions)).joined(separator: " AND ")
        let inForce = view.isInForce("h") { known($0, view, hasRowPositions: hasRowPositions) }
        let lateral =
            view.eventFeature != nil
            ? """
            LATERAL (SELECT \(selected) FROM \(view.historyTable) h
                WHERE \(matches) AND h._event_time <= s.t AND \(inForce) ORDER BY \(view.historyOrder("h")) LIMIT 1) h
            """
            : state.isOvertaken(view)
                ? """
                LATERAL (SELECT h._event_time AS newest FROM \(view.historyTable) h
                    WHERE \(matches) AND h._event_time <= s.t ORDER BY h._event_time DESC LIMIT 1) n
                CROSS JOIN LATERAL (SELECT \(selected) FROM \(view.historyTable) h
                    WHERE \(matches) AND h._event_time = n.newest ORDER BY \(position) DESC LIMIT 1) h
                """
                : """
                LATERAL (SELECT \(selected) FROM \(view.historyTable) h
                    WHERE \(matches) AND h._event_time <= s.t ORDER BY h._event_time DESC, h._batch DESC LIMIT 1) h
                """
        return """
            SELECT s.i, h.* FROM unnest(\(arrays)) WITH ORDINALITY AS s(\(names.joined(separator: ", ")), i)
            CROSS JOIN \(lateral)
            """
    }
}

/// A block of spine rows as a statement's parameters.
private struct ProbeBlock {
    let rowCount: Int
    /// Rows whose keys, label time and position are known, in order; the others match nothing and are not sent.
    let sent: [Int32]
    /// µs, one a row; 0 where null.
    let labels: [Int64]
    /// The latest event time that may match, one a sent row.
    private let bounds: [Int64]
    private let keys: [Column]
    private let rowPositions: Column?

    init(role: ViewRole, keys: [Column], labelTimes: Column, rowPositions: Column?) {
        rowCount = labelTimes.rowCount
        let needed = keys + [labelTimes] + (rowPositions.map { [$0] } ?? [])
        var sent: [Int32] = []
        sent.reserveCapacity(rowCount)
        for row in 0..<rowCount where needed.allSatisfy({ !$0.isNull(row) }) { sent.append(Int32(row)) }
        labels = labelTimes.int64Values
        let definition = role.view.definition
        let delay = definition.delay.microseconds
        let labels = labels
        bounds = sent.map { row in
            let bound = labels[Int(row)].subtractingSaturating(delay).subtractingSaturating(definition.isStrict ? 1 : 0)
            // One below the earliest event time matches nothing, and is a time that PostgreSQL has.
            return max(bound, Timestamp.earliest.microseconds - 1)
        }
        self.sent = sent
        self.keys = keys
        self.rowPositions = rowPositions
    }

    func parameters(withLabel: Bool) -> [Parameter] {
        var parameters: [Parameter] = keys.isEmpty ? [.int64Array([Int64](repeating: 0, count: sent.count))] : []
        for key in keys {
            switch key.values {
            case .int64(let values): parameters.append(.int64Array(sent.map { values[Int($0)] }))
            case .text(let values): parameters.append(.textArray(count: sent.count) { values[Int(sent[$0])] })
            default: preconditionFailure("a key column is int64 or string, not \(key.type.text)")
            }
        }
        parameters.append(.timestampArray(microseconds: bounds))
        if withLabel { parameters.append(.timestampArray(microseconds: sent.map { labels[Int($0)] })) }
        if let positions = rowPositions?.int64Values {
            parameters.append(.int64Array(sent.map { positions[Int($0)] }))
        }
        return parameters
    }
}
