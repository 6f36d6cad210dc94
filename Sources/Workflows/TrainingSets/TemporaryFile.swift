import Columnar
import Foundation

/// A file under a name of its own until it is complete, next to where it will be.
///
/// What is not put in place is removed: at the end of scope, and where ``TemporaryPaths/removeOnSignals()`` was asked for,
/// when the process is interrupted.
final class TemporaryFile {
    let path: String
    /// Where the file goes in the end, and how messages call it.
    private let target: String
    private var isPlaced = false

    init(for target: String) {
        let url = URL(fileURLWithPath: target)
        self.target = target
        path =
            url.deletingLastPathComponent().path
            + "/.\(url.lastPathComponent).\(getpid())-\(UInt32.random(in: 0...(.max))).tmp"
        TemporaryPaths.register(path)
    }

    /// Makes the file, empty and for this user's eyes only; who writes it then opens it as it is.
    func createPrivately() throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw WorkflowError.refused("\(path): cannot be made: \(String(cString: strerror(errno)))")
        }
        close(descriptor)
    }

    /// Renames the file to its target, over what is there.
    func place() throws {
        guard rename(path, target) == 0 else {
            throw WorkflowError.refused("\(target): cannot be written: \(String(cString: strerror(errno)))")
        }
        isPlaced = true
        TemporaryPaths.forget(path)
    }

    /// Runs `body`, and names the target in its errors.
    func naming<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ColumnarError {
            switch error {
            case .cannotWrite(path, let reason): throw ColumnarError.cannotWrite(file: target, reason: reason)
            case .permissionDenied(path): throw ColumnarError.permissionDenied(file: target)
            default: throw error
            }
        }
    }

    deinit {
        guard !isPlaced else { return }
        unlink(path)
        TemporaryPaths.forget(path)
    }
}
