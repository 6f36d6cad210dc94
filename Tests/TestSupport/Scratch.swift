import Foundation
import Synchronization

/// A folder of a test's own, removed at its end; where a static property keeps it, at the end of the run.
package final class Scratch: Sendable {
    package let path: String

    package init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("asof-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
        Self.live.withLock { live in
            if live.isEmpty && !Self.isRegistered.exchange(true, ordering: .relaxed) {
                atexit {
                    for path in Scratch.live.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
                }
            }
            live.insert(path)
        }
    }

    private static let live = Mutex<Set<String>>([])
    private static let isRegistered = Atomic<Bool>(false)

    /// Writes a file in the folder.
    /// - Returns: its path.
    package func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        Self.live.withLock { _ = $0.remove(path) }
    }
}
