import Glibc

extension EmbeddedCluster {
    /// Makes a store: a folder `asof-data` with a new PostgreSQL cluster and an empty database `asof` in it. The server is not started.
    ///
    /// All is made aside and appears by one rename: a run that was killed leaves no store, and the next one clears its remains.
    /// - Parameter directory: the folder that gets an `asof-data`. It must exist.
    /// - Throws: ``ClusterError/exists(path:)``, ``ClusterError/foreignFolder(path:)``, or what failed.
    /// - Complexity: about a second.
    package static func create(in directory: String) throws(ClusterError) -> EmbeddedCluster {
        let parent = try resolvedPath(directory)
        guard !parent.contains("\n") else {
            throw .markerDamaged(path: parent, reason: "a store's path cannot have a line break in it")
        }
        let folder = (parent == "/" ? "" : parent) + "/" + ClusterLocation.folderName
        try refuseExisting(folder)
        let binaries = try PostgresBinaries.find()
        let account = try ServiceAccount.forNewCluster()

        let workshop = folder.replacingLastComponent(with: ".\(ClusterLocation.folderName).new")
        let lock = try openWorkshop(workshop, for: folder)
        try refuseExisting(folder)
        let name = hexadecimal(UInt64.random(in: 1...UInt64.max))
        let location: ClusterLocation
        if try canEnter(parent, account) {
            location = ClusterLocation(folder: folder, id: name, home: folder)
            try give(workshop, to: account)
            try fill(workshop, location, account, binaries)
        } else {
            let home = ClusterLocation.outsideRoot + "/" + shortHash(folder) + "-" + name
            location = ClusterLocation(folder: folder, id: name, home: home)
            try makeOutsideRoot()
            try clearUnfinishedOutside(folder)
            guard mkdir(home + ".new", 0o700) == 0 else {
                throw .system(operation: "making", path: home + ".new", code: errno)
            }
            try give(home + ".new", to: account)
            try fill(home + ".new", location, account, binaries)
            try move(home + ".new", to: home)
        }
        try writeNewFile(workshop + "/" + ClusterLocation.markerName, location.marker)
        if !location.isOutside { try give(workshop + "/" + ClusterLocation.markerName, to: account) }
        syncFolder(workshop)
        try move(workshop, to: folder)
        lock.unlock()
        return try EmbeddedCluster(location: location)
    }

    private static func refuseExisting(_ folder: String) throws(ClusterError) {
        guard let identity = FileIdentity(path: folder, followingLinks: false) else { return }
        if access(folder + "/" + ClusterLocation.markerName, F_OK) == 0 { throw .exists(path: folder) }
        // An empty folder is nobody's work, and the rename replaces it.
        if identity.isFolder && access(folder, R_OK) == 0 && folderEntries(folder).isEmpty { return }
        throw .foreignFolder(path: folder)
    }

    /// Makes, locks and empties the folder in which the store is made.
    private static func openWorkshop(_ path: String, for folder: String) throws(ClusterError) -> FileLock {
        for _ in 0..<100 {
            if mkdir(path, 0o700) != 0 && errno != EEXIST {
                throw .system(operation: "making", path: path, code: errno)
            }
            let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            // Another run may just have renamed it: then it is to be made again.
            if descriptor < 0 && errno == ENOENT { continue }
            guard descriptor >= 0 else { throw .system(operation: "opening", path: path, code: errno) }
            let lock = FileLock(inherited: descriptor)
            guard lock.tryLock(.exclusive) else { throw .creationRunning(path: folder) }
            guard let mine = FileIdentity(descriptor: descriptor), let there = FileIdentity(path: path),
                mine.isSameFile(as: there)
            else { continue }
            let remains = folderEntries(path).map { path + "/" + $0 }
            if !remains.isEmpty { try Subprocess.run(["/bin/rm", "-rf", "--"] + remains, seconds: 600) }
            return lock
        }
        throw .creationRunning(path: folder)
    }

    /// Whether the account could reach files in a folder of this parent.
    private static func canEnter(_ parent: String, _ account: ServiceAccount) throws(ClusterError) -> Bool {
        guard account.uid != geteuid() else { return true }
        let test = try account.running(["/usr/bin/test", "-x", parent])
        return try Subprocess.run(test, seconds: 10, checked: false).status == 0
    }

