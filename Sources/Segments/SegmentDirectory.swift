import Features
import Foundation
import Glibc
import Hashing
package import Postgres
package import Store

/// A directory of segments: `view=NAME/part=NUMBER/….parquet`, and hidden files of our own; on a disk, or in object storage.
///
/// The marker `.asof-segments` holds the directory's id, by which the store's list knows it, and the store's. Files under
/// way lie in `.building`, so that whoever reads the directory sees whole files only.
package struct SegmentDirectory: Sendable, Hashable {
    /// A path, or `s3://BUCKET/KEY`.
    package let root: String
    /// A uuid.
    package let id: String
    /// Where its files are objects.
    let objects: (any SegmentObjects)?

    init(root: String, id: String, objects: (any SegmentObjects)? = nil) {
        self.root = root
        self.id = id
        self.objects = objects
    }

    package static func == (left: SegmentDirectory, right: SegmentDirectory) -> Bool {
        left.root == right.root && left.id == right.id
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(root)
        hasher.combine(id)
    }

    static let marker = ".asof-segments"
    private static let building = ".building"

    /// Opens a directory that was made before.
    ///
    /// - Returns: `nil` where there is none.
    /// - Throws: ``StoreError/file(_:)`` where it belongs to another store or its marker cannot be read.
    package static func open(_ root: String, storeID: String) throws(StoreError) -> SegmentDirectory? {
        let path = root + "/" + marker
        guard access(path, F_OK) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else { throw .file("\(path): \(reason(errno))") }
            return nil
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw .file("\(path): cannot be read")
        }
        return SegmentDirectory(root: root, id: try markedID(text, path: path, root: root, storeID: storeID))
    }

    /// The directory's id that a marker's text has.
    static func markedID(
        _ text: String,
        path: String,
        root: String,
        storeID: String
    ) throws(StoreError) -> String {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        func value(_ key: String) -> String? { lines.first { $0.first == key && $0.count == 2 }?[1].lowercased() }
        guard let id = value("directory"), UUID(uuidString: id) != nil, let store = value("store") else {
            throw .file(
                "\(path): this is no marker of segments; name another directory with --segments, or remove this one"
            )
        }
        guard store == storeID else {
            throw .file(
                "\(root): these are segments of store \(store), not of \(storeID); name another directory with --segments"
            )
        }
        return id
    }

    /// Opens a directory, made now where there is none.
    /// - Throws: also where the directory exists and holds something else.
    package static func make(_ root: String, storeID: String) throws(StoreError) -> SegmentDirectory {
        if let directory = try open(root, storeID: storeID) { return directory }
        try makeFolder(root)
        let others = entries(root).filter { !$0.hasPrefix(".") }
        guard others.isEmpty else {
            throw .file("\(root) is not empty and holds no segments; name a new or empty directory with --segments")
        }
        let id = UUID().uuidString.lowercased()
        let text = "directory \(id)\nstore \(storeID)\n"
        let temporary = "\(root)/\(marker).\(getpid())"
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: temporary))
        } catch {
            throw .file("\(temporary): cannot be written: \(error.localizedDescription)")
        }
        sync(temporary)
        defer { unlink(temporary) }
        // Of two that make the directory at once, the first wins.
        guard link(temporary, root + "/" + marker) == 0 || errno == EEXIST else {
            throw .file("\(root)/\(marker): cannot be written: \(reason(errno))")
        }
        sync(root)
        guard let directory = try open(root, storeID: storeID) else { throw .file("\(root): the marker went away") }
        return directory
    }

    package func path(_ segment: Segment) -> String { root + "/" + segment.file }

    /// Whether a file that was replaced is to stay for a while: an open file outlives its name, an object does not.
    var keepsReplaced: Bool { objects != nil }

    // MARK: Names

    /// The folder of a view's files below the root.
    ///
    /// Other engines make columns of `view` and `part`, which would hide columns of the view that have these names; then
    /// the folder's names end with `__`, as no column's does.
    static func folder(_ view: StoredView, partition: Int32) -> String {
        let names = view.storageKeys.map(\.name) + view.definition.features.map(\.name)
        func key(_ name: String) -> String { names.contains { $0.lowercased() == name } ? name + "__" : name }
        return "\(key("view"))=\(view.name)/\(key("part"))=\(partition)"
    }

    /// A new name, which no file ever had.
    static func newFile(in folder: String, position: Int64) -> String {
        "\(folder)/\(position)-\(String(UInt32.random(in: 0...(.max)), radix: 16)).parquet"
    }

    // MARK: Files

    /// Takes the right to change the directory, for as long as the result lives; waits for another run that has it.
    ///
    /// - Parameters:
    ///   - conninfo: of the store.
    ///   - interruption: ends the waiting from another thread.
    ///   - willWait: called once before waiting.
    package func lock(
        conninfo: String,
        interruption: Interruption? = nil,
        willWait: () -> Void = {}
    ) throws(StoreError) -> SegmentLock {
        if objects != nil {
            return try lockObjects(conninfo: conninfo, interruption: interruption, willWait: willWait)
        }
        let path = root + "/.lock"
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
        guard descriptor >= 0 else { throw .file("\(path): cannot be opened: \(Self.reason(errno))") }
        let lock = SegmentLock(descriptor: descriptor)
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return lock }
        willWait()
        // A build may take hours: asking now and then, the waiting can be ended.
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw .file("\(path): cannot be locked: \(Self.reason(errno))")
            }
            if interruption?.isInterrupted == true { throw .file("\(path): waiting for it was given up") }
            usleep(SegmentLimits.lockRetryUs)
        }
        return lock
    }

    /// Where a file lies until it is complete.
    func temporaryPath() throws(StoreError) -> String {
        if objects != nil { return try Self.temporaryFile() }
        try Self.makeFolder(root + "/" + Self.building)
        return "\(root)/\(Self.building)/\(getpid())-\(String(UInt32.random(in: 0...(.max)), radix: 16))"
    }

    /// Puts a complete file, whose bytes are on disk, under its name.
    /// - Returns: of an object what its storage calls the bytes.
    func place(_ temporary: String, as file: String) throws(StoreError) -> String {
        let target = root + "/" + file
        if let objects { return try objects.put(temporary, as: target) }
        let folder = URL(fileURLWithPath: target).deletingLastPathComponent()
        try Self.makeFolder(folder.path)
        guard rename(temporary, target) == 0 else { throw .file("\(target): cannot be written: \(Self.reason(errno))") }
        for path in [folder.path, folder.deletingLastPathComponent().path, root] { Self.sync(path) }
        return ""
    }

    /// Every file of ours, below the root, in whatever state.
    package func files() throws(StoreError) -> [String] {
        if let objects {
            let all = try objects.list(root)
            return all.filter { ($0.hasPrefix("view=") || $0.hasPrefix("view__=")) && $0.hasSuffix(".parquet") }
                .sorted()
        }
        var files: [String] = []
        for view in Self.entries(root) where view.hasPrefix("view=") || view.hasPrefix("view__=") {
            for part in Self.entries("\(root)/\(view)") where part.hasPrefix("part=") || part.hasPrefix("part__=") {
                let folder = "\(view)/\(part)"
                files += Self.entries("\(root)/\(folder)").filter { $0.hasSuffix(".parquet") }.map { "\(folder)/\($0)" }
            }
        }
        return files.sorted()
    }

    /// Removes a file, and its folders where they are empty then.
    /// - Returns: why it is still there; `nil` = it is gone. What stays is in nobody's way, and the next build removes it.
    @discardableResult
    func remove(_ file: String) -> StoreError? {
        if let objects {
            do throws(StoreError) { try objects.remove(root + "/" + file) } catch { return error }
            return nil
        }
        var path = URL(fileURLWithPath: root + "/" + file)
        guard unlink(path.path) == 0 || errno == ENOENT else { return .file("\(path.path): \(Self.reason(errno))") }
        for _ in 0..<2 {
            path.deleteLastPathComponent()
            guard rmdir(path.path) == 0 else { break }
        }
        return nil
    }

    /// Removes what a killed run left: files under way, and files that are not listed.
    ///
    /// The caller holds the lock.
    /// - Parameter failed: called with what could not be removed.
    /// - Returns: how many are gone.
    func sweep(listed: Set<String>, failed: (StoreError) -> Void = { _ in }) throws(StoreError) -> Int {
        var count = 0
        let building = "\(root)/\(Self.building)"
        if objects == nil { for name in Self.entries(building) where unlink("\(building)/\(name)") == 0 { count += 1 } }
        for file in try files() where !listed.contains(file) {
            if let error = remove(file) { failed(error) } else { count += 1 }
        }
        return count
    }

    /// The SHA-256 of a segment's file.
    func digest(of segment: Segment) throws(StoreError) -> [UInt8] {
        if let objects { return try objects.digest(path(segment)) }
        return try Self.digest(path(segment))
    }

    /// The SHA-256 of a file.
    package static func digest(_ path: String) throws(StoreError) -> [UInt8] {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .file("\(path): \(errno == ENOENT ? "the file is missing" : reason(errno))")
        }
        defer { close(descriptor) }
        var hash = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .file("\(path): cannot be read: \(reason(errno))") }
            if count == 0 { return hash.value() }
            hash.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    // MARK: The system

    private static func makeFolder(_ path: String) throws(StoreError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .file("\(path): the folder cannot be made: \(reason(errno))")
        }
    }

    private static func entries(_ path: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    }

    /// Returns when a file or a folder's entries are on disk.
    private static func sync(_ path: String) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// The right to change a directory of segments; ends with this value or the process.
package struct SegmentLock: ~Copyable {
    private let descriptor: Int32
    /// Of a directory in object storage: the session whose transaction holds it.
    private let session: Session?

    fileprivate init(descriptor: Int32) {
        self.descriptor = descriptor
        session = nil
    }

    init(session: Session) {
        descriptor = -1
        self.session = session
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        session?.connection.rollBack()
    }
}
