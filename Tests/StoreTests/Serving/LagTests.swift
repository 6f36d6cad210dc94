import TestSupport
import Testing

@testable import Serving
@testable import Store

/// How old what is served may be.
@Suite struct LagTests {
    @Test func `what was loaded is as old as its load where PostgreSQL goes before the first look at the ledger`()
        throws
    {
        let store = try TestStore(FollowingTests.yaml)
        try store.ingest("stats", FollowingTests.rows(0..<10, at: 1_700_000_000_000_000, 1))
        let serving = Serving(conninfo: store.conninfo)
        let before = serving.now()
        #expect(try Follower(serving).load(store.session, isRestart: true) == nil)
        let loaded = serving.now()
        serving.report { $0.downSince = loaded }
        let state = serving.state
        #expect(try !state.isLoading && state.reached == store.head())
        #expect((before...loaded).contains(state.caughtUpAt), "\(state)")
        let lagUs = serving.lagUs(state)
        #expect(lagUs > 0 && lagUs <= serving.now() - before)
    }
}
