import Dispatch
import Postgres
import Store

extension DispatchSemaphore {
    /// Waits until threads have ended; ends their waits for PostgreSQL where that takes until `end`.
    ///
    /// - Parameters:
    ///   - threads: how many signals to wait for.
    ///   - end: ``ServingLimits/stopGraceMs`` after it this returns in any case: a thread may be connecting, which nothing ends.
    /// - Returns: whether all have ended.
    func wait(
        for threads: Int = 1,
        until end: ContinuousClock.Instant,
        thenInterrupting interruption: Interruption
    ) -> Bool {
        var left = threads
        for limit in [end, end + .milliseconds(ServingLimits.stopGraceMs)] {
            while left > 0 {
                let rest = max(0, ContinuousClock.now.duration(to: limit).microseconds)
                guard wait(timeout: .now() + .microseconds(Int(clamping: rest))) == .success else { break }
                left -= 1
            }
            if left == 0 { return true }
            interruption.interrupt()
        }
        return false
    }
}
