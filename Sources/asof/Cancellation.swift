import Columnar
import Foundation
import Glibc
import Synchronization
import Workflows

/// SIGINT and SIGTERM cancel a command that goes on where it ended: it says what is committed, and ends with 128 + the
/// signal's number. A second signal ends the process at once.
///
/// For a process of one command.
enum Cancellation {
    /// The signal that came; 0 = none.
    private static let number = Atomic<Int32>(0)
    /// The bits of the control's pointer, for the handler; 0 = there is none.
    private static let control = Atomic<UInt>(0)
    /// /dev/null, which takes the place of standard input, for which the command may be waiting.
    private static let nothing = Atomic<Int32>(-1)
    nonisolated(unsafe) private static let wake: UnsafeMutablePointer<sem_t> = {
        // Sendable: made once, and only ever passed to `sem_post` and `sem_wait`.
        let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
        return semaphore
    }()

    /// How long a command may take to end before it is ended: longer than it looks for what became of a COMMIT.
    private static let graceSeconds = 15.0

    /// The status to end with; `nil` where no signal came.
    static var exitCode: Int32? {
        let number = number.load(ordering: .relaxed)
        return number == 0 ? nil : 128 + number
    }

    /// From now on a signal cancels `run`, which is never freed.
    static func begin(_ run: RunControl) {
        nothing.store(open("/dev/null", O_RDONLY | O_CLOEXEC), ordering: .relaxed)
        control.store(UInt(bitPattern: Unmanaged.passRetained(run).toOpaque()), ordering: .relaxed)
        _ = wake
        let thread = Thread { watch() }
        thread.start()
        for number in [SIGINT, SIGTERM] {
            var action = sigaction()
            guard sigaction(number, nil, &action) == 0, !isIgnored(action) else { continue }
            action = sigaction()
            // Without SA_RESTART, so that a read of standard input is begun anew, and finds its end.
            action.__sigaction_handler.sa_handler = { number in Cancellation.came(number) }
            sigaction(number, &action, nil)
        }
    }

    /// Whether whoever started the process does not want it to hear of the signal, as nohup and `&` in a script.
    private static func isIgnored(_ action: sigaction) -> Bool {
        unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// In the signal's handler: neither locks nor memory.
    private static func came(_ signal: Int32) {
        let error = errno
        number.store(signal, ordering: .relaxed)
        if let run = UnsafeRawPointer(bitPattern: control.load(ordering: .relaxed)) {
            Unmanaged<RunControl>.fromOpaque(run).takeUnretainedValue().cancel()
        }
        StandardInput.end(by: nothing.load(ordering: .relaxed))
        sem_post(wake)
        errno = error
    }

    /// On a thread of its own.
    private static func watch() {
        while sem_wait(wake) != 0 {}
        // A second one does not wait.
        TemporaryPaths.removeOnSignals()
        Thread.sleep(forTimeInterval: 1)
        Console.writeError("asof: stopping; a second signal ends it at once")
        Thread.sleep(forTimeInterval: graceSeconds)
        Console.writeError("asof: it was ended; `asof log` shows what was committed")
        kill(getpid(), number.load(ordering: .relaxed))
    }
}
