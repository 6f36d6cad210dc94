import Glibc

/// Wakes a thread that waits in `poll`, and stays awake.
final class WakePipe: Sendable {
    /// Becomes readable with ``wake()``.
    let descriptor: Int32
    private let other: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        precondition(pipe(&ends) == 0, "no file descriptor is left")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (descriptor, other) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(other)
    }

    func wake() {
        var byte: UInt8 = 0
        // A full pipe is readable already.
        _ = write(other, &byte, 1)
    }

    /// Sleeps until it is woken, at most so long.
    func wait(milliseconds: Int32) {
        var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&poller, 1, milliseconds)
    }
}
