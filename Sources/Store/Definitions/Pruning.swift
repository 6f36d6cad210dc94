package import Features
import Postgres

/// What `apply --prune` deletes for good: views and features of a project that the new definitions lack.
///
/// Retired data that the new definitions name again returns, as without pruning, unless its keys, partition or type
/// forbid it.
package struct Pruning: Sendable {
    package struct Item: Sendable {
        let view: StoredView
        /// `nil` = the whole view.
        package let feature: FeatureDefinition?
        /// Rows of the view's history.
        package let rows: Int64
        package let bytes: Int64

        package var noun: String { feature == nil ? "view" : "feature" }
        package var name: String { feature.map { "\(view.name).\($0.name)" } ?? view.name }
    }

    package let items: [Item]

    /// Looks up what there is to delete.
    ///
    /// - Parameters:
    ///   - new: what will be in force, of all projects.
    ///   - project: whose views may be deleted.
    ///   - renames: features that go on under another name are not deleted.
    package init(
        _ session: Session,
        to new: Definitions,
        of project: String = "",
        _ renames: [FeatureRename] = []
    ) throws(StoreError) {
        var items: [Item] = []
        let totals = try Ledger(session).totals()
        for (view, isRetired) in try StoredView.all(session) where new.projects[.view(view.name)] == project {
            let rows = totals[view.id]?.rows ?? 0
            let wanted = new.view(named: view.name)
            let renames = renames.filter { $0.view == view.name }
            let events = view.definition.events.map { events in
                EventIdentity(id: renames.first { $0.was == events.id }?.name ?? events.id)
            }
            let isUsable =
                wanted?.keys == view.definition.keys && wanted?.partition == view.definition.partition
                && (wanted?.events == events || wanted?.events == view.definition.events) && wanted?.windows == nil
            guard let wanted, isUsable || !isRetired else {
                items.append(Item(view: view, feature: nil, rows: rows, bytes: try view.bytes(session)))
                continue
            }
            let stored = try Self.features(view, session)
            func isKept(_ feature: FeatureDefinition, as name: String, isHidden: Bool) -> Bool {
                guard let kept = wanted.feature(named: name) else { return false }
                return feature.type.isShown(of: kept.type) || !(isHidden || isRetired)
            }
            for (feature, isHidden) in stored {
                // Of two that could have a name the one has it that had it; but for one that goes.
                let renamed = renames.first { rename in
                    rename.was == feature.name
                        && !stored.contains {
                            $0.feature.name == rename.name && isKept($0.feature, as: rename.name, isHidden: $0.isHidden)
                        }
                }
                guard !isKept(feature, as: renamed?.name ?? feature.name, isHidden: isHidden) else { continue }
                items.append(Item(view: view, feature: feature, rows: rows, bytes: 0))
            }
        }
        self.items = items
    }

    private static func features(
        _ view: StoredView,
        _ session: Session
    ) throws(StoreError) -> [(feature: FeatureDefinition, isHidden: Bool)] {
        let rows = try session.query(
            "SELECT name, type, retired_at IS NOT NULL FROM asof.features WHERE view = $1 ORDER BY name",
            [.int32(view.id)]
        )
        return (0..<rows.count).compactMap { row in
            guard let name = rows.text(row, 0), let type = rows.text(row, 1).flatMap(FeatureType.init(text:)) else {
                return nil
            }
            return (FeatureDefinition(name: name, type: type), rows.bool(row, 2) == true)
        }
    }

    /// Whether a version of a service reads what is deleted, so that it answers no more.
    package func stops(_ service: Registry.StoredService) -> Bool {
        guard service.replaced == nil else { return false }
        return service.definition.lookups.contains { column in
            let view = column.window?.of ?? column.view
            return items.contains { item in
                guard item.view.name == view else { return false }
                guard let feature = item.feature?.name else { return true }
                let names = column.window.map(\.words) ?? [column.feature]
                // Versions ask by the names that features had then.
                return names.contains { item.view.former.resolved($0) == feature }
            }
        }
    }

    /// Sets the names of deleted views free: whoever defines one next has it.
    func release(_ new: inout Definitions) {
        for item in items where item.feature == nil && new.view(named: item.view.name) == nil {
            new.projects[.view(item.view.name)] = ""
        }
    }

    /// What is still hidden once this is done.
    func remaining(of retired: RetiredDefinitions) -> RetiredDefinitions {
        func isPruned(_ view: String, _ feature: String?) -> Bool {
            items.contains { $0.view.name == view && ($0.feature == nil || $0.feature?.name == feature) }
        }
        var remaining = retired
        remaining.features.removeAll { isPruned($0.view, $0.feature) }
        remaining.views.removeAll { isPruned($0.name, nil) }
        remaining.names.removeAll { isPruned($0.view, nil) || isPruned($0.view, $0.name) }
        for index in remaining.views.indices {
            let view = remaining.views[index].name
            remaining.views[index].features.removeAll { isPruned(view, $0.name) }
        }
        return remaining
    }

    /// Deletes, within the caller's transaction, which holds the lock of every view.
    ///
    /// - Returns: the ledger's entries for it.
    func run(_ session: Session, batch: Int64) throws(StoreError) -> [LedgerEntry] {
        var entries: [LedgerEntry] = []
        let record = RemovalRecord(session)
        for item in items {
            let view = item.view
            let hasOnline = try view.hasOnlineTable(session)
            var onlineRows: Int64 = 0
            if let feature = item.feature {
                for table in [view.historyTable] + (hasOnline ? [view.onlineTable] : []) {
                    try session.execute("ALTER TABLE \(table) DROP COLUMN \(SQLText.identifier(feature.name))")
                }
                try session.query(
                    """
                    DELETE FROM asof.expectation_counts c USING asof.features f
                    WHERE f.id = c.feature AND f.view = $1 AND f.name = $2
                    """,
                    [.int32(view.id), .text(feature.name)]
                )
                try session.query(
                    "DELETE FROM asof.features WHERE view = $1 AND name = $2",
                    [.int32(view.id), .text(feature.name)]
                )
            } else {
                if hasOnline {
                    onlineRows = try session.query("SELECT count(*) FROM \(view.onlineTable)").int64(0, 0) ?? 0
                }
                try drop(view, session)
                entries.append(LedgerEntry(view: view.id, kind: .drop, rows: Int(item.rows)))
            }
            try record.add(
                .init(
                    view: view.id,
                    viewName: view.name,
                    feature: item.feature?.name,
                    kind: .prune,
                    historyRows: item.feature == nil ? item.rows : 0,
                    onlineRows: onlineRows
                ),
                batch: batch
            )
        }
        return entries
    }

    private func drop(_ view: StoredView, _ session: Session) throws(StoreError) {
        try session.execute("DROP TABLE \(view.historyTable); DROP TABLE IF EXISTS \(view.onlineTable)")
        try OnlineTableBuild.discard(ofView: view.id, session)
        for table in [
            "partitions", "features", "sources", "removed_rows", "watermarks", "materialize_runs", "segments",
            "expectation_counts",
        ] {
            // Not every schema has every table.
            guard try session.query("SELECT to_regclass($1) IS NOT NULL", [.text("asof.\(table)")]).bool(0, 0) == true
            else { continue }
            try session.query("DELETE FROM asof.\(table) WHERE view = $1", [.int32(view.id)])
        }
        try session.query("DELETE FROM asof.views WHERE id = $1", [.int32(view.id)])
    }
}

