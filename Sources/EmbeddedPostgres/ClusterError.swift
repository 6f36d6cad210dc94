/// Why an embedded cluster could not be made, found, started or stopped.
///
/// Every message says what was attempted and where, what was found instead, and what to do.
package enum ClusterError: Error, Equatable {
    /// No folder holds PostgreSQL's server programs.
    case serverMissing(searched: [String])
    /// The cluster needs one major version of the server and it is not installed.
    case versionMissing(folder: String, needed: Int, found: [Int])
    /// The server's major version is older than what Asof works with.
    case versionTooOld(binaries: String, got: Int, needed: Int)
    /// A superuser's cluster runs as `postgres`, and there is no such account.
    case accountMissing(name: String)
    /// The folder belongs to somebody whose server this user cannot run.
    case otherOwner(path: String, owner: String, user: String)
    /// The folder belongs to root, as a copy that root made, and PostgreSQL does not run as root.
    case ownedByRoot(path: String, account: String)
    /// Root does not run what somebody put into another's folder.
    case planted(path: String, owner: String)
    /// A folder named like a store, which Asof did not make.
    case foreignFolder(path: String)
    /// A store is there already.
    case exists(path: String)
    /// Another process is making a store in this folder.
    case creationRunning(path: String)
    /// The store's marker file cannot be understood.
    case markerDamaged(path: String, reason: String)
    /// A later Asof made this store.
    case formatUnknown(path: String, got: String, known: Int)
    /// The marker names a data folder that is not there.
    case dataMissing(folder: String, home: String)
    /// A copy of a store's folder whose data lies elsewhere and still belongs to the original.
    case copied(folder: String, original: String, home: String)
    /// The folder for the socket is not ours alone.
    case socketFolderUnsafe(path: String, reason: String)
    /// A system call failed.
    case system(operation: String, path: String, code: Int32)
    /// A program failed.
    case commandFailed(command: String, status: String, output: String)
    /// The server did not start.
    case startFailed(home: String, reason: String, log: String)
    /// Something did not happen in time.
    case timedOut(waitingFor: String, home: String, seconds: Int, log: String)
    /// The server runs, but where this process cannot see it: another container on the same folder.
    case runsElsewhere(home: String)
    /// The cluster cannot be stopped while commands use it.
    case inUse(home: String)
}

extension ClusterError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .serverMissing(let searched):
            "PostgreSQL's server programs (initdb, pg_ctl, postgres) were not found in "
                + (searched.isEmpty ? "any known place" : searched.joined(separator: ", "))
                + "; install them (Debian 12: apt-get install postgresql-15; other Debians and Ubuntu: apt-get install "
                + "postgresql) or name a database with -d"
        case .versionMissing(let folder, let needed, let found):
            "\(folder) was made by PostgreSQL \(needed), which is not installed (found: \(Self.list(found))); "
                + "install it (apt-get install postgresql-\(needed)) or move the data with pg_upgrade"
        case .versionTooOld(let binaries, let got, let needed):
            "\(binaries) holds PostgreSQL \(got); Asof needs \(needed) or later: install a newer postgresql package"
        case .accountMissing(let name):
            "a superuser's PostgreSQL runs as the user \(name), and there is no such user; "
                + "install the server (apt-get install postgresql) or run asof as a plain user"
        case .otherOwner(let path, let owner, let user):
            "\(path) belongs to \(owner), and its server cannot be run by \(user); "
                + "run asof as \(owner), or name another database with -d. If it is a copy that is to be \(user)'s: "
                + "sudo chown -R \(user): '\(path)'"
        case .ownedByRoot(let path, let account):
            "\(path) belongs to root, as a copy that root made with cp -r, and PostgreSQL does not run as root; give it to the "
                + "user of its server: chown -R \(account): '\(path)' (cp -a keeps owners; and copy a store only while nothing "
                + "uses it)"
        case .planted(let path, let owner):
            "\(path) belongs to \(owner), and the folder around it does not: root does not run what somebody put there; "
                + "run asof as \(owner), or move the store into a folder of \(owner)'s"
        case .foreignFolder(let path):
            "\(path) was not made by asof init (it has no \(ClusterLocation.markerName)); it is left as it is. "
                + "Move it away, or run asof in another folder"
        case .exists(let path):
            "a store is already in \(path); use it, or delete that folder first if its data may go"
        case .creationRunning(let path):
            "another asof init is making \(path) now; wait for it"
        case .markerDamaged(let path, let reason):
            "\(path) cannot be read: \(reason); restore it from a backup of the folder"
        case .formatUnknown(let path, let got, let known):
            "\(path) has format \(got), this asof knows \(known): use the asof that made it, or a newer one"
        case .dataMissing(let folder, let home):
            "the data of \(folder) lies in \(home), which is not there; "
                + "restore that folder, or delete \(folder) and run asof init"
        case .copied(let folder, let original, let home):
            "\(folder) is a copy of \(original), whose data lies in \(home) and was not copied; "
                + "delete the copy and run asof init, or use the original"
        case .socketFolderUnsafe(let path, let reason):
            "the folder for the server's socket, \(path), is not safe: \(reason); "
                + "find out who made it, remove it, and run the command again"
        case .system(let operation, let path, let code):
            "\(operation) \(path) failed: \(systemMessage(code)) (errno \(code))"
        case .commandFailed(let command, let status, let output):
            "\(command) failed (\(status))" + Self.quoted("it said", output)
        case .startFailed(let home, let reason, let log):
            "PostgreSQL in \(home) did not start: \(reason)" + Self.quoted("its log ends with", log)
        case .timedOut(let what, let home, let seconds, let log):
            "waited \(seconds) s for \(what) in \(home), then gave up; run the command again"
                + Self.quoted("the server's log ends with", log)
        case .runsElsewhere(let home):
            "the server of \(home) seems to run where this process cannot see it (another container or "
                + "namespace on the same folder); stop it there first"
        case .inUse(let home):
            "\(home) is in use by another asof command; end that command first"
        }
    }

    private static func list(_ versions: [Int]) -> String {
        versions.isEmpty ? "none" : versions.map(String.init).joined(separator: ", ")
    }

    private static func quoted(_ title: String, _ text: String) -> String {
        text.isEmpty ? "" : "; \(title):\n" + text
    }
}
