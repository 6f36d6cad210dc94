package import Features
import Postgres
import Windows

/// One view's part of something that took rows or columns out of history.
package struct Removal: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case forget, drop, prune
    }

    package let position: Int64
    package let committedAt: Timestamp
    package let kind: Kind
    /// The view's name then.
    package let view: String
    /// The feature that was pruned; `nil` = rows of the view.
    package let feature: String?

    /// `history of view 'stats' was removed at position 7 (drop, 2026-01-31T12:00:00Z)`.
    package var text: String {
        let what: String
        switch (kind, feature) {
        case (_, let feature?): what = "feature '\(view).\(feature)' was removed for good"
        case (.forget, nil): what = "an entity of view '\(view)' was forgotten"
        case (.drop, nil): what = "old history of view '\(view)' was dropped"
        case (.prune, nil): what = "view '\(view)' was removed for good"
        }
        return "\(what) at position \(position) (\(kind.rawValue), \(committedAt.text))"
    }
}

/// The record of what was removed: `asof.removals` and, batch by batch, `asof.removed_rows`.
package struct RemovalRecord {
    let session: Session

    package init(_ session: Session) { self.session = session }

    /// What was removed after a position of anything that these roles read, in order.
    package func since(_ position: Int64, of roles: [ViewRole]) throws(StoreError) -> [Removal] {
        try since(
            position,
            of: roles.map { role in
                guard let windows = role.windows else { return (role.view.name, role.features.map(\.name)) }
                return (windows.events.name, windows.windows.flatMap(\.names))
            }
        )
    }

    /// What was removed after a position of any of these views, or pruned of these features of theirs.
    package func since(
        _ position: Int64,
        of views: [(name: String, features: [String])]
    ) throws(StoreError) -> [Removal] {
        let rows = try session.query(
            """
            SELECT b.position, b.committed_at, r.kind, r.view_name, r.feature
            FROM asof.removals r CROSS JOIN LATERAL (
                SELECT position, committed_at FROM asof.batches b WHERE b.batch = r.batch LIMIT 1) b
            WHERE b.position > $1 AND r.view_name = ANY ($2) ORDER BY b.position, r.view_name, r.feature
            """,
            [.int64(position), .textArray(views.map(\.name))]
        )
        return (0..<rows.count).compactMap { row in
            guard let kind = rows.text(row, 2).flatMap(Removal.Kind.init(rawValue:)), let name = rows.text(row, 3)
            else { return nil }
            let feature = rows.text(row, 4).flatMap { $0.isEmpty ? nil : $0 }
            if let feature, !views.contains(where: { $0.name == name && $0.features.contains(feature) }) { return nil }
            return Removal(
                position: rows.int64(row, 0) ?? 0,
                committedAt: Timestamp(microseconds: rows.timestamp(row, 1) ?? 0),
                kind: kind,
                view: name,
                feature: feature
            )
        }
    }

    /// What one removal took from one view.
    package struct Entry {
        package var view: Int32
        package var viewName: String
        var feature: String?
        package var kind: Removal.Kind
        package var historyRows: Int64
        package var onlineRows: Int64
        package var entity: String?
        package var keyDigest: [UInt8]?
        package var droppedBefore: Int64?

        package init(
            view: Int32,
            viewName: String,
            feature: String? = nil,
            kind: Removal.Kind,
            historyRows: Int64,
            onlineRows: Int64,
            entity: String? = nil,
            keyDigest: [UInt8]? = nil,
            droppedBefore: Int64? = nil
        ) {
            self.view = view
            self.viewName = viewName
            self.feature = feature
            self.kind = kind
            self.historyRows = historyRows
            self.onlineRows = onlineRows
            self.entity = entity
            self.keyDigest = keyDigest
            self.droppedBefore = droppedBefore
        }
    }

    package func add(_ entry: Entry, batch: Int64) throws(StoreError) {
        try session.query(
            """
            INSERT INTO asof.removals (batch, view, view_name, feature, kind, history_rows, online_rows, entity,
                key_digest, dropped_before) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """,
            [
                .int64(batch), .int32(entry.view), .text(entry.viewName), .text(entry.feature ?? ""),
                .text(entry.kind.rawValue), .int64(entry.historyRows), .int64(entry.onlineRows), .text(entry.entity),
                .bytes(entry.keyDigest), .timestamp(microseconds: entry.droppedBefore),
            ]
        )
    }
}

extension Session {
    /// Begins a transaction that removes data of views: definitions stay as they are, and nobody writes into the views.
    ///
    /// It waits at most ten seconds for writers and readers, since new ones wait behind it.
    package func beginRemoval() throws(StoreError) {
        try begin(.write(lockTimeoutMs: Limits.applyLockTimeoutMs))
        do throws(StoreError) {
            try lock(AdvisoryLock.definitions, isShared: true)
        } catch {
            connection.rollBack()
            throw error.explainingLocks
        }
    }
}

extension StoreError {
    /// The same error; where a lock was not to be had, in words.
    package var explainingLocks: StoreError {
        guard case .database(let cause) = self, cause.sqlState == SQLState.lockNotAvailable else { return self }
        return .conflict(
            "somebody writes into or reads what is to be removed for longer than 10 s; nothing was removed, run it again"
        )
    }
}

extension StoredView {
    /// Every view that has tables, hidden ones, too, by id.
    package static func all(_ session: Session) throws(StoreError) -> [(view: StoredView, isRetired: Bool)] {
        let rows = try session.query(
            "SELECT id, shape, definition::text, retired_at IS NOT NULL FROM asof.views ORDER BY id"
        )
        let former = try FormerFeatures.all(session)
        var views: [(view: StoredView, isRetired: Bool)] = []
        for row in 0..<rows.count {
            guard let id = rows.int32(row, 0), let shape = rows.int64(row, 1), let text = rows.text(row, 2) else {
                continue
            }
            let definition = try JSONDocument.definition(ViewDefinition.self, from: text, in: "asof.views")
            let view = StoredView(
                id: id,
                shape: shape,
                definition: definition,
                former: former[id] ?? FormerFeatures()
            )
            views.append((view, rows.bool(row, 3) == true))
        }
        return views
    }

    /// Whether the view has an online table, whatever its definition says.
    package func hasOnlineTable(_ session: Session) throws(StoreError) -> Bool {
        try session.query("SELECT to_regclass($1) IS NOT NULL", [.text(onlineTable)]).bool(0, 0) == true
    }
}