    /// Makes home's content in `place`: the data folder with its settings and the database, and the lock files.
    private static func fill(
        _ place: String,
        _ location: ClusterLocation,
        _ account: ServiceAccount,
        _ binaries: PostgresBinaries
    ) throws(ClusterError) {
        let data = place + "/pg"
        var options = [
            "-D", data, "-U", roleName, "--encoding=UTF8", "--auth=trust", "--data-checksums",
            "--no-locale", "--lc-messages=C",
        ]
        // Bytewise order, but upper and lower case of all of Unicode, where the system has that locale.
        if hasUnicodeLocale { options.append("--lc-ctype=C.UTF-8") }
        try Subprocess.run(account.running([binaries.path("initdb")] + options), seconds: 300)
        // The server can say whether it was built with lz4: a value that it does not know is an error.
        let probe = [binaries.path("postgres"), "-D", data, "-c", "wal_compression=lz4", "-C", "wal_compression"]
        let hasLZ4 = try Subprocess.run(account.running(probe), seconds: 30, checked: false).status == 0
        let settings = ClusterSettings.text(
            memory_bytes: ClusterSettings.memory_bytes,
            walCompression: hasLZ4 ? "lz4" : "on",
            sharedMemory_bytes: ClusterSettings.sharedMemory_bytes
        )
        try writeNewFile(data + "/" + ClusterSettings.fileName, settings)
        try give(data + "/" + ClusterSettings.fileName, to: account)
        try append(ClusterSettings.include, to: data + "/postgresql.conf")
        let single = [binaries.path("postgres"), "--single", "-j", "-D", data, "postgres"]
        // The role is called as the schema of our tables: by default a user's own tables would go there.
        let create = """
            CREATE DATABASE \(databaseName);

            ALTER DATABASE \(databaseName) SET search_path = public;


            """
        let answer = try Subprocess.run(account.running(single), input: create, seconds: 120)
        // In this mode errors are only said.
        guard !answer.output.contains("ERROR:") else {
            throw .commandFailed(command: "CREATE DATABASE", status: "in single-user mode", output: answer.output)
        }
        for path in [place + "/use.lock", place + "/start.lock", place + "/supervisor.lock"] {
            _ = try FileLock(path: path, account: account)
        }
    }

    private static var hasUnicodeLocale: Bool {
        guard let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil) else { return false }
        freelocale(locale)
        return true
    }

    private static func makeOutsideRoot() throws(ClusterError) {
        guard mkdir(ClusterLocation.outsideRoot, 0o755) == 0 || errno == EEXIST else {
            throw .system(operation: "making", path: ClusterLocation.outsideRoot, code: errno)
        }
        chmod(ClusterLocation.outsideRoot, 0o755)
    }

    /// Removes what killed runs for this folder left. Finished data is never removed: its folder may come back from a backup.
    private static func clearUnfinishedOutside(_ folder: String) throws(ClusterError) {
        let start = shortHash(folder) + "-"
        let remains = folderEntries(ClusterLocation.outsideRoot).filter { $0.hasPrefix(start) && $0.hasSuffix(".new") }
        for name in remains {
            try Subprocess.run(["/bin/rm", "-rf", "--", ClusterLocation.outsideRoot + "/" + name], seconds: 600)
        }
    }

    private static func give(_ path: String, to account: ServiceAccount) throws(ClusterError) {
        guard account.uid != geteuid() else { return }
        guard lchown(path, account.uid, account.gid) == 0 else {
            throw .system(operation: "giving \(account.name)", path: path, code: errno)
        }
    }

    private static func move(_ path: String, to target: String) throws(ClusterError) {
        guard rename(path, target) == 0 else {
            throw .system(operation: "renaming to \(target)", path: path, code: errno)
        }
        syncFolder(target + "/..")
    }

    private static func append(_ text: String, to path: String) throws(ClusterError) {
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(operation: "opening", path: path, code: errno) }
        defer { close(descriptor) }
        let count = text.utf8.withContiguousStorageIfAvailable { write(descriptor, $0.baseAddress, $0.count) }
        guard count == text.utf8.count, fsync(descriptor) == 0 else {
            throw .system(operation: "writing", path: path, code: errno)
        }
    }
}

extension String {
    /// A path with another last component.
    fileprivate func replacingLastComponent(with name: String) -> String {
        guard let slash = lastIndex(of: "/") else { return name }
        return self[...slash] + name
    }
}
