import Features
import Models
import PointInTime
import Postgres
import Store
import TrainingSets

/// The rows of a view that are labels, in the order in which they are learned: by position, key and event time.
struct LabelRows {
    /// A commit of the ledger with rows of the view.
    struct Commit {
        var state: LedgerState
        var batch: Int64
        var rows: Int64
        var earliest: Int64?
        var latest: Int64?
    }

    /// Labels with what the service of the model is asked with.
    struct Batch {
        /// Keys and features of the view, the time of the prediction, the position.
        var spine: ColumnBatch
        var labels: Column
        /// Rows that replace one of an earlier commit, and rows that take one away.
        var isCorrection: [Bool]
        var isDeleted: [Bool]
        /// Rows whose prediction lies ahead of the commit that has them, by more than clocks differ.
        var isAhead: [Bool]
    }

    /// The spine's column of positions; no name of anybody's begins so.
    static let position = "_label_position"
    static let time = "_label_time"

    let session: Session
    let view: StoredView
    let labels: ModelDefinition.LabelSource
    /// What the spine has of the view, by name.
    let columns: [ColumnSchema]

    /// - Parameter plan: of the model's service.
    /// - Throws: ``WorkflowError/refused(_:)`` where the view has not what the service asks for.
    init(_ session: Session, _ view: StoredView, _ labels: ModelDefinition.LabelSource, _ plan: FeaturePlan) throws {
        self.session = session
        self.view = view
        self.labels = labels
        guard view.definition.windows == nil, view.eventFeature == nil else {
            throw WorkflowError.refused(
                "the labels of the model are in '\(view.name)', a view of events or windows; they are read from plain views"
            )
        }
        guard view.definition.feature(named: labels.value) != nil,
            labels.at.map({ view.definition.feature(named: $0)?.type == .timestamp }) ?? true
        else {
            throw WorkflowError.refused(
                "the view '\(view.name)' has no '\(labels.value)', or no timestamp '\(labels.at ?? "")', which labels are made of; retrain the model with the labels that there are"
            )
        }
        let own =
            view.storageKeys.map { ColumnSchema(name: $0.name, type: $0.type.featureType) }
            + view.definition.features.map { ColumnSchema(name: $0.name, type: $0.type) }
        var wanted: [ColumnSchema] = []
        let needed =
            try plan.requestKeys().map { ($0.name, $0.type.featureType) }
            + plan.requestFields.map { ($0.name, $0.type) }
        for (name, type) in needed where !wanted.contains(where: { $0.name == name }) {
            guard let column = own.first(where: { $0.name == name }), column.type == type else {
                let found =
                    own.first { $0.name == name }.map { "it is \($0.typeText) there" }
                    ?? "which has \(own.map(\.name).joined(separator: ", "))"
                throw WorkflowError.refused(
                    "the model's service is asked with '\(name)' \(type.text), and the labels' view '\(view.name)' has none: \(found)"
                )
            }
            wanted.append(column)
        }
        columns = wanted
    }

    /// The spine's schema: what the service is asked with, the time of the prediction, the position.
    var spine: [ColumnSchema] {
        columns + [ColumnSchema(name: Self.time, type: .timestamp), ColumnSchema(name: Self.position, type: .int64)]
    }

    /// Commits behind a position, in order.
    func commits(after position: Int64, upTo last: Int64, limit: Int) throws(StoreError) -> [Commit] {
        let rows = try session.query(
            """
            SELECT position, uid, committed_at, batch, rows, min_event_time, max_event_time FROM asof.batches
            WHERE view = $1 AND position > $2 AND position <= $3 AND kind IN ('data', 'materialize') AND rows > 0
            ORDER BY position LIMIT $4
            """,
            [.int32(view.id), .int64(position), .int64(last), .int64(Int64(limit))]
        )
        return (0..<rows.count).map { row in
            Commit(
                state: LedgerState(
                    position: rows.int64(row, 0) ?? 0,
                    uid: rows.uuid(row, 1),
                    committedAt: rows.timestamp(row, 2)
                ),
                batch: rows.int64(row, 3) ?? 0,
                rows: rows.int64(row, 4) ?? 0,
                earliest: rows.timestamp(row, 5),
                latest: rows.timestamp(row, 6)
            )
        }
    }

