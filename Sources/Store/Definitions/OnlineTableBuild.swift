import Features
import Postgres

/// The online table of a view that had none, made beside it while writers go on, and put in place by ``Registry/apply(_:prunes:planned:_:lockTimeoutMs:prepared:)``.
///
/// It is filled from history in the state of a position, without any lock; then what was committed meanwhile is looked up again, until that is
/// little. The last of it is done under the view's lock, with which the table gets its name. Until then it has a name that no other build has.
package struct OnlineTableBuild {
    package let viewID: Int32
    /// With hidden features, as the view was when the build began.
    private let view: StoredView
    private let session: Session
    private var pinned: PinnedState
    /// Where the build began: what was taken out of history since is still in the table.
    private let began: Int64

    /// The table's name until it is put in place.
    private let name: String

    /// More entities than these are not left to be looked up under the views' locks, of all tables of a change.
    private static let lastEntitiesMax = 2_000
    private static let roundsMax = 10

    private var table: String { "online.\"\(name)\"" }

    /// Makes the tables of several views, one after the other.
    ///
    /// - Parameters:
    ///   - views: that have no online tables; they may be hidden.
    ///   - planned: the version of the definitions that says so.
    ///   - willWait: called once before waiting for another `apply` that makes tables of these views.
    ///   - madeOne: called with each view whose table has been filled.
    /// - Returns: tables of which each lacks little, however long the others took.
    /// - Throws: ``StoreError/stalePlan(version:)`` where another `apply` made tables of these views meanwhile.
    package static func all(
        _ views: [String],
        planned: Int64,
        _ session: Session,
        willWait: () -> Void = {},
        madeOne: (String) throws(StoreError) -> Void = { _ throws(StoreError) in }
    ) throws(StoreError) -> [OnlineTableBuild] {
        guard !views.isEmpty else { return [] }
        let ids = try StoredView.all(session).filter { views.contains($0.view.name) }.map(\.view.id)
        let turn = try OnlineTableTurn(ofViews: ids, like: session, willWait: willWait)
        if turn.hasWaited {
            let version = try session.query("SELECT max(version) FROM asof.definitions").int64(0, 0) ?? 0
            guard version == planned else { throw .stalePlan(version: version) }
        }
        var builds: [OnlineTableBuild] = []
        do throws(StoreError) {
            for view in views {
                builds.append(try OnlineTableBuild(view, session, turn: turn))
                try madeOne(view)
            }
            for _ in 0..<roundsMax {
                var entities = 0
                for index in builds.indices { entities += try builds[index].advance() }
                if entities <= lastEntitiesMax { break }
            }
            return builds
        } catch {
            for build in builds { build.discard() }
            throw error
        }
    }

    /// Kept until the tables are in place.
    private let turn: OnlineTableTurn?

    /// Makes the table and fills it.
    ///
    /// - Parameter name: of a view that has no online table; it may be hidden.
    /// - Complexity: reads the view's history.
    package init(_ view: String, _ session: Session) throws(StoreError) {
        try self.init(view, session, turn: nil)
    }

    private init(_ name: String, _ session: Session, turn: OnlineTableTurn?) throws(StoreError) {
        let view = try StoredView.whole(name, session)
        self.view = view
        viewID = view.id
        self.session = session
        self.turn = turn
        self.name = Self.prefix(view.id) + "_" + String(UInt64.random(in: 0...(.max)), radix: 16)
        let ledger = Ledger(session)
        let pinned = try ledger.pin(try ledger.head())
        self.pinned = pinned
        began = pinned.state.position
        try session.transaction(.write, of: subject) { () throws(StoreError) in
            try session.execute(view.onlineTableStatement(table, key: self.name + "_key"))
            try session.execute(
                "INSERT INTO \(table) (\(view.onlineColumns)) \(view.latestQuery(tieOrder: Self.tieOrder) { [pinned.condition($0)] })"
            )
        }
        for _ in 0..<Self.roundsMax {
            if try advance() <= Self.lastEntitiesMax { return }
        }
    }

    private var subject: String { "the online table of view '\(view.name)'" }

    /// Looks up what was committed since the table's state, in a transaction of its own.
    /// - Returns: how many entities that were.
    private mutating func advance() throws(StoreError) -> Int {
        do throws(StoreError) {
            return try session.transaction(.write, of: subject) { () throws(StoreError) in try catchUp() }
        } catch {
            guard case .database(let cause) = error, cause.sqlState == SQLState.undefinedTable else { throw error }
            throw .conflict(
                """
                nothing was applied: \(subject), which was being made of its history, was removed by a forget or a drop of that \
                view meanwhile; run the command again
                """
            )
        }
    }

    /// The state of history that the table has.
    var position: Int64 { pinned.state.position }

    private static let tieOrder = "(SELECT position FROM asof.batches b WHERE b.batch = h._batch LIMIT 1) DESC"

    /// Looks up what was committed since the table's state, and moves it on. Within a transaction.
    /// - Returns: how many entities that were.
    private mutating func catchUp() throws(StoreError) -> Int {
        let ledger = Ledger(session)
        let next = try ledger.pin(try ledger.head())
        guard next.state.position > pinned.state.position else { return 0 }
        let later =
            "SELECT DISTINCT \(view.keyList("d")) FROM \(view.historyTable) d WHERE "
            + "\(pinned.exclusion("d")) AND \(next.condition("d"))"
        let latest = view.latestQuery(tieOrder: Self.tieOrder) {
            [next.condition($0), "(\(view.keyList($0))) IN (\(later))"]
        }
        let done = try session.query(
            """
            INSERT INTO \(table) (\(view.onlineColumns)) \(latest)
            ON CONFLICT (\(view.keyList())) DO UPDATE SET \(view.onlineUpdates(hidden: nil))
            """
        )
        pinned = next
        return done.affectedCount
    }

    /// Puts the table in place, under the view's lock in the transaction that changes the view.
    ///
    /// - Returns: false where rows or columns were taken out of history since the build began: the table is gone then.
    mutating func place() throws(StoreError) -> Bool {
        let removed = try session.query(
            """
            SELECT EXISTS (SELECT FROM asof.batches WHERE position > $2 AND view IN (0, $1)
                AND kind NOT IN ('data', 'materialize', 'rebuild'))
            """,
            [.int32(viewID), .int64(began)]
        )
        guard removed.bool(0, 0) == false else {
            try session.execute("DROP TABLE IF EXISTS \(table)")
            return false
        }
        _ = try catchUp()
        try session.execute(
            """
            ALTER TABLE \(table) RENAME CONSTRAINT "\(name)_key" TO "_v\(viewID)_key";
            ALTER TABLE \(table) RENAME TO \(SQLText.identifier(view.name))
            """
        )
        return true
    }

    private static func prefix(_ id: Int32) -> String { "_build_\(id)" }

    /// Removes what killed builds of the view have left, within a transaction that keeps others from building, or has the view's lock: it has
    /// values of entities that may be forgotten meanwhile. A build that goes on finds nothing to put in place, and fails.
    package static func discard(ofView id: Int32, _ session: Session) throws(StoreError) {
        let left = try session.query(
            """
            SELECT relname FROM pg_catalog.pg_class
            WHERE relnamespace = 'online'::regnamespace AND relkind = 'r' AND (relname = $1::text OR starts_with(relname, $1::text || '_'))
            ORDER BY relname COLLATE "C"
            """,
            [.text(prefix(id))]
        )
        for row in 0..<left.count {
            try session.execute("DROP TABLE IF EXISTS online.\(SQLText.identifier(left.text(row, 0) ?? ""))")
        }
    }

    /// A table that a killed build has left.
    package struct Left: Sendable, Hashable {
        package let table: String
        package let bytes: Int64
    }

    /// The tables in `online` that no build under way makes.
    package static func left(_ session: Session) throws(StoreError) -> [Left] {
        let rows = try session.query(
            """
            SELECT relname, pg_total_relation_size(c.oid) FROM (
                SELECT oid, relname, substring(relname from '^_build_([0-9]{1,9})(_|$)')::int AS view FROM pg_catalog.pg_class
                WHERE relnamespace = to_regnamespace('online') AND relkind = 'r' AND starts_with(relname, '_build_')) c
            WHERE view IS NOT NULL AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.classid::bigint = $1
                    AND l.objid::bigint = $2 + view
                    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
            ORDER BY relname COLLATE "C"
            """,
            [.int64(Int64(AdvisoryLock.space)), .int64(Int64(AdvisoryLock.onlineBuild(0)))]
        )
        return (0..<rows.count).map { row in
            Left(table: "online.\(SQLText.identifier(rows.text(row, 0) ?? ""))", bytes: rows.int64(row, 1) ?? 0)
        }
    }

    /// Removes what killed builds of any view have left, of those that nobody reads now.
    package static func discardLeft(_ session: Session) throws(StoreError) {
        for left in try left(session) {
            do throws(StoreError) {
                let subject = "the removal of \(left.table)"
                try session.transaction(.write(lockTimeoutMs: discardLockMs), of: subject) { () throws(StoreError) in
                    // Somebody may have begun a build meanwhile.
                    guard try Self.left(session).contains(where: { $0.table == left.table }) else { return }
                    try session.execute("DROP TABLE IF EXISTS \(left.table)")
                }
            } catch {
                // Of another role it stays as well; doctor tells of it.
                guard case .database(let cause) = error,
                    cause.isRetryable || cause.kind == .server(sqlState: SQLState.insufficientPrivilege)
                else { throw error }
            }
        }
    }

    /// Removes the table where it was not put in place, also where the session's work was cancelled.
    package func discard() {
        let isInterrupted = session.interruption?.isInterrupted == true
        guard let session = isInterrupted ? try? Session(conninfo: session.conninfo) : session else { return }
        // What stays, since somebody still reads it, goes with the view's next build.
        _ = try? session.transaction(.write(lockTimeoutMs: Self.discardLockMs)) { () throws(StoreError) in
            try session.execute("DROP TABLE IF EXISTS \(table)")
        }
    }

    private static let discardLockMs = 2_000
}
