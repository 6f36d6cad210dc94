import Glibc
import Postgres
package import Store

/// The two ways in which tests let time go by.
package enum Patience {
    /// Looks again and again until something holds.
    ///
    /// - Returns: false where it did not hold within `seconds`.
    package static func wait(seconds: Double = 20, until holds: () throws -> Bool) rethrows -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        repeat {
            if try holds() { return true }
            usleep(5_000)
        } while ContinuousClock.now < end
        return false
    }

    /// Lets time go by that nothing tells the end of: the pace of a load, a moment of a kill that is drawn at random, or
    /// where time itself is what is tested. To wait for something, ``wait(seconds:until:)``.
    ///
    /// - Parameter reason: which of these it is; for the reader.
    package static func pass(microseconds: Int, _ reason: StaticString) {
        let end = ContinuousClock.now + .microseconds(microseconds)
        // In pieces, since a signal may end a sleep early.
        while case let left = Int((end - .now) / .microseconds(1)), left > 0 { usleep(UInt32(min(left, 500_000))) }
    }
}

extension Session {
    /// Waits until a session of this session's database waits for a lock.
    ///
    /// - Parameters:
    ///   - event: which lock, as `pg_stat_activity.wait_event` has it, such as `advisory`; `nil` = any.
    ///   - seconds: a program that was just started needs long on a busy machine; whoever holds the lock is idle in a
    ///     transaction meanwhile, which PostgreSQL ends after 60 s.
    /// - Returns: false where none does within `seconds`.
    package func isSomebodyBlocked(by event: String? = nil, seconds: Double = 50) throws -> Bool {
        let sql =
            """
            SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
            """ + (event.map { " AND wait_event = '\($0)'" } ?? "") + ")"
        return try Patience.wait(seconds: seconds) { try query(sql).bool(0, 0) == true }
    }
}
