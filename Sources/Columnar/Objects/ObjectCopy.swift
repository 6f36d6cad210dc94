import Glibc
import Synchronization

/// A copy of an object in a temporary file without a name, which is read as any file.
///
/// The process keeps those of inputs until it ends: an input is looked at more than once, and must not change in between. Of an input's
/// many parts it keeps what they were, and reads them again.
package final class ObjectCopy: Sendable {
    private let name: ObjectName
    private let descriptor: Int32
    package let facts: ObjectStorage.Facts

    /// What the process has read, by the facts that it was read with.
    private struct Known {
        let facts: ObjectStorage.Facts
        /// Of parts of a table, which together may be more than the disk has room for, nothing stays.
        var copy: ObjectCopy?
    }

    private static let known = Mutex<[ObjectName: Known]>([:])

    /// The copy of an input; made now where there is none.
    ///
    /// - Parameter stays: whether the process keeps it; else it ends with its last user, and the object is read again where it
    ///   is asked for again.
    /// - Throws: ``ColumnarError/noSuchFile(file:)`` where there is no such object; also where another one has its name since the
    ///   process has read it first.
    package static func input(
        _ name: ObjectName,
        stays: Bool = true,
        goesOn: Going? = nil
    ) throws(ColumnarError) -> ObjectCopy {
        if let copy = known.withLock({ $0[name]?.copy }) { return copy }
        guard let made = try make(name, try ObjectStorage.of(name), goesOn: goesOn) else {
            throw .noSuchFile(file: name.text)
        }
        let first = known.withLock { known in
            var first = known[name] ?? Known(facts: made.facts)
            guard first.facts == made.facts else { return nil as ObjectCopy? }
            let copy = first.copy ?? made
            if stays { first.copy = copy }
            known[name] = first
            return copy
        }
        guard let first else {
            throw .cannotRead(
                file: name.text,
                reason: "another object has its name since it was read first; run the command again"
            )
        }
        return first
    }

    /// A copy that ends with its last user.
    /// - Returns: `nil` where there is no such object.
    package static func make(
        _ name: ObjectName,
        _ storage: ObjectStorage,
        goesOn: Going? = nil
    ) throws(ColumnarError) -> ObjectCopy? {
        let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((folder + "/asof-object-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
            throw .cannotWrite(file: "a temporary file in \(folder)", reason: InputFile.systemReason(errno))
        }
        unlink(template)
        do throws(ColumnarError) {
            guard let facts = try storage.fetch(name, into: descriptor, goesOn: goesOn) else {
                close(descriptor)
                return nil
            }
            return ObjectCopy(name, descriptor, facts)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private init(_ name: ObjectName, _ descriptor: Int32, _ facts: ObjectStorage.Facts) {
        self.name = name
        self.descriptor = descriptor
        self.facts = facts
    }

    deinit { close(descriptor) }

    /// A path of the copy, as long as it is there.
    package var path: String { "/proc/self/fd/\(descriptor)" }

    /// A descriptor of the copy with a place of its own, at the start; whoever asks closes it.
    func open() throws(ColumnarError) -> Int32 {
        // A duplicate would share the place with ours.
        let opened = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw .cannotRead(file: name.text, reason: InputFile.systemReason(errno)) }
        return opened
    }

    func bytes() throws(ColumnarError) -> [UInt8] {
        let file = try InputFile(path: path, shown: name.text)
        var bytes: [UInt8] = []
        while try file.read(1 << 20, appendingTo: &bytes) > 0 {}
        return bytes
    }
}
