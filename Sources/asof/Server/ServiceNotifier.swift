import Commands
import Foundation
import Glibc
import HTTPServer
import Logging
import Serving
import Synchronization

/// Tells the service manager that started this server how it is, on a thread of its own, as long as the manager listens:
/// that latest values are loaded, how far they are, that event loops turn.
///
/// A server that nobody listens to, or whose messages are not taken, serves all the same.
final class ServiceNotifier: Sendable {
    /// Of the environment, which is read and emptied of them before any thread or other process is started: children are not
    /// the service.
    struct Request {
        fileprivate var socket: String?
        fileprivate var watchdogUs: Int64?

        init() {
            func take(_ name: String) -> String? {
                guard let value = getenv(name).map({ String(cString: $0) }) else { return nil }
                unsetenv(name)
                return value.isEmpty ? nil : value
            }
            socket = take("NOTIFY_SOCKET")
            let watchdog = take("WATCHDOG_USEC").flatMap { Int64($0) }
            let process = take("WATCHDOG_PID")
            // Where it names another process, that one is watched.
            if process == nil || process == String(getpid()) { watchdogUs = watchdog.flatMap { $0 > 0 ? $0 : nil } }
        }
    }

    /// How often the server is looked at while it loads; and then.
    private static let loadingEveryMs: Int64 = 200
    private static let servingEveryMs: Int64 = 1_000

    private let socket: NotifySocket
    private let report: Mutex<ServiceReport>
    private let look: @Sendable () -> ServiceReport.Look
    private let logger: Logger
    private let isLogged = Atomic(false)
    private let isEnding = Atomic(false)
    private let wakeUp = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter look: how the server is now; from any thread, without waiting.
    /// - Returns: `nil` where nobody asked, or at a place that cannot be.
    init?(_ request: Request, _ logger: Logger, look: @escaping @Sendable () -> ServiceReport.Look) {
        guard let name = request.socket else { return nil }
        guard let socket = NotifySocket(name) else {
            logger.warning(
                "NOTIFY_SOCKET '\(name)': expected an absolute path, or @NAME, of at most 107 bytes; the service manager is told nothing"
            )
            return nil
        }
        self.socket = socket
        self.logger = logger
        self.look = look
        report = Mutex(ServiceReport(watchdogUs: request.watchdogUs))
        let thread = Thread { [self] in
            while !isEnding.load(ordering: .relaxed) {
                let pauseMs = tell()
                _ = wakeUp.wait(timeout: .now() + .milliseconds(Int(pauseMs)))
            }
            ended.signal()
        }
        thread.name = "asof-notify"
        thread.start()
    }

    /// One look. - Returns: when the next one is due.
    private func tell() -> Int64 {
        let look = look()
        let nowMs = Clock.nowMs()
        deliver { $0.looked(look, atMs: nowMs) }
        let everyMs = look.isLoading ? Self.loadingEveryMs : Self.servingEveryMs
        return min(everyMs, report.withLock { $0.watchdogEveryMs } ?? everyMs)
    }

    /// Does what reads files again, and tells of its beginning and end.
    func reloading(_ body: () -> Void) {
        deliver { $0.reloadBegan(monotonicUs: Self.monotonicUs) }
        body()
        deliver { $0.reloadEnded() }
    }

    /// The server takes no new work. Nothing is told after it.
    func stopping() {
        isEnding.store(true, ordering: .relaxed)
        wakeUp.signal()
        _ = ended.wait(timeout: .now() + .seconds(1))
        deliver { $0.stopBegan() }
    }

    private func deliver(_ input: (inout ServiceReport) -> [String]) {
        report.withLock { report in
            var next = report
            let lines = input(&next)
            let failure = lines.isEmpty ? 0 : socket.send(lines)
            guard failure == 0 else {
                if !isLogged.exchange(true, ordering: .relaxed) {
                    logger.warning(
                        "NOTIFY_SOCKET \(socket.name): the service manager does not take messages: \(String(cString: strerror(failure)))"
                    )
                }
                return
            }
            report = next
        }
    }

    private static var monotonicUs: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}

extension ServiceReport.Look {
    /// How a server is now.
    init(_ engine: Engine, at address: String) {
        let isTurning = ServerHealth.stillMs(engine) < HTTPLimits().turnTimeoutMs
        guard let serving = engine.serving else {
            self.init(isLoading: false, status: "serving at \(address), without a store", isTurning: isTurning)
            return
        }
        let state = serving.state
        let status =
            switch (state.isLoading, state.downSince) {
            case (true, _): ServerHealth.loading(state)
            case (false, nil): "serving at \(address)"
            case (false, _): "serving at \(address); PostgreSQL is away"
            }
        self.init(isLoading: state.isLoading, status: status, isTurning: isTurning)
    }
}
