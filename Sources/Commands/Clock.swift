import Glibc

/// This process's clocks.
package enum Clock {
    /// Milliseconds of a clock that never goes back.
    package static func nowMs() -> Int64 { nowNs() / 1_000_000 }
    package static func nowUs() -> Int64 { nowNs() / 1_000 }

    /// Nanoseconds of a clock that never goes back.
    package static func nowNs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Microseconds since 1970-01-01 UTC, by this machine.
    package static func unixUs() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
    }
}