extension StoredView {
    /// What the view takes on disk, with indexes.
    func bytes(_ session: Session) throws(StoreError) -> Int64 {
        try session.query(
            """
            SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM (
                SELECT inhrelid AS oid FROM pg_inherits WHERE inhparent = to_regclass($1)
                UNION ALL SELECT to_regclass($2)) c WHERE c.oid IS NOT NULL
            """,
            [.text(historyTable), .text(onlineTable)]
        ).int64(0, 0) ?? 0
    }

    /// - Throws: ``StoreError/refusedChange(_:)`` where the view's tables have no room for `count` more columns.
    ///
    /// PostgreSQL counts every column that a table ever had.
    func refuseColumns(_ count: Int, _ session: Session) throws(StoreError) {
        let rows = try session.query(
            """
            SELECT max(attnum), count(*) FILTER (WHERE attisdropped) FROM pg_attribute
            WHERE attrelid IN (to_regclass($1), to_regclass($2)) AND attnum > 0
            GROUP BY attrelid ORDER BY 1 DESC LIMIT 1
            """,
            [.text(historyTable), .text(onlineTable)]
        )
        guard rows.count > 0, let used = rows.int64(0, 0) else { return }
        guard Int(used) + count > DefinitionLimits.tableColumnsMax else { return }
        throw .refusedChange([
            """
            ! view  \(name)  \(count == 1 ? "1 new feature" : "\(count) new features"): its table has used \(used) of the \
            \(DefinitionLimits.tableColumnsMax) columns that PostgreSQL allows, retired ones and \(rows.int64(0, 1) ?? 0) \
            pruned ones included; apply --prune makes no room, since a dropped column still counts: make a view under \
            another name, or use vector(n)
            """
        ])
    }
}
