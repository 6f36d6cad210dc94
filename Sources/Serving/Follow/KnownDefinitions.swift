import Features
import Online
import Postgres
import Store

/// The definitions that a server loads by: those in force, or those it serves already where a newer asof has applied some
/// that this binary cannot read.
struct KnownDefinitions {
    let registry: Registry
    let versions: [Registry.StoredService]
    /// What is in force instead of ``registry``; `nil` = that is in force.
    let newer: NewerDefinitions?

    /// Reads them. Within the caller's transaction.
    ///
    /// - Parameter old: what is served so far.
    /// - Throws: ``StoreError/newerDefinitions(_:)`` where they cannot be read, and nothing is served, or the tables of what
    ///   is served have changed with them, so that nothing can be followed any more.
    init(_ session: Session, servedSoFar old: Catalog) throws(StoreError) {
        let read: (registry: Registry, versions: [Registry.StoredService])
        do throws(StoreError) {
            read = (try Registry.load(session), try Registry.StoredService.all(session))
        } catch {
            guard case .newerDefinitions(let reason) = error, !old.all.isEmpty,
                try Self.haveColumns(old.all.values, session)
            else { throw error }
            (registry, versions) = (old.registry, old.versions)
            newer = try NewerDefinitions(session, reason: reason, stopsFollowing: false)
            return
        }
        (registry, versions) = read
        newer = nil
    }

    /// Whether the tables still have all that these views read, and writers still fill it.
    private static func haveColumns(
        _ views: some Collection<ServedView>,
        _ session: Session
    ) throws(StoreError) -> Bool {
        let rows = try session.query("SELECT view, name, type, retired_at IS NULL FROM asof.features")
        var types: [String: (type: String, isLive: Bool)] = [:]
        for row in 0..<rows.count {
            guard let view = rows.int32(row, 0), let name = rows.text(row, 1), let type = rows.text(row, 2) else {
                continue
            }
            types["\(view) \(name)"] = (type, rows.bool(row, 3) == true)
        }
        let tables = try session.query("SELECT id, to_regclass(format('online.%I', name)) IS NOT NULL FROM asof.views")
        var hasOnline: [Int32: Bool] = [:]
        for row in 0..<tables.count { if let id = tables.int32(row, 0) { hasOnline[id] = tables.bool(row, 1) == true } }
        return views.allSatisfy { view in
            guard let has = hasOnline[view.stored.id], has || !view.isOnline else { return false }
            return view.layout.columns.allSatisfy { column in
                guard let known = types["\(view.stored.id) \(column.feature)"] else { return false }
                return known.type == column.type.text && (known.isLive || column.isRetired)
            }
        }
    }
}

extension Serving {
    /// Notes which definitions this binary cannot read, and says so once.
    func met(_ newer: NewerDefinitions?) {
        let state = state
        guard newer != state.newerDefinitions else { return }
        report { $0.newerDefinitions = newer }
        guard let newer else { return }
        let served =
            newer.stopsFollowing
            ? "tables have changed with them, and what was loaded is served as of position \(state.reached.position)"
            : "those of version \(catalog.version) are served on"
        options.log(
            ServingEvent(
                level: .warning,
                message: """
                    definitions of version \(newer.version) are of a format that this asof does not know (\(newer.reason)); \
                    \(served). Replace this server by a newer asof
                    """
            )
        )
    }
}

/// Definitions in force that this binary cannot read.
package struct NewerDefinitions: Sendable, Hashable {
    package let version: Int64
    /// When they were applied, µs since 1970-01-01 UTC: after a restore others may have the same version.
    package let appliedAt: Int64
    /// Where they are unknown, and what is.
    package let reason: String
    /// Tables have changed with them: what is served stays as it is.
    package let stopsFollowing: Bool

    /// Those that are in force.
    init(_ session: Session, reason: String, stopsFollowing: Bool) throws(StoreError) {
        (version, appliedAt) = try Self.inForce(session)
        self.reason = reason
        self.stopsFollowing = stopsFollowing
    }

    /// Whether they still are.
    func isInForce(_ session: Session) throws(StoreError) -> Bool { try Self.inForce(session) == (version, appliedAt) }

    private static func inForce(_ session: Session) throws(StoreError) -> (Int64, Int64) {
        let rows = try session.query("SELECT version, applied_at FROM asof.definitions ORDER BY version DESC LIMIT 1")
        return rows.count > 0 ? (rows.int64(0, 0) ?? 0, rows.timestamp(0, 1) ?? 0) : (0, 0)
    }
}
