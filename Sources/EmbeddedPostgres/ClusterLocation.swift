import Glibc

/// Where an embedded store lies, as its marker file tells.
///
/// The **folder** (`asof-data`) is what users see; it holds the marker. The **home** holds everything else and belongs to the server's user:
/// ```
/// home/pg/              the PostgreSQL data directory
/// home/server.log       what the server said (server.log.1: before the last rotation)
/// home/use.lock         shared: a command uses the store; exclusive: the supervisor is stopping the server
/// home/start.lock       exclusive: somebody starts the server or a supervisor
/// home/supervisor.lock  exclusive: a supervisor watches the server, or somebody is about to start one
/// ```
/// Home is the folder itself, except where root made a store in a folder that the user `postgres` cannot enter: then it is below `/var/lib/asof`.
package struct ClusterLocation: Equatable {
    package static let folderName = "asof-data"
    package static let markerName = "asof.store"
    static let format = 1
    /// Below this folder lie the homes that cannot lie in their store's folder.
    static let outsideRoot = "/var/lib/asof"

    /// The absolute path of `asof-data`, links resolved.
    package let folder: String
    /// Sixteen hexadecimal digits, random, made with the store.
    package let id: String
    /// The absolute path of the home.
    package let home: String

    package var data: String { home + "/pg" }
    package var log: String { home + "/server.log" }
    var useLock: String { home + "/use.lock" }
    var startLock: String { home + "/start.lock" }
    var supervisorLock: String { home + "/supervisor.lock" }
    var isOutside: Bool { home != folder }

    /// The socket's folder: short, whatever the depth of the store, and its own for each store and each copy of one.
    func socketFolder(of account: ServiceAccount) -> String {
        "/tmp/asof-\(account.uid)-" + shortHash(id + home)
    }

    /// The nearest store in a folder or one above it; `nil` when there is none.
    ///
    /// - Throws: ``ClusterError/foreignFolder(path:)`` for an `asof-data` that is none of ours, ``ClusterError/otherOwner(path:owner:user:)`` for somebody
    ///   else's, ``ClusterError/ownedByRoot(path:account:)`` for a copy that root made. Root refuses a store that somebody other than the owner of the folder around it put there (in `/tmp`, say).
    static func find(from directory: String) throws(ClusterError) -> ClusterLocation? {
        var current = try resolvedPath(directory)
        while true {
            let candidate = (current == "/" ? "" : current) + "/" + folderName
            if FileIdentity(path: candidate, followingLinks: false) != nil {
                return try ClusterLocation(folder: candidate)
            }
            guard current != "/", let slash = current.lastIndex(of: "/") else { return nil }
            current = slash == current.startIndex ? "/" : String(current[..<slash])
        }
    }

    /// The store in this `asof-data`.
    init(folder path: String) throws(ClusterError) {
        guard let identity = FileIdentity(path: path), identity.isFolder else { throw .foreignFolder(path: path) }
        let folder = try resolvedPath(path)
        let marker = folder + "/" + Self.markerName
        guard let text = readText(marker) else {
            let code = errno
            if code == ENOENT { throw .foreignFolder(path: folder) }
            if code == EACCES { _ = try ServiceAccount.owning(folder) }
            throw .system(operation: "reading", path: marker, code: code)
        }
        let values = Self.parse(text)
        guard let format = values["format"] else { throw .markerDamaged(path: marker, reason: "it has no format") }
        guard format == "\(Self.format)" else {
            throw .formatUnknown(path: marker, got: format, known: Self.format)
        }
        guard let id = values["id"], id.count == 16, id.allSatisfy(\.isHexDigit) else {
            throw .markerDamaged(path: marker, reason: "its id is not 16 hexadecimal digits")
        }
        guard let home = values["home"], home == "." || Self.isOutsideHome(home) else {
            throw .markerDamaged(path: marker, reason: "home must be . or a folder in \(Self.outsideRoot)")
        }
        self.init(folder: folder, id: id, home: home == "." ? folder : home)
        if isOutside, let original = values["folder"], original != folder,
            let text = readText(original + "/" + Self.markerName), Self.parse(text)["id"] == id
        {
            throw .copied(folder: folder, original: original, home: home)
        }
        try checkOwner(around: folder, identity)
    }

    init(folder: String, id: String, home: String) {
        self.folder = folder
        self.id = id
        self.home = home
    }

    /// The marker's text.
    var marker: String {
        """
        # An Asof store. `asof` starts its PostgreSQL when a command needs it and stops it afterwards; do not edit.
        format = \(Self.format)
        id = \(id)
        home = \(isOutside ? home : ".")
        folder = \(folder)

        """
    }

    private static func isOutsideHome(_ path: String) -> Bool {
        path.hasPrefix(outsideRoot + "/") && !path.dropFirst(outsideRoot.count + 1).contains("/")
            && !path.hasSuffix("/..")
    }

    private func checkOwner(around folder: String, _ identity: FileIdentity) throws(ClusterError) {
        guard let homeIdentity = FileIdentity(path: home), homeIdentity.isFolder else {
            throw .dataMissing(folder: folder, home: home)
        }
        let account = try ServiceAccount.owning(home)
        guard ServiceAccount.isRoot, account.name != ServiceAccount.defaultName else { return }
        let parent = FileIdentity(path: folder + "/..")
        guard parent?.owner == account.uid else {
            throw .planted(path: folder, owner: account.name)
        }
    }

    /// `key = value` lines; a value runs to the end of its line, and `#` starts a comment line.
    private static func parse(_ text: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let sign = line.firstRange(of: " = ") else { continue }
            values[String(line[..<sign.lowerBound])] = String(line[sign.upperBound...])
        }
        return values
    }
}
