/// How often may still be wrong who says to be a user, from an address, and an address for all users together: a bucket each, which
/// failures empty and time fills.
///
/// Behind one address there may be many: whoever is wrong there for one user does not keep the others out.
struct AttemptLimiter {
    private struct Bucket {
        /// Failures that have not been made up for by time, at ``timeMs``.
        var failures: Double
        var timeMs: Int64
    }

    private struct Key: Hashable {
        var host: String
        /// `nil` = all of them.
        var user: String?

        /// No user's name is longer; what a client says to be one may be.
        init(host: String, user: String? = nil) {
            self.host = host
            self.user = user.map { String($0.prefix(AccessLimits.userNameBytesMax)) }
        }
    }

    private var buckets: [Key: Bucket] = [:]

    /// - Returns: in how many seconds this user may be tried again from the address; `nil` = now.
    func secondsToWait(_ user: String, from address: String, nowMs: Int64) -> Int? {
        let host = Self.host(address)
        let waits = [
            seconds(Key(host: host, user: user), AccessLimits.failuresMax, nowMs),
            seconds(Key(host: host), AccessLimits.addressFailuresMax, nowMs),
        ]
        return waits.compactMap(\.self).max()
    }

    mutating func failed(_ user: String, from address: String, nowMs: Int64) {
        let host = Self.host(address)
        for key in [Key(host: host, user: user), Key(host: host)] {
            if buckets[key] == nil, buckets.count >= AccessLimits.addressesMax { forget(nowMs) }
            let failures = buckets[key].map { Self.failures($0, nowMs) } ?? 0
            buckets[key] = Bucket(failures: failures + 1, timeMs: nowMs)
        }
    }

    private func seconds(_ key: Key, _ failuresMax: Int, _ nowMs: Int64) -> Int? {
        guard let bucket = buckets[key] else { return nil }
        let excess = Self.failures(bucket, nowMs) - Double(failuresMax) + 1
        guard excess > 0 else { return nil }
        return max(1, Int((excess * Double(AccessLimits.failureSeconds)).rounded(.up)))
    }

    /// Those that time has made up for, and the oldest.
    private mutating func forget(_ nowMs: Int64) {
        buckets = buckets.filter { Self.failures($0.value, nowMs) > 0 }
        while buckets.count >= AccessLimits.addressesMax {
            guard let oldest = buckets.min(by: { $0.value.timeMs < $1.value.timeMs })?.key else { return }
            buckets[oldest] = nil
        }
    }

    private static func failures(_ bucket: Bucket, _ nowMs: Int64) -> Double {
        let seconds = Double(max(0, nowMs - bucket.timeMs)) / 1_000
        return max(0, bucket.failures - seconds / Double(AccessLimits.failureSeconds))
    }

    /// Without the port; of IPv6 the network, of which one machine has all addresses.
    private static func host(_ address: String) -> String {
        if address.hasPrefix("[") {
            let host = address.dropFirst().prefix { $0 != "]" }
            if host.hasPrefix("::ffff:") { return String(host.dropFirst(7)) }
            let groups = host.split(separator: ":", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
            return groups.prefix(4).joined(separator: ":") + "::"
        }
        return String(address.prefix { $0 != ":" })
    }
}
