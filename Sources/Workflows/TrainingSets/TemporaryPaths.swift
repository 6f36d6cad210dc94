import Glibc
import Synchronization

/// The temporary files of this process that are not in place yet.
package enum TemporaryPaths {
    /// Copies of the paths' bytes, which a signal handler can use without locks or allocation; never freed.
    private static let slotCount = 8
    nonisolated(unsafe) private static let slots: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = {
        // Sendable: written under `lock`, and read by the signal handler, which only looks at whole pointers.
        let slots = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: slotCount)
        slots.initialize(repeating: nil, count: slotCount)
        return slots
    }()
    private static let lock = Mutex(())

    static func register(_ path: String) {
        lock.withLock { _ in
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

    /// From now on SIGINT, SIGTERM and SIGHUP remove the files and end the process, with status 128 + the signal's number;
    /// for a process of one command.
    package static func removeOnSignals() {
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
