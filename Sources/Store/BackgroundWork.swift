import Dispatch
import Synchronization

/// One piece of blocking work on a thread that is not Swift's cooperative pool.
final class BackgroundWork<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, StoreError>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    /// Starts `body` at once.
    init(_ body: @escaping @Sendable () throws(StoreError) -> Value) {
        DispatchQueue.global().async { [self] in
            let value: Result<Value, StoreError>
            do throws(StoreError) { value = .success(try body()) } catch { value = .failure(error) }
            result.withLock { $0 = value }
            done.signal()
        }
    }

    /// Blocks until the work has ended; to be called once.
    func wait() throws(StoreError) -> Value {
        done.wait()
        guard let value = result.withLock({ $0 }) else {
            preconditionFailure("done is signalled after the result is set")
        }
        return try value.get()
    }
}
