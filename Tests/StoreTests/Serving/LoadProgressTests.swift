import Features
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// What a server says while it loads.
@Suite struct LoadProgressTests {
    @Test func `why nothing is answered yet: what is waited for, else what is loaded, else what does not agree`() {
        var state = ServingState()
        #expect(state.loadingText(naming: { _ in true }) == "connecting to PostgreSQL")
        state.loadProgress = ServingState.LoadProgress(viewsDone: 1, viewCount: 3)
        #expect(state.loadingText(naming: { _ in true }) == "1 of 3 views are loaded")
        state.loadProgress?.view = "stats"
        state.loadProgress?.rows = 2_000
        state.loadingReason = "a table of the store is not there"
        #expect(state.loadingText(naming: { _ in true }) == "1 of 3 views are loaded, and 2000 rows of view 'stats'")
        #expect(state.loadingText { $0 != "stats" } == "1 of 3 views are loaded, and 2000 rows of the next")
        state.loadProgress = nil
        #expect(state.loadingText(naming: { _ in true }) == "a table of the store is not there")
        state.downSince = 5
        state.downReason = "PostgreSQL cannot be reached"
        #expect(state.loadingText(naming: { _ in true }) == "PostgreSQL cannot be reached")
        state.isLoading = false
        #expect(state.loadingText(naming: { _ in true }).isEmpty)
    }

    @Test func `a load tells view after view, and the rows of each`() throws {
        let store = try TestStore(FollowingTests.yaml)
        let start: Int64 = 1_700_000_000_000_000
        try store.ingest("stats", FollowingTests.rows(0..<3_000, at: start, 1))
        try store.ingest("rates", [HistoryRow([], at: start, [.float32(1)])])
        let told = Mutex<[ServingState.LoadProgress]>([])
        var evicted = Set<Int32>()
        let load = CatalogLoad(
            session: store.session,
            options: ServingOptions(),
            isStopped: { false },
            progress: { stand in told.withLock { $0.append(stand) } }
        )
        try store.session.transaction(.load) { () throws(StoreError) in
            _ = try load.run(replacing: .empty, isRestart: true, stale: [], evicted: &evicted)
        }
        let all = told.withLock { $0 }
        let views = store.registry.views.count
        #expect(all.allSatisfy { $0.viewCount == views && $0.viewsDone < views }, "\(all)")
        #expect(Set(all.compactMap(\.view)) == Set(store.registry.views.map(\.name)))
        #expect(all.last { $0.view == "stats" }?.rows == 3_000, "\(all)")
        #expect(all.map(\.viewsDone) == all.map(\.viewsDone).sorted())
    }

    @Test func `a server whose PostgreSQL is away for good says why, once`() throws {
        let attempts = Atomic(0)
        var options = ServingOptions()
        options.absence = {
            attempts.add(1, ordering: .relaxed)
            return "the folder was moved"
        }
        let fixture = try ServingFixture("host=/nowhere dbname=none", options: options, isLoaded: false)
        #expect(Patience.wait { fixture.serving.state.downSince != nil })
        #expect(
            fixture.serving.state.loadingText(naming: { _ in true })
                == "PostgreSQL cannot be reached: the store's folder was moved or deleted"
        )
        #expect(Patience.wait { attempts.load(ordering: .relaxed) > 4 })
        #expect(fixture.events.all.count { $0.level == .error && $0.message == "the folder was moved" } == 1)
    }
}
