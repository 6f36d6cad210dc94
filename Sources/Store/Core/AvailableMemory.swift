import Glibc

/// How much memory this process may use: what bounds that nobody gave are shares of.
package enum AvailableMemory {
    /// Bytes: the least of what the machine has and the bounds of the process's cgroups allow. Found out once.
    package static let bytes = bytes(machine: machine(), bound: bound())

    /// - Parameters:
    ///   - machine: bytes that the machine has.
    ///   - bound: bytes that the process's groups may take; `nil` = no bound.
    package static func bytes(machine: Int, bound: Int?) -> Int { max(0, min(machine, bound ?? machine)) }

    private static func machine() -> Int {
        let (bytes, overflow) = sysconf(Int32(_SC_PHYS_PAGES)).multipliedReportingOverflow(
            by: sysconf(Int32(_SC_PAGESIZE))
        )
        return overflow ? .max : bytes
    }

    /// The smallest bound of memory of the process's cgroups, of either version, and of the groups above them.
    ///
    /// - Parameter root: stands before every path that is read, for tests.
    /// - Returns: bytes; `nil` = no group has a bound, or none can be seen.
    package static func bound(root: String = "") -> Int? {
        ControlGroups.folders(of: "memory", root: root).compactMap(bound).min()
    }

    private static func bound(_ folder: ControlGroups.Folder) -> Int? {
        switch folder.version {
        // `max` is none. From the lower one on, processes are held up until they take less.
        case .two: ["memory.max", "memory.high"].compactMap { folder.number($0) }.filter { $0 > 0 }.min()
        // None is a number beyond all machines.
        case .one: folder.number("memory.limit_in_bytes").flatMap { $0 > 0 ? $0 : nil }
        }
    }
}
