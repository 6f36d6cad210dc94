/// What a service manager is told of a server, in the words of sd_notify(3): a state machine without a socket or a clock.
///
/// Each input gives the lines of one message; none = nothing is to be told. Whoever could not deliver a message goes on with
/// the value from before, so that the next one says it again.
package struct ServiceReport: Sendable {
    /// How the server is at a moment.
    package struct Look: Sendable, Hashable {
        /// Latest values are not there yet.
        package var isLoading: Bool
        /// For people, on one line.
        package var status: String
        /// No event loop stands still.
        package var isTurning: Bool

        package init(isLoading: Bool, status: String, isTurning: Bool) {
            self.isLoading = isLoading
            self.status = status
            self.isTurning = isTurning
        }
    }

    /// A start that goes on may take so much longer, counted from each message.
    static let extensionUs = 60_000_000
    static let extensionEveryMs: Int64 = 10_000

    /// How often a sign of life is due; `nil` = nobody waits for one.
    package let watchdogEveryMs: Int64?
    private var isReady = false
    private var isStopping = false
    private var status = ""
    private var watchedAtMs: Int64?
    private var extendedAtMs: Int64?

    /// - Parameter watchdogUs: after how long without a sign of life the process is ended; `nil` = never.
    package init(watchdogUs: Int64?) {
        // A third: one that is late, and one that is lost, change nothing.
        watchdogEveryMs = watchdogUs.map { max(1, $0 / 3_000) }
    }

    /// - Parameter atMs: of a clock that only goes forward.
    package mutating func looked(_ look: Look, atMs: Int64) -> [String] {
        if isStopping { return [] }
        var lines: [String] = []
        let shown = Self.line(look.status)
        if shown != status {
            lines.append("STATUS=" + shown)
            status = shown
        }
        if !isReady, !look.isLoading {
            lines.append("READY=1")
            isReady = true
        }
        guard look.isTurning else { return lines }
        if !isReady, Self.isDue(extendedAtMs, every: Self.extensionEveryMs, atMs) {
            lines.append("EXTEND_TIMEOUT_USEC=\(Self.extensionUs)")
            extendedAtMs = atMs
        }
        if let watchdogEveryMs, Self.isDue(watchedAtMs, every: watchdogEveryMs, atMs) {
            lines.append("WATCHDOG=1")
            watchedAtMs = atMs
        }
        return lines
    }

    /// Files are about to be read again.
    /// - Parameter monotonicUs: CLOCK_MONOTONIC, by which the manager tells this reload from one before.
    package func reloadBegan(monotonicUs: Int64) -> [String] {
        isReady && !isStopping ? ["RELOADING=1", "MONOTONIC_USEC=\(monotonicUs)"] : []
    }

    package func reloadEnded() -> [String] { isReady && !isStopping ? ["READY=1"] : [] }

    /// No new work is taken. Nothing more is told after it.
    package mutating func stopBegan() -> [String] {
        isStopping = true
        return ["STOPPING=1", "STATUS=answering what was received, then ending"]
    }

    private static func isDue(_ before: Int64?, every: Int64, _ nowMs: Int64) -> Bool {
        before.map { nowMs - $0 >= every } ?? true
    }

    /// Names of views may hold anything; a line end would begin another assignment.
    private static func line(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }.prefix(300))
    }
}
