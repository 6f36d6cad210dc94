import Testing

@testable import Commands
@testable import Serving

/// What /readyz says while latest values are loaded.
@Suite struct ReadinessTests {
    @Test func `a server that loads says how far it is, and why it loads`() {
        var state = ServingState()
        #expect(ServerHealth.loading(state) == "loading: connecting to PostgreSQL")
        state.connections = 1
        #expect(ServerHealth.loading(state) == "loading")
        state.loadProgress = ServingState.LoadProgress(view: "stats", rows: 500, viewsDone: 3, viewCount: 7)
        #expect(ServerHealth.loading(state) == "loading 42 %: 3 of 7 views are loaded, and 500 rows of view 'stats'")
        #expect(
            ServerHealth.loading(state, isOpen: false)
                == "loading 42 %: 3 of 7 views are loaded, and 500 rows of the next"
        )
        state.timelineChanges = 1
        #expect(
            ServerHealth.loading(state) == "another timeline: 3 of 7 views are loaded, and 500 rows of view 'stats'"
        )
        state.downSince = 1
        state.downReason = "PostgreSQL cannot be reached"
        state.timelineChanges = 0
        #expect(ServerHealth.loading(state).hasSuffix("PostgreSQL cannot be reached"))
    }
}
