import Foundation
import Glibc
import Postgres
package import Store

/// A directory in object storage: the same names below a key. What files have and objects lack is made up for by PostgreSQL,
/// which all hosts that share the directory share, too: the marker is made and builds take turns under advisory locks.
extension SegmentDirectory {
    /// Opens a directory that was made before.
    ///
    /// - Returns: `nil` where there is none.
    /// - Throws: ``StoreError/file(_:)`` where it belongs to another store or cannot be read.
    package static func open(
        _ root: String,
        storeID: String,
        objects: any SegmentObjects
    ) throws(StoreError) -> SegmentDirectory? {
        let path = root + "/" + marker
        guard let bytes = try objects.read(path) else { return nil }
        let id = try markedID(String(decoding: bytes, as: UTF8.self), path: path, root: root, storeID: storeID)
        return SegmentDirectory(root: root, id: id, objects: objects)
    }

    /// Opens a directory, made now where there is none.
    ///
    /// - Parameter session: of the store; of two hosts that make it at once, the second opens what the first made.
    /// - Throws: also where something else lies below the name.
    package static func make(
        _ root: String,
        objects: any SegmentObjects,
        _ session: Session
    ) throws(StoreError) -> SegmentDirectory {
        let storeID = try session.storeID()
        if let directory = try open(root, storeID: storeID, objects: objects) { return directory }
        return try session.transaction(.boundedRead) { () throws(StoreError) in
            try session.lock(AdvisoryLock.segmentMarker)
            if let directory = try open(root, storeID: storeID, objects: objects) { return directory }
            // Folders of some tools are empty objects whose names end with a slash.
            guard try objects.list(root).allSatisfy({ $0.hasPrefix(".") || $0.hasSuffix("/") || $0.isEmpty }) else {
                throw .file("\(root) is not empty and holds no segments; name a new or empty place with --segments")
            }
            let temporary = try temporaryFile()
            defer { unlink(temporary) }
            let text = "directory \(UUID().uuidString.lowercased())\nstore \(storeID)\n"
            guard FileManager.default.createFile(atPath: temporary, contents: Data(text.utf8)) else {
                throw .file("\(temporary): cannot be written")
            }
            _ = try objects.put(temporary, as: root + "/" + marker)
            guard let directory = try open(root, storeID: storeID, objects: objects) else {
                throw .file("\(root): the marker went away")
            }
            return directory
        }
    }

    /// Where a file lies on this host until it is sent.
    static func temporaryFile() throws(StoreError) -> String {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        guard access(folder, W_OK | X_OK) == 0 else {
            throw .file("\(folder): no temporary files can be made there: \(String(cString: strerror(errno)))")
        }
        return "\(folder)/asof-segment-\(getpid())-\(String(UInt32.random(in: 0...(.max)), radix: 16))"
    }

    /// The right to change a directory in object storage: an advisory lock of a transaction that stays open on a connection of
    /// its own. So it holds on all hosts and behind a proxy that pools transactions, holds nothing back (the transaction has no
    /// snapshot), and ends with the process, however that ends.
    func lockObjects(
        conninfo: String,
        interruption: Interruption?,
        willWait: () -> Void
    ) throws(StoreError) -> SegmentLock {
        let session = try Session(conninfo: conninfo, interruption: interruption)
        // It writes nothing, and must not keep migrations out for as long as a build takes.
        try session.begin(.boundedRead, asksToWrite: false)
        try session.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        let key = AdvisoryLock.segments(UInt32(id.prefix(8), radix: 16) ?? 0)
        let sql = "SELECT pg_catalog.pg_try_advisory_xact_lock(\(AdvisoryLock.space), \(key))"
        var hasTold = false
        while try session.query(sql).bool(0, 0) != true {
            if !hasTold { willWait() }
            hasTold = true
            if interruption?.isInterrupted == true { throw .file("\(root): waiting for its lock was given up") }
            usleep(SegmentLimits.lockRetryUs)
        }
        // Another store may have taken the place meanwhile: its files are none of ours to sweep.
        guard let objects, let now = try Self.open(root, storeID: try session.storeID(), objects: objects), now.id == id
        else {
            throw .file("\(root) is another directory than a moment ago; run the command again")
        }
        return SegmentLock(session: session)
    }
}
