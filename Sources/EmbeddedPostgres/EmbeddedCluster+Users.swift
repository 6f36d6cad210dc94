import Glibc

extension EmbeddedCluster {
    /// A process that keeps the cluster up: a command of Asof.
    package struct User: Equatable, Sendable {
        package let pid: Int32
        /// The words behind the program's name: `["serve", "--listen", …]`. Empty where they cannot be read.
        package let words: [String]

        /// The command: `serve`; empty where it cannot be read.
        package var command: String { words.first { !$0.hasPrefix("-") } ?? "" }
    }

    /// The processes that have the use lock's file open, by number, as far as this one may look at them; not the supervisor.
    ///
    /// The file may be open without its lock, for an instant; and processes in other containers are not seen.
    package func users() -> [User] {
        guard let lock = FileIdentity(path: location.useLock) else { return [] }
        let own = getpid()
        return folderEntries("/proc").compactMap { Int32($0) }.sorted().compactMap { pid in
            guard pid != own else { return nil }
            let folder = "/proc/\(pid)/fd"
            let isUser = folderEntries(folder).contains { name in
                FileIdentity(path: "\(folder)/\(name)")?.isSameFile(as: lock) == true
            }
            guard isUser else { return nil }
            let words = (readText("/proc/\(pid)/cmdline") ?? "").split(separator: "\0").dropFirst().map(String.init)
            return words.first == Supervision.subcommand ? nil : User(pid: pid, words: words)
        }
    }
}
