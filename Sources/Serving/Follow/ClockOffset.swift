import Glibc
import Synchronization

/// PostgreSQL's clock, as this machine's monotonic clock and an offset.
///
/// Every answer of PostgreSQL that carries its time is a sample: the time was read somewhere between question and answer,
/// so the offset is known to half the round trip. The sample with the shortest round trip of the last minute counts, or a
/// newer one that it contradicts: then a clock was set.
final class ClockOffset: Sendable {
    private struct Sample {
        var offset: Int64
        var roundTrip: Int64
        /// µs of the monotonic clock.
        var takenAt: Int64
    }

    private static let sampleUsMax: Int64 = 60_000_000
    private let offset: Atomic<Int64>
    private let best = Mutex<Sample?>(nil)

    /// Until the first sample this machine's own clock is taken.
    init() { offset = Atomic(Self.wallClock - MonotonicClock.now) }

    private static var wallClock: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1_000
    }

    /// PostgreSQL's time, µs since 1970-01-01 UTC.
    var now: Int64 { MonotonicClock.now &+ offset.load(ordering: .relaxed) }

    /// Takes PostgreSQL's time, which was asked for at `sent` and came at `received`, on the monotonic clock.
    func add(serverTime: Int64, sent: Int64, received: Int64) {
        let sample = Sample(
            offset: serverTime &- (sent &+ (received &- sent) / 2),
            roundTrip: received &- sent,
            takenAt: received
        )
        best.withLock { best in
            if let known = best, known.roundTrip < sample.roundTrip, received &- known.takenAt < Self.sampleUsMax {
                let possible = (known.roundTrip &+ sample.roundTrip) / 2
                // A millisecond more for what the clocks drift apart in a minute.
                if abs(sample.offset &- known.offset) <= possible &+ 1_000 { return }
            }
            best = sample
            offset.store(sample.offset, ordering: .relaxed)
        }
    }

    /// PostgreSQL's clock minus this machine's wall clock, in µs.
    var difference: Int64 { now &- Self.wallClock }

    /// The round trip of the sample in use, µs; 0 = none yet.
    var roundTrip: Int64 { best.withLock { $0?.roundTrip ?? 0 } }
}
