import Features
import Operations
import Postgres
import Store
import TestSupport
import Testing
import Workflows

/// What keeps a store in order, by calls.
@Suite struct UpkeepWorkflowTests {
    private static let january: Int64 = 1_704_067_200_000_000
    private static let march = january + 60 * 86_400_000_000

    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          robot: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], retention: 30d, features: { n: int64 } }
          more: { entities: [user], features: { n: int64 } }
          robots: { entities: [robot], online: false, retention: 60d, features: { n: int64 } }
        """

    private let store: TestStore
    private let open: OpenStore

    init() throws {
        store = try TestStore(Self.yaml)
        for view in ["stats", "more", "robots"] {
            for time in [Self.january, Self.march] {
                try store.ingest(view, (1...3).map { HistoryRow([.int64($0)], at: time, [.int64($0)]) })
            }
        }
        open = try OpenStore(store.conninfo, forWriting: true)
    }

    private func rows(_ view: String) throws -> Int64? {
        try store.session.query("SELECT count(*) FROM history.\(view)").int64(0, 0)
    }

    // MARK: Forget

    @Test func `one entity is counted, forgotten, and known as forgotten`() throws {
        let plan = try open.planForgetting("user", key: "2")
        #expect(
            plan.counts.map(\.view).sorted() == ["more", "stats"] && plan.counts.allSatisfy { $0.historyRows == 2 }
        )
        #expect(plan.namesakes == ["robots"] && plan.entity.name == "user")
        #expect(try open.forgotten("user", key: "2") == [])
        #expect(try open.forget("user", key: "2") { _ in false } == nil)
        #expect(try rows("stats") == 6)
        let outcome = try #require(try open.forget("user", key: "2") { $0.counts == plan.counts })
        #expect(outcome.counts.count == 2 && outcome.markedSegments == 0 && outcome.unreadSegments == 0)
        #expect(try outcome.position == store.head().position)
        #expect(try rows("stats") == 4)
        #expect(try rows("robots") == 6)
        #expect(try open.forgotten("user", key: "2").count == 1)
        let nothing = try #require(try open.forget("user", key: "2") { $0.counts.isEmpty })
        #expect(nothing.counts.isEmpty && nothing.position == nil)
        #expect(throws: StoreError.self) { _ = try open.planForgetting("usr", key: "2") }
    }

    // MARK: Drop history

    @Test func `history is planned and dropped by each view's retention, or one view's by a time`() throws {
        let before = Timestamp(microseconds: Self.january + 31 * 86_400_000_000)
        let one = try open.planDropping(.view("more", before: before))
        #expect(one.map(\.summary.partitions) == [1] && one.map(\.summary.historyRows) == [3])
        let plans = try open.planDropping(.byRetention)
        #expect(plans.map(\.view.name) == ["robots", "stats"] && plans.allSatisfy { $0.summary.historyRows == 6 })
        #expect(throws: WorkflowError.self) { _ = try open.planDropping(.view("more", before: nil)) }
        #expect(try open.dropHistory(.byRetention, confirm: { _ in false }) == nil)
        #expect(try rows("stats") == 6)
        let dropped = try #require(try open.dropHistory(.view("more", before: before)))
        #expect(dropped.map(\.summary.historyRows) == [3])
        #expect(try dropped.map(\.position) == [store.head().position])
        #expect(try rows("more") == 3)
        var names: [String] = []
        _ = try open.dropHistory(.byRetention, progress: { names.append($0.view.name) })
        #expect(names == ["robots", "stats"])
        #expect(try rows("stats") == 0)
        // Nothing is left: it is still asked, and nothing done.
        #expect(try open.dropHistory(.byRetention, confirm: { $0.count == 2 })?.count == 0)
        #expect(try open.check().allSatisfy { $0.violations == 0 })
    }

    @Test func `dropping that is cancelled ends behind the view it is at`() throws {
        let control = RunControl()
        let cancelled = try OpenStore(store.conninfo, forWriting: true, control: control)
        #expect(throws: WorkflowError.cancelled) {
            _ = try cancelled.dropHistory(.byRetention, progress: { _ in control.cancel() })
        }
        #expect(try rows("robots") == 0)
        #expect(try rows("stats") == 6)
    }

    // MARK: Rebuild

    @Test func `online tables are rebuilt in the order that is asked for, or all by name`() throws {
        try store.session.execute("DELETE FROM online.stats WHERE user_id = 1")
        #expect(try open.check(["stats"]).filter { $0.violations != 0 }.map(\.subject) == ["stats"])
        #expect(try open.rebuildOnline(["stats", "more"]).map { $0.rebuilt.written } == [1, 0])
        let all = try open.rebuildOnline(nil)
        #expect(all.map(\.view.name) == ["more", "stats"] && all.map(\.rebuilt.entities) == [3, 3])
        #expect(throws: StoreError.self) { _ = try open.rebuildOnline(["robots"]) }
        #expect(throws: StoreError.self) { _ = try open.rebuildOnline(["mor"]) }
    }

    @Test func `a rebuild that is cancelled ends behind its view, one whose deadline passes while it waits is undone`()
        throws
    {
        let control = RunControl()
        let cancelled = try OpenStore(store.conninfo, forWriting: true, control: control)
        var done = 0
        #expect(throws: WorkflowError.cancelled) {
            _ = try cancelled.rebuildOnline(nil) { _ in
                done += 1
                control.cancel()
            }
        }
        #expect(done == 1)
        try store.session.begin(.write)
        try store.session.lock(AdvisoryLock.view(try store.view("stats").id))
        let late = try OpenStore(
            store.conninfo,
            forWriting: true,
            control: RunControl(deadline: .now + .milliseconds(700))
        )
        var names: [String] = []
        #expect(throws: WorkflowError.deadlinePassed) { _ = try late.rebuildOnline(nil) { names.append($0.view.name) } }
        store.session.connection.rollBack()
        #expect(names == ["more"])
    }

    // MARK: Reports

    @Test func `the status has every view, and says which of them are stale`() throws {
        try store.apply(Self.yaml.replacing("retention: 30d", with: "max_age: 1d"))
        let status = try open.status()
        #expect(status.views.map(\.name) == ["more", "robots", "stats"] && status.views.map(\.rows) == [6, 6, 6])
        #expect(status.views.filter(\.isStale).map(\.name) == ["stats"])
    }

    @Test func `a database is migrated once, and a store of another schema can be diagnosed`() throws {
        let conninfo = try ThrowawayCluster.shared().database(.bytewise)
        #expect(throws: StoreError.self) { _ = try OpenStore.diagnose(conninfo) }
        #expect(try OpenStore.migrate(conninfo).count == Migration.all.count)
        #expect(try OpenStore.migrate(conninfo) == [])
        let newest = Migration.newest
        try store.session.execute("DELETE FROM asof.migrations WHERE number = \(newest)")
        #expect(throws: StoreError.self) { _ = try OpenStore(store.conninfo, forWriting: false) }
        #expect(
            try OpenStore.diagnose(store.conninfo).filter { $0.severity == .broken }.map(\.subject) == ["migrations"]
        )
        let over = RunControl(deadline: .now)
        #expect(throws: WorkflowError.deadlinePassed) { _ = try OpenStore.migrate(conninfo, control: over) }
        #expect(throws: WorkflowError.deadlinePassed) { _ = try OpenStore.diagnose(conninfo, control: over) }
    }

    @Test func `the log is that of the store, or of one view`() throws {
        #expect(try open.log(limit: 2).map(\.view) == ["robots", "robots"])
        #expect(try open.log(view: "stats", limit: 10).map(\.rows) == [3, 3])
        #expect(throws: StoreError.self) { _ = try open.log(view: "stat", limit: 10) }
    }

    @Test func `a check looks at the ledger and at the views that are named, by name`() throws {
        func subjects(_ names: [String]) throws -> [String] {
            try open.check(names).map(\.subject).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
        }
        #expect(try subjects([]) == ["ledger", "more", "robots", "stats"])
        #expect(try subjects(["stats", "more"]) == ["ledger", "more", "stats"])
    }
}