    /// The rows of some commits.
    func read(_ commits: [Commit]) throws(StoreError) -> Batch {
        let names = columns.map { "h.\(SQLText.identifier($0.name))" }
        let at = labels.at.map { "h.\(SQLText.identifier($0))" } ?? "h._event_time"
        let value = view.definition.feature(named: labels.value)
        var condition = "h._batch = ANY ('{\(commits.map { String($0.batch) }.joined(separator: ","))}'::bigint[])"
        if let low = commits.compactMap(\.earliest).min(), let high = commits.compactMap(\.latest).max() {
            // Only partitions that may have such rows are looked at.
            condition += " AND h._event_time >= '\(Timestamp(microseconds: low).text)'::timestamptz"
            condition += " AND h._event_time <= '\(Timestamp(microseconds: high).text)'::timestamptz"
        }
        let order = view.storageKeys.map { key in
            "h.\(SQLText.identifier(key.name))\(key.type == .string ? " COLLATE \"C\"" : "")"
        }
        let selected =
            names + [
                at, "b.position", "h.\(SQLText.identifier(labels.value))",
                """
                EXISTS (SELECT FROM \(view.historyTable) e JOIN asof.batches eb ON eb.batch = e._batch AND eb.view = \(view.id)
                    WHERE \(view.keysEqual("e", "h")) AND e._event_time = h._event_time AND eb.position < b.position
                        AND NOT e._deleted AND e.\(SQLText.identifier(labels.value)) IS NOT NULL)
                """, "h._deleted",
            ]
        let query = """
            SELECT \(selected.joined(separator: ", ")) FROM \(view.historyTable) h
            JOIN asof.batches b ON b.batch = h._batch AND b.view = \(view.id)
            WHERE \(condition) ORDER BY b.position, \(order.joined(separator: ", ")), h._event_time
            """
        let types = columns.map(\.type) + [.timestamp, .int64, value?.type ?? .bool, .bool, .bool]
        let found = try session.transaction(.read) { () throws(StoreError) in
            let copy = try CopyOut(session, query: query, types: types)
            var found = types.map { Column(emptyOf: $0) }
            while let more = try copy.next(rowsMax: 65_536) {
                for index in found.indices { found[index].append(more[index]) }
            }
            return found
        }
        let spine = columns.count + 2
        var committed: [Int64: Int64] = [:]
        for commit in commits { committed[commit.state.position] = commit.state.committedAt }
        let (times, positions) = (found[spine - 2], found[spine - 1].int64Values)
        let isAhead = zip(times.int64Values, positions).enumerated().map { row, pair in
            guard !times.isNull(row), let end = committed[pair.1] else { return false }
            return pair.0 > end + Limits.futureUsMax
        }
        func flags(_ column: Column) -> [Bool] {
            guard case .bool(let flags) = column.values else { return [] }
            return flags
        }
        return Batch(
            spine: ColumnBatch(
                names: self.spine.map(\.name),
                columns: Array(found[..<spine]),
                rowCount: found[0].rowCount
            ),
            labels: found[spine],
            isCorrection: flags(found[spine + 1]),
            isDeleted: flags(found[spine + 2]),
            isAhead: isAhead
        )
    }
}

extension ModelDefinition.LabelSource {
    /// By the names that the view's features have now.
    func renamed(by view: StoredView) -> Self {
        guard self.view == view.name else { return self }
        var renamed = self
        renamed.value = view.former.resolved(value)
        renamed.at = at.map(view.former.resolved)
        return renamed
    }
}
