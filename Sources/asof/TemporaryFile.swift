import Columnar
import Foundation
import Synchronization
import Workflows

/// A file under a name of its own until it is complete, next to where it will be.
///
/// What is not put in place is removed: at the end of scope, and when the process is interrupted.
final class TemporaryFile {
    let path: String
    private var isPlaced = false

    /// - Parameter target: where the file goes in the end.
    init(for target: String) {
        let url = URL(fileURLWithPath: target)
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
    func place(at target: String) throws {
        guard rename(path, target) == 0 else {
            throw WorkflowError.refused("\(target): cannot be written: \(String(cString: strerror(errno)))")
        }
        isPlaced = true
        TemporaryPaths.forget(path)
    }

    deinit {
        guard !isPlaced else { return }
        unlink(path)
        TemporaryPaths.forget(path)
    }
}

/// The name by which messages call a file that is still written under another.
struct OutputTarget {
    let path: String
    let temporaryPath: String

    /// Runs `body`, and names the target in its errors.
    func naming<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as ColumnarError {
            switch error {
            case .cannotWrite(temporaryPath, let reason): throw ColumnarError.cannotWrite(file: path, reason: reason)
            case .permissionDenied(temporaryPath): throw ColumnarError.permissionDenied(file: path)
            default: throw error
            }
        }
    }
}

/// Removes temporary files when the process is told to stop.
private enum TemporaryPaths {
    /// Copies of the paths' bytes, which a signal handler can use without locks or allocation; never freed.
    private static let slotCount = 8
    nonisolated(unsafe) private static let slots: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = {
        // Sendable: written under `lock`, and read by the signal handler, which only looks at whole pointers.
        let slots = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: slotCount)
        slots.initialize(repeating: nil, count: slotCount)
        return slots
    }()
    private static let lock = Mutex(false)

    static func register(_ path: String) {
        lock.withLock { isInstalled in
            if !isInstalled { install() }
            isInstalled = true
            if let free = (0..<slotCount).first(where: { slots[$0] == nil }) { slots[free] = strdup(path) }
        }
    }

    static func forget(_ path: String) {
        lock.withLock { _ in
            for index in 0..<slotCount where slots[index].map({ String(cString: $0) == path }) == true {
                slots[index] = nil
            }
        }
    }

    private static func install() {
        _ = slots
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                for index in 0..<TemporaryPaths.slotCount {
                    if let path = TemporaryPaths.slots[index] { unlink(path) }
                }
                _exit(128 + number)
            }
        }
    }
}
