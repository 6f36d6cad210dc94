package import Features
import Postgres

/// What wider types of a view's features ask for: its tables are written anew, and every value must fit.
package struct HistoryRewrite: Sendable {
    package struct Feature: Sendable, Hashable {
        /// That it has in the store.
        package let name: String
        package let from: FeatureType
        package let to: FeatureType
        /// Rows whose integer no float64 holds alone.
        package let inexactRows: Int64
    }

    package let view: String
    package let features: [Feature]
    /// Rows of the view's history.
    package let rows: Int64
    /// Of its tables and indexes. PostgreSQL needs as much again until the change is committed.
    package let bytes: Int64

    /// About how long it takes, by ``Limits/rewrittenBytesPerSecond``.
    package var seconds: Int64 { bytes / Limits.rewrittenBytesPerSecond + 1 }

    /// What changes to `new` would rewrite.
    ///
    /// - Parameter renames: of features, of which some may have been done before.
    /// - Complexity: reads the history of views whose int64 becomes float64; nothing else.
    package static func all(
        _ session: Session,
        to new: Definitions,
        _ renames: [FeatureRename]
    ) throws(StoreError) -> [HistoryRewrite] {
        let rows = try session.query(
            "SELECT v.name, f.name, f.type FROM asof.features f JOIN asof.views v ON v.id = f.view ORDER BY 1, f.id"
        )
        var stored: [String: [(name: String, type: FeatureType)]] = [:]
        for row in 0..<rows.count {
            guard let view = rows.text(row, 0), let name = rows.text(row, 1),
                let type = rows.text(row, 2).flatMap(FeatureType.init(text:))
            else { continue }
            stored[view, default: []].append((name, type))
        }
        var rewrites: [HistoryRewrite] = []
        let changing = new.views.filter { view in
            view.windows == nil && !Self.wider(view, stored[view.name] ?? [], renames).isEmpty
        }
        guard !changing.isEmpty else { return [] }
        let totals = try Ledger(session).totals()
        for (view, _) in try StoredView.all(session) {
            guard let wanted = changing.first(where: { $0.name == view.name }) else { continue }
            let wider = wider(wanted, stored[view.name] ?? [], renames)
            let inexact = try inexactRows(wider, view, session)
            rewrites.append(
                HistoryRewrite(
                    view: view.name,
                    features: zip(wider, inexact).map {
                        Feature(name: $0.name, from: $0.from, to: $0.to, inexactRows: $1)
                    },
                    rows: totals[view.id]?.rows ?? 0,
                    bytes: try view.bytes(session)
                )
            )
        }
        return rewrites
    }

    /// The features that get a wider type, under the names that they have in the store.
    private static func wider(
        _ view: ViewDefinition,
        _ stored: [(name: String, type: FeatureType)],
        _ renames: [FeatureRename]
    ) -> [(name: String, from: FeatureType, to: FeatureType)] {
        view.features.compactMap { feature in
            let was = renames.first { $0.view == view.name && $0.name == feature.name }?.was
            let found =
                stored.first { $0.name == feature.name } ?? stored.first { $0.name == was }
            guard let found, found.type.widens(to: feature.type) else { return nil }
            return (found.name, found.type, feature.type)
        }
    }

    /// For each feature how many rows of history would lose something.
    private static func inexactRows(
        _ features: [(name: String, from: FeatureType, to: FeatureType)],
        _ view: StoredView,
        _ session: Session
    ) throws(StoreError) -> [Int64] {
        let asked = features.filter { $0.from == .int64 && $0.to == .float64 }.map { SQLText.identifier($0.name) }
        guard !asked.isEmpty else { return features.map { _ in 0 } }
        let most = Widening.exactIntegerMax
        let counts = asked.map { "count(*) FILTER (WHERE h.\($0) > \(most) OR h.\($0) < -\(most))" }
        let found = try session.query("SELECT \(counts.joined(separator: ", ")) FROM \(view.historyTable) h")
        var next = 0
        return features.map { feature in
            guard feature.from == .int64, feature.to == .float64 else { return 0 }
            next += 1
            return found.int64(0, next - 1) ?? 0
        }
    }

    /// Why it cannot be done, as changes that are refused.
    package var refusals: [DefinitionChange] {
        features.filter { $0.inexactRows > 0 }.map { feature in
            DefinitionChange(
                .feature(view: view, name: feature.name),
                .changed,
                .refused,
                """
                \(feature.from.text) -> \(feature.to.text): \(feature.inexactRows) rows of its history have integers beyond \
                ±2^53, which a float64 does not hold exactly
                """,
                wayOut: "keep the type, or add a feature under another name"
            )
        }
    }
}

extension StoredView {
    /// Gives columns of a view's tables their new names and types, and notes what they were.
    ///
    /// The caller holds the view's lock, and has seen that every value fits.
    /// - Parameter stored: the types of all features, hidden ones too, by the names that they have so far.
    func alterFeatures(
        _ stored: [String: FeatureType],
        _ renames: [FeatureRename],
        hasOnline: Bool,
        _ session: Session
    ) throws(StoreError) {
        let tables = [historyTable] + (hasOnline ? [onlineTable] : [])
        var alterations: [String] = []
        for feature in definition.features {
            let rename = renames.first { $0.view == name && $0.name == feature.name && stored[$0.name] == nil }
            let before = rename.map(\.was) ?? feature.name
            guard let type = stored[before], before != feature.name || type != feature.type else { continue }
            if before != feature.name {
                for table in tables {
                    try session.execute(
                        """
                        ALTER TABLE \(table) RENAME COLUMN \(SQLText.identifier(before)) \
                        TO \(SQLText.identifier(feature.name))
                        """
                    )
                }
            }
            if type != feature.type {
                guard type.widens(to: feature.type) else {
                    throw .conflict("'\(name).\(before)' is \(type.text) and does not become \(feature.type.text)")
                }
                let column = SQLText.identifier(feature.name)
                alterations.append("ALTER COLUMN \(column) TYPE \(feature.type.sqlType)")
            }
            try session.query(
                """
                UPDATE asof.features SET name = $3, type = $4, former = former || jsonb_build_array(jsonb_build_object(
                    'until', $5::bigint, 'at', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
                    'name', name, 'type', type))
                WHERE view = $1 AND name = $2
                """,
                [
                    .int32(id), .text(before), .text(feature.name), .text(feature.type.text), .int64(shape),
                ]
            )
        }
        // All columns at once: a table is written anew once.
        if !alterations.isEmpty {
            for table in tables {
                try session.execute("ALTER TABLE \(table) \(alterations.joined(separator: ", "))")
            }
        }
    }
}
