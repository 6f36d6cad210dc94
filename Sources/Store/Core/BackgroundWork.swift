import Dispatch
import Foundation
import Synchronization

/// One piece of blocking work on a thread of its own, so that it waits for nobody's pool.
package final class BackgroundWork<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, StoreError>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    /// Starts `body` at once.
    package init(_ body: @escaping @Sendable () throws(StoreError) -> Value) {
        let thread = Thread { [self] in
            let value: Result<Value, StoreError>
            do throws(StoreError) { value = .success(try body()) } catch { value = .failure(error) }
            result.withLock { $0 = value }
            done.signal()
        }
        thread.start()
    }

    /// Blocks until the work has ended; to be called once.
    package func wait() throws(StoreError) -> Value {
        done.wait()
        guard let value = result.withLock({ $0 }) else {
            preconditionFailure("done is signalled after the result is set")
        }
        return try value.get()
    }
}
