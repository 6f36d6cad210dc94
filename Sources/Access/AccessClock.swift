import Glibc

/// Times that attempts and overlapping passwords are measured by.
package enum AccessClock {
    /// Of a clock that only goes forward.
    package static func nowMs() -> Int64 { read(CLOCK_MONOTONIC) / 1_000_000 }
    /// Since 1970-01-01 UTC.
    static func unixUs() -> Int64 { read(CLOCK_REALTIME) / 1_000 }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
