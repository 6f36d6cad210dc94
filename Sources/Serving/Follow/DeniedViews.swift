import Postgres
import Store

/// The views whose tables the server's role may not read.
///
/// A role has its rights view by view: of a view that somebody else made since `asof grant-sql` was run it may lack them.
enum DeniedViews {
    /// - Returns: ids.
    static func ids(of views: [StoredView], _ session: Session) throws(StoreError) -> Set<Int32> {
        guard !views.isEmpty else { return [] }
        let rows = try session.query(
            """
            SELECT v.id FROM unnest($1::bigint[], $2::text[], $3::text[]) AS v (id, history, online)
            WHERE \(StoredView.isDenied())
            """,
            [
                .int64Array(views.map { Int64($0.id) }), .textArray(views.map(\.historyTable)),
                .textArray(views.map(\.onlineTable)),
            ]
        )
        return Set((0..<rows.count).compactMap { rows.int64($0, 0).map(Int32.init(truncatingIfNeeded:)) })
    }
}

extension Follower {
    /// Between two looks at whether views that could not be read can be now: rights leave no trace in the ledger.
    private static let lookAtRightsUs: Int64 = 2_000_000

    /// Loads views that the role may read since.
    func takeGrantedViews(_ session: Session) throws(StoreError) {
        let denied = serving.catalog.all.values.filter(\.isDenied)
        guard !denied.isEmpty, MonotonicClock.now - lookedAtRights > Self.lookAtRightsUs else { return }
        lookedAtRights = MonotonicClock.now
        guard try DeniedViews.ids(of: denied.map(\.stored), session).count < denied.count else { return }
        if try load(session, isRestart: false) != nil { wantsReload = true }
    }

    /// Says which views cannot be read, and which can be again; once each.
    func report(denied: Set<String>) {
        let before = serving.state.deniedViews
        guard before != denied else { return }
        serving.report { $0.deniedViews = denied }
        for view in denied.subtracting(before).sorted() {
            options.log(ServingEvent(level: .error, message: "\(StoreError.deniedView(view)); all else is served"))
        }
        for view in before.subtracting(denied).sorted() {
            options.log(ServingEvent(level: .info, message: "view '\(view)' can be read now, or is no more"))
        }
    }
}
