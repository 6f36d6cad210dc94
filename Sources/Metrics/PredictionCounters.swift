import Synchronization

/// What a version has answered since the server has it.
package final class PredictionCounters: Sendable {
    package struct Counts: Sendable {
        package var calls = 0
        package var rows = 0
        package var errors = 0
        /// Rows of entities that nothing was known of.
        package var fallback = 0
        /// Texts that training had not seen.
        package var unseen = 0
        /// Rows of static tasks whose answer the cache had, and had not.
        package var cacheHits = 0
        package var cacheMisses = 0
        /// Rows that are in the log.
        package var logged = 0
        /// Rows that should be in the log and are not.
        package var logDropped = 0
        /// Logged rows whose request values were too large.
        package var logCut = 0

        package init() {}
    }

    package init() {}

    private let counts = Mutex(Counts())
    /// µs of each call, in bins that grow by an eighth.
    private let times = Mutex([UInt32](repeating: 0, count: binCount))
    private static let binCount = 256

    package func add(
        rows: Int,
        fallback: Int,
        unseen: Int,
        cache: (hits: Int, misses: Int)? = nil,
        us: Int
    ) {
        counts.withLock {
            $0.calls += 1
            $0.rows += rows
            $0.fallback += fallback
            $0.unseen += unseen
            $0.cacheHits += cache?.hits ?? 0
            $0.cacheMisses += cache?.misses ?? 0
        }
        times.withLock { $0[Self.bin(us)] &+= 1 }
    }

    /// Rows that were logged, or lost to the log.
    package func noteLog(logged: Int = 0, dropped: Int = 0, cut: Int = 0) {
        counts.withLock {
            $0.logged += logged
            $0.logDropped += dropped
            $0.logCut += cut
        }
    }

    package func fail() { counts.withLock { $0.errors += 1 } }

    package var now: Counts { counts.withLock { $0 } }

    /// The time, µs, below which a share of the calls lie; `nil` = there was none.
    package func quantile(_ share: Double) -> Int? {
        let bins = times.withLock { $0 }
        let total = bins.reduce(0) { $0 + Int($1) }
        guard total > 0 else { return nil }
        var left = Int((Double(total) * share).rounded(.up))
        for (bin, count) in bins.enumerated() {
            left -= Int(count)
            if left <= 0 { return Self.end(bin) }
        }
        return Self.end(bins.count - 1)
    }

    package func reset() {
        counts.withLock { $0 = Counts() }
        times.withLock { for bin in $0.indices { $0[bin] = 0 } }
    }

    /// Each µs below 16, then eight bins a power of two.
    static func bin(_ us: Int) -> Int {
        let us = max(us, 0)
        guard us >= 16 else { return us }
        let power = Int.bitWidth - 1 - us.leadingZeroBitCount
        return min(16 + (power - 4) * 8 + (us >> (power - 3)) & 7, binCount - 1)
    }

    /// The largest µs of a bin.
    static func end(_ bin: Int) -> Int {
        guard bin >= 16 else { return bin }
        let power = (bin - 16) / 8 + 4
        return ((8 + (bin - 16) % 8 + 1) << (power - 3)) - 1
    }
}
