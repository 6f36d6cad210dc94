import Glibc
import Synchronization

/// Standard input while it is read as a file.
package enum StandardInput {
    /// Of the ``InputFile`` that reads it; -1 = none does.
    static let descriptor = Atomic<Int32>(-1)

    /// Gives its reader another file's bytes from now on, such as none: a read under way that a signal has broken is begun
    /// anew there. Neither locks nor memory, so that a signal's handler may call it.
    package static func end(by file: Int32) {
        let reader = descriptor.load(ordering: .relaxed)
        if reader >= 0, file >= 0 { _ = dup2(file, reader) }
    }
}
