import Columnar
import Foundation

/// A file that has no name until it is complete, on the disk where it will be; what will be an object, in the folder of temporary
/// files.
///
/// So nothing stays of it however the process ends. Where the file system has no such files, or /proc is not there to name
/// them, it has a name of its own next to its target; that is removed at the end of scope, and where
/// ``TemporaryPaths/removeOnSignals()`` was asked for, when the process is interrupted.
final class TemporaryFile {
    /// By which it is opened until it is in place.
    let path: String
    /// Where the file goes in the end.
    private let target: String
    /// How messages call it.
    private let shown: String
    /// Of a file without a name; -1 = it has one.
    private let descriptor: Int32
    /// Where the target is an object: its name, and its bytes once they are on their way.
    private let object: ObjectName?
    private var upload: ObjectUpload?
    private var isPlaced = false

    /// - Parameters:
    ///   - target: no link.
    ///   - shown: what messages call the target; by default its path.
    ///   - isPrivate: whether it is for this user's eyes only.
    init(for target: String, shown: String? = nil, isPrivate: Bool = false) throws {
        self.target = target
        self.shown = shown ?? target
        object = try ObjectName.isOne(target) ? ObjectName(target) : nil
        let local =
            object.map { FileManager.default.temporaryDirectory.appendingPathComponent($0.lastPart).path } ?? target
        let mode: mode_t = isPrivate ? 0o600 : 0o666
        let folder = URL(fileURLWithPath: local).deletingLastPathComponent().path
        let unnamed = open(folder, Self.unnamedFlags | O_RDWR | O_CLOEXEC, mode)
        if unnamed >= 0, access("/proc/self/fd/\(unnamed)", F_OK) == 0 {
            descriptor = unnamed
            path = "/proc/self/fd/\(unnamed)"
            return
        }
        if unnamed >= 0 { close(unnamed) }
        descriptor = -1
        path = Self.name(beside: local)
        TemporaryPaths.register(path)
        let named = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard named >= 0 else {
            throw WorkflowError.refused("\(self.shown): cannot be written: \(String(cString: strerror(errno)))")
        }
        close(named)
    }

    /// O_TMPFILE, a macro that Swift does not see.
    private static let unnamedFlags: Int32 = 0o20_000_000 | O_DIRECTORY

    private static func name(beside target: String) -> String {
        let url = URL(fileURLWithPath: target)
        return url.deletingLastPathComponent().path
            + "/.\(url.lastPathComponent).\(getpid())-\(UInt32.random(in: 0...(.max))).tmp"
    }

    /// Sends what will be an object, as far as nobody sees it yet: what takes long and may fail comes before the first target of
    /// several is changed.
    func send(_ control: RunControl) throws {
        guard let object else { return }
        upload = try ObjectUpload(path, as: object, goesOn: Going { !control.isOver })
    }

    /// Gives the file its target's name, in the place of what is there; an object that was sent appears under its name.
    func place() throws {
        if let upload {
            try upload.finish()
            return
        }
        var name = path
        if descriptor >= 0 {
            // A name must be new: the target's is taken by renaming.
            name = Self.name(beside: target)
            TemporaryPaths.register(name)
        }
        defer { TemporaryPaths.forget(name) }
        guard descriptor < 0 || linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0,
            rename(name, target) == 0
        else {
            let reason = String(cString: strerror(errno))
            if descriptor >= 0 { unlink(name) }
            throw WorkflowError.refused("\(shown): cannot be written: \(reason)")
        }
        isPlaced = true
    }

    /// Runs `body`, and names the target in its errors.
    func naming<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ColumnarError {
            switch error {
            case .cannotWrite(path, let reason): throw ColumnarError.cannotWrite(file: shown, reason: reason)
            case .permissionDenied(path): throw ColumnarError.permissionDenied(file: shown)
            default: throw error
            }
        }
    }

    deinit {
        if descriptor >= 0 {
            close(descriptor)
        } else if !isPlaced {
            unlink(path)
            TemporaryPaths.forget(path)
        }
    }
}
