import CLibPQ
import Dispatch
import Foundation
import Synchronization

/// A request that the server give up what it does for a connection, on its way.
///
/// libpq sends it on a connection of its own and blocks meanwhile, so a thread of its own does it. Until it has been
/// taken, the connection must not be used for anything else: the request would hit that.
final class CancelRequest: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private static let underWay = Atomic<Int>(0)

    /// - Returns: `nil` where it cannot be sent: then the connection is to be closed.
    static func send(_ handle: OpaquePointer) -> CancelRequest? {
        guard underWay.load(ordering: .relaxed) < WaitLimits.cancelsMax, let cancel = PQgetCancel(handle) else {
            return nil
        }
        underWay.add(1, ordering: .relaxed)
        return CancelRequest(Target(handle: cancel))
    }

    private struct Target: @unchecked Sendable {
        // Sendable: libpq lets any thread use it, nothing changes it, and the thread below is the only one.
        let handle: OpaquePointer
    }

    private init(_ target: Target) {
        let done = done
        let thread = Thread {
            var reason = [CChar](repeating: 0, count: 256)
            PQcancel(target.handle, &reason, Int32(reason.count))
            PQfreeCancel(target.handle)
            Self.underWay.subtract(1, ordering: .relaxed)
            done.signal()
        }
        thread.stackSize = 256 << 10
        thread.start()
    }

    /// - Returns: whether the server has taken it, within `milliseconds`.
    func wait(milliseconds: Int) -> Bool { done.wait(timeout: .now() + .milliseconds(milliseconds)) == .success }
}
