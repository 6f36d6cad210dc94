import Dispatch
import Foundation

/// Sessions that threads borrow.
package final class SessionPool: @unchecked Sendable {
    // Sendable: a session is in the hands of one thread at a time, guarded by `lock` and `available`.
    private let lock = NSLock()
    private let available: DispatchSemaphore
    private var idle: [Session]
    /// For use while no thread borrows.
    package let first: Session

    package init(_ sessions: [Session]) {
        precondition(!sessions.isEmpty)
        first = sessions[0]
        idle = sessions
        available = DispatchSemaphore(value: sessions.count)
    }

    /// Waits for a free session and gives it to `body`.
    package func use<Value>(_ body: (Session) throws(StoreError) -> Value) -> Result<Value, StoreError> {
        available.wait()
        let session = lock.withLock { idle.removeLast() }
        defer {
            lock.withLock { idle.append(session) }
            available.signal()
        }
        do throws(StoreError) { return .success(try body(session)) } catch { return .failure(error) }
    }
}
