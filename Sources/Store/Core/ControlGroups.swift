import Foundation

/// The cgroups of this process, as far as they can be seen.
enum ControlGroups {
    enum Version: Sendable {
        /// A hierarchy for some controllers each.
        case one
        /// One hierarchy for all controllers.
        case two
    }

    /// Of a group, with the files that say what it may use.
    struct Folder: Sendable {
        let version: Version
        fileprivate let path: String

        /// `nil` where it has no such file.
        func text(_ name: String) -> String? { ControlGroups.text(path + "/" + name) }

        /// `nil` where there is no number.
        func number(_ name: String) -> Int? {
            text(name).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
    }

    /// The process's groups that may bound what a controller counts, of either version, and the groups above them.
    ///
    /// - Parameters:
    ///   - controller: as version 1 names it: cpu, memory.
    ///   - root: stands before every path that is read, for tests.
    static func folders(of controller: String, root: String = "") -> [Folder] {
        guard let groups = text(root + "/proc/self/cgroup"), let mounts = text(root + "/proc/self/mountinfo") else {
            return []
        }
        let paths = groups.split(separator: "\n").compactMap { GroupPath($0, controller) }
        return mounts.split(separator: "\n").compactMap { GroupMount($0, controller) }.flatMap { mount in
            guard let path = paths.first(where: { $0.version == mount.version }) else { return [Folder]() }
            return mount.folders(of: path.path).map { Folder(version: mount.version, path: root + $0) }
        }
    }

    private static func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}

/// A line of /proc/self/cgroup: in which group of a hierarchy the process is.
private struct GroupPath {
    let version: ControlGroups.Version
    let path: Substring

    /// `0::/path` of version 2, `4:cpu,cpuacct:/path` of version 1; `nil` for hierarchies of other controllers.
    init?(_ line: Substring, _ controller: String) {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        if fields[0] == "0", fields[1].isEmpty {
            version = .two
        } else if fields[1].split(separator: ",").contains(controller[...]) {
            version = .one
        } else {
            return nil
        }
        path = fields[2]
    }
}

/// A line of /proc/self/mountinfo about a hierarchy of cgroups.
private struct GroupMount {
    let version: ControlGroups.Version
    /// The group that is mounted; below it are those that can be seen.
    private let top: String
    private let folder: String

    /// `31 23 0:28 /top /sys/fs/cgroup rw … - cgroup2 source options`; `nil` for other mounts.
    init?(_ line: Substring, _ controller: String) {
        let fields = line.split(separator: " ")
        guard let dash = fields.firstIndex(of: "-"), dash >= 5, dash + 3 < fields.count else { return nil }
        switch fields[dash + 1] {
        case "cgroup2": version = .two
        case "cgroup" where fields[dash + 3].split(separator: ",").contains(controller[...]): version = .one
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
}
