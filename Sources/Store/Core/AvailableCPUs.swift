import CAffinity
import Foundation
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
        guard let groups = text(root + "/proc/self/cgroup"), let mounts = text(root + "/proc/self/mountinfo") else {
            return nil
        }
        let paths = groups.split(separator: "\n").compactMap(GroupPath.init)
        var least: Int?
        for mount in mounts.split(separator: "\n").compactMap(GroupMount.init) {
            guard let path = paths.first(where: { $0.controllers == mount.controllers }) else { continue }
            for folder in mount.folders(of: path.path) {
                guard let quota = mount.quota(root + folder) else { continue }
                least = min(least ?? quota, quota)
            }
        }
        return least
    }

    fileprivate static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}

/// What a hierarchy of cgroups is about, as far as it may have a CPU quota.
private enum GroupControllers {
    /// Version 2: all of them.
    case unified
    /// Version 1: the hierarchy of `cpu`.
    case cpu
}

/// A line of /proc/self/cgroup: in which group of a hierarchy the process is.
private struct GroupPath {
    let controllers: GroupControllers
    let path: Substring

    /// `0::/path` of version 2, `4:cpu,cpuacct:/path` of version 1; `nil` for hierarchies without CPU quotas.
    init?(_ line: Substring) {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        if fields[0] == "0", fields[1].isEmpty {
            controllers = .unified
        } else if fields[1].split(separator: ",").contains("cpu") {
            controllers = .cpu
        } else {
            return nil
        }
        path = fields[2]
    }
}

/// A line of /proc/self/mountinfo about a hierarchy of cgroups.
private struct GroupMount {
    let controllers: GroupControllers
    /// The group that is mounted; below it are those that can be seen.
    private let top: String
    private let folder: String

    /// `31 23 0:28 /top /sys/fs/cgroup rw … - cgroup2 source options`; `nil` for other mounts.
    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard let dash = fields.firstIndex(of: "-"), dash >= 5, dash + 3 < fields.count else { return nil }
        switch fields[dash + 1] {
        case "cgroup2": controllers = .unified
        case "cgroup" where fields[dash + 3].split(separator: ",").contains("cpu"): controllers = .cpu
        default: return nil
        }
        // The kernel writes a blank as \040.
        top = fields[3].replacingOccurrences(of: "\\040", with: " ")
        folder = fields[4].replacingOccurrences(of: "\\040", with: " ")
    }

    /// Folders of a group and of those above it, up to what is mounted.
    ///
    /// A container may see the path of its group on the host, or `/..`, and has its own group mounted: then that is all.
    func folders(of path: Substring) -> [String] {
        var below = path[...]
        if top != "/" { below = path.hasPrefix(top) ? path.dropFirst(top.count) : "" }
        var parts = below.split(separator: "/")
        if below.first.map({ $0 != "/" }) == true || parts.contains("..") { parts = [] }
        return (0...parts.count).map { count in ([folder] + parts.prefix(count).map(String.init)).joined(separator: "/")
        }
    }

    /// - Returns: CPUs, rounded up; `nil` = the group has no quota of its own.
    func quota(_ folder: String) -> Int? {
        let words: [Int?]
        switch controllers {
        case .unified:
            // `max 100000`, or `50000 100000`.
            words = (AvailableCPUs.text(folder + "/cpu.max") ?? "").split(whereSeparator: \.isWhitespace).map {
                Int($0)
            }
        case .cpu:
            words = ["/cpu.cfs_quota_us", "/cpu.cfs_period_us"].map { name in
                AvailableCPUs.text(folder + name).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
            }
        }
        // -1 is version 1's word for no quota.
        guard words.count == 2, let quota = words[0], let period = words[1], quota > 0, period > 0 else { return nil }
        return quota / period + (quota % period > 0 ? 1 : 0)
    }
}
