import Glibc
import Postgres

/// The folder of PostgreSQL's server programs, and their major version.
package struct PostgresBinaries: Equatable {
    private static let required = ["postgres", "initdb", "pg_ctl"]

    package let folder: String
    package let major: Int

    package func path(_ program: String) -> String { folder + "/" + program }

    /// The programs to make a new cluster with: those `pg_config` names, else the newest of Debian's folders, else those in `PATH`.
    package static func find() throws(ClusterError) -> PostgresBinaries {
        let folders = candidates()
        for folder in folders where isComplete(folder) {
            let major = try majorVersion(folder)
            guard major >= ClusterLimits.majorMin else {
                throw .versionTooOld(binaries: folder, got: major, needed: ClusterLimits.majorMin)
            }
            return PostgresBinaries(folder: folder, major: major)
        }
        throw .serverMissing(searched: folders)
    }

    /// The programs for an existing data folder: only the same major version can read it.
    static func find(forDataIn data: String) throws(ClusterError) -> PostgresBinaries {
        guard let text = readText(data + "/PG_VERSION") else {
            throw .system(operation: "reading", path: data + "/PG_VERSION", code: errno)
        }
        guard let needed = Int(text.prefix { $0.isNumber }) else {
            throw .markerDamaged(
                path: data + "/PG_VERSION",
                reason: "expected a version number, got \(text.prefix(20))"
            )
        }
        var found: [Int] = []
        let folders = candidates()
        for folder in folders where isComplete(folder) {
            let major = try majorVersion(folder)
            if major == needed { return PostgresBinaries(folder: folder, major: major) }
            if !found.contains(major) { found.append(major) }
        }
        if found.isEmpty { throw .serverMissing(searched: folders) }
        throw .versionMissing(folder: data, needed: needed, found: found)
    }

    private static func isComplete(_ folder: String) -> Bool {
        required.allSatisfy { access(folder + "/" + $0, X_OK) == 0 }
    }

    /// Where to look, in order.
    private static func candidates() -> [String] {
        var folders: [String] = []
        let searchPath = (environmentValue("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(
            String.init
        )
        if let program = searchPath.map({ $0 + "/pg_config" }).first(where: { access($0, X_OK) == 0 }),
            let answer = try? Subprocess.run([program, "--bindir"], seconds: 10)
        {
            folders.append(answer.output)
        }
        for root in ["/usr/lib/postgresql"] {
            let versions = folderEntries(root).compactMap { name in Int(name) }.sorted(by: >)
            folders += versions.map { "\(root)/\($0)/bin" }
        }
        let redHat = folderEntries("/usr").compactMap { $0.hasPrefix("pgsql-") ? Int($0.dropFirst(6)) : nil }
        folders += redHat.sorted(by: >).map { "/usr/pgsql-\($0)/bin" }
        var seen: Set<String> = []
        return (folders + searchPath).filter { $0.hasPrefix("/") && seen.insert($0).inserted }
    }

    /// Asks `postgres --version`, which ends in e.g. `15.18 (Debian 15.18-0+deb12u1)`.
    private static func majorVersion(_ folder: String) throws(ClusterError) -> Int {
        let command = [folder + "/postgres", "--version"]
        let answer = try Subprocess.run(command, seconds: 10)
        let words = answer.output.split(separator: " ")
        guard let number = words.compactMap({ Int($0.prefix { $0.isNumber }) }).first else {
            throw .commandFailed(
                command: command.joined(separator: " "),
                status: "no version in its answer",
                output: answer.output
            )
        }
        return number
    }
}
