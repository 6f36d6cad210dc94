import CAffinity
import Glibc

/// How many CPUs this process may use: what event loops and threads that compute are counted by.
///
/// The machine's CPUs are the wrong number. A process pinned to one of them (taskset, a cpuset) that starts a thread for each
/// has threads that take turns, a few milliseconds each, and so has one whose container gets half a CPU's time of sixteen.
package enum AvailableCPUs {
    /// The least of what the affinity mask and the quotas of the process's cgroups allow, at least 1. Found out once.
    package static let count = count(affinity: affinity(), quota: quota())

    /// - Parameters:
    ///   - affinity: CPUs on which threads may run.
    ///   - quota: CPUs whose time the process gets, rounded up; `nil` = no bound.
    package static func count(affinity: Int, quota: Int?) -> Int { max(1, min(affinity, quota ?? affinity)) }

    /// - Parameter mask: a bit for each CPU, in the kernel's layout.
    package static func count(mask: [UInt8]) -> Int { mask.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// CPUs in the calling thread's mask; the machine's where the kernel does not say.
    private static func affinity() -> Int {
        // The kernel refuses a mask that is shorter than its own, and does not say how long that is.
        var byteCount = 128
        while byteCount <= 1 << 16 {
            // Of words, so that it is aligned as the kernel's is.
            var mask = [UInt64](repeating: 0, count: byteCount / 8)
            let (error, found) = mask.withUnsafeMutableBytes { bytes in
                let error = asof_affinity(bytes.bindMemory(to: UInt8.self).baseAddress, byteCount)
                return (error, count(mask: Array(bytes)))
            }
            if error == 0 { return found }
            guard error == EINVAL else { break }
            byteCount *= 2
        }
        return sysconf(Int32(_SC_NPROCESSORS_ONLN))
    }

    /// The smallest CPU quota of the process's cgroups, of either version, and of the groups above them.
    ///
    /// - Parameter root: stands before every path that is read, for tests.
    /// - Returns: CPUs, rounded up; `nil` = no group has a quota, or none can be seen.
    package static func quota(root: String = "") -> Int? {
        ControlGroups.folders(of: "cpu", root: root).compactMap(quota).min()
    }

    /// - Returns: CPUs, rounded up; `nil` = the group has no quota of its own.
    private static func quota(_ folder: ControlGroups.Folder) -> Int? {
        let words: [Int?] =
            switch folder.version {
            // `max 100000`, or `50000 100000`.
            case .two: (folder.text("cpu.max") ?? "").split(whereSeparator: \.isWhitespace).map { Int($0) }
            case .one: ["cpu.cfs_quota_us", "cpu.cfs_period_us"].map { folder.number($0) }
            }
        // -1 is version 1's word for no quota.
        guard words.count == 2, let quota = words[0], let period = words[1], quota > 0, period > 0 else { return nil }
        return quota / period + (quota % period > 0 ? 1 : 0)
    }
}
