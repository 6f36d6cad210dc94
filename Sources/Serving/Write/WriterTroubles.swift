import Synchronization

/// What the log is told of a writer's troubles: one line whenever writing fails for another reason, and one when it works again.
final class WriterTroubles: Sendable {
    private struct State {
        var byLane: [String?]
        var told: String?
    }

    private let state: Mutex<State>
    private let log: @Sendable (ServingEvent) -> Void

    init(laneCount: Int, log: @escaping @Sendable (ServingEvent) -> Void) {
        state = Mutex(State(byLane: Array(repeating: nil, count: laneCount)))
        self.log = log
    }

    /// - Parameter trouble: of that lane; `nil` = it writes.
    func report(_ trouble: String?, lane: Int) {
        let event: ServingEvent? = state.withLock { state in
            state.byLane[lane] = trouble
            // What was told stays true as long as a lane says so.
            if let told = state.told, state.byLane.contains(told) { return nil }
            let now = state.byLane.lazy.compactMap { $0 }.first
            guard now != state.told else { return nil }
            state.told = now
            return now.map { ServingEvent(level: .warning, message: "writes cannot be stored: \($0)") }
                ?? ServingEvent(level: .info, message: "writes can be stored again")
        }
        if let event { log(event) }
    }
}
