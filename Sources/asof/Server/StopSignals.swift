import Glibc
import Synchronization

/// SIGTERM, SIGINT and SIGHUP, taken by the thread that waits for them.
struct StopSignals {
    private let set: sigset_t

    /// Keeps the signals from this thread and from those that it starts from now on.
    init() {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGHUP)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        self.set = set
    }

    /// Keeps SIGHUP until the process waits for it; the others still end a process that starts.
    static func hold() {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGHUP)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Returns when the process is to stop.
    /// - Parameter onReload: called at each SIGHUP meanwhile.
    func wait(onReload: () -> Void) { while take() == SIGHUP { onReload() } }

    private func take() -> Int32 {
        var set = set
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    /// Does what stops the process; if a signal comes meanwhile, the process ends at once.
    func endingAtOnce<Result>(_ body: () -> Result) -> Result {
        // They are no longer kept from the process: their default ends it.
        signal(SIGTERM, SIG_DFL)
        signal(SIGINT, SIG_DFL)
        signal(SIGHUP, SIG_IGN)
        var set = set
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        return body()
    }
}
