import Online
import Serving
import Synchronization

/// Several fetches of one request: ends when the last one has, with all results or the first error.
final class FetchGroup: Sendable {
    private struct State {
        var remaining: Int
        var memories: [ViewMemory?]
        var error: ServingError?
    }

    private let state: Mutex<State>
    private let finish: @Sendable (Result<[ViewMemory?], ServingError>) -> Void

    /// - Parameter finish: called once, from any thread.
    init(count: Int, _ finish: @escaping @Sendable (Result<[ViewMemory?], ServingError>) -> Void) {
        state = Mutex(State(remaining: count, memories: Array(repeating: nil, count: count)))
        self.finish = finish
    }

    /// For a group of none.
    func finishEmpty() { finish(.success([])) }

    func ended(_ index: Int, _ result: Result<ViewMemory, ServingError>) {
        let all: Result<[ViewMemory?], ServingError>? = state.withLock { state in
            state.remaining -= 1
            switch result {
            case .success(let memory): state.memories[index] = memory
            case .failure(let error): state.error = state.error ?? error
            }
            guard state.remaining == 0 else { return nil }
            return state.error.map { .failure($0) } ?? .success(state.memories)
        }
        if let all { finish(all) }
    }
}
