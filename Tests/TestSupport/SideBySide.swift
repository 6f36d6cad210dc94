import Dispatch
import Foundation
import Synchronization

/// Blocking work on several threads at once.
package enum SideBySide {
    /// Threads that had not ended in time.
    package struct Unfinished: Error, Equatable {
        package let seconds: Double
    }

    private final class Failures: Sendable {
        let all = Mutex<[any Error]>([])
    }

    /// Runs `body(0) … body(count - 1)`, each on a thread of its own, and waits for them.
    ///
    /// - Returns: what they threw; with ``Unfinished`` where they hang.
    package static func run(
        _ count: Int,
        seconds: Double = 60,
        _ body: @escaping @Sendable (Int) throws -> Void
    ) -> [any Error] {
        let failures = Failures()
        let group = DispatchGroup()
        for index in 0..<count {
            group.enter()
            Thread.detachNewThread {
                do { try body(index) } catch { failures.all.withLock { $0.append(error) } }
                group.leave()
            }
        }
        let isDone = group.wait(timeout: .now() + seconds) == .success
        return failures.all.withLock { $0 } + (isDone ? [] : [Unfinished(seconds: seconds)])
    }
}
