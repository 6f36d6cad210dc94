import Commands
import Logging
import Metrics
import NIOCore
import Synchronization

/// The connections of one event loop, and their timers: one look at all of them now and then, no timer each.
///
/// `@unchecked Sendable`: besides its constants it is used on its event loop only.
final class LoopConnections: @unchecked Sendable {
    let engine: Engine
    let limits: ConnectionLimits
    let statistics: LoopStatistics
    let requestMemory: RequestMemory
    let replyMemory: ReplyMemory
    let logger: Logger
    private let eventLoop: any EventLoop
    private let connectionCount: ConnectionCount
    /// Whether the event loop takes tasks.
    private let isOpen = Mutex(true)
    private var handlers: [Int64: ConnectionHandler] = [:]
    private var sweep: RepeatedTask?
    private var lastCommands: Int64 = 0
    private var lastCommandsMs: Int64 = 0

    init(
        eventLoop: any EventLoop,
        engine: Engine,
        limits: ConnectionLimits,
        connectionCount: ConnectionCount,
        requestMemory: RequestMemory,
        replyMemory: ReplyMemory,
        logger: Logger
    ) {
        self.requestMemory = requestMemory
        self.replyMemory = replyMemory
        self.eventLoop = eventLoop
        self.engine = engine
        self.limits = limits
        self.connectionCount = connectionCount
        self.logger = logger
        statistics = engine.statistics.makeLoop()
    }

    /// Fine enough for the shortest of the timeouts.
    private var sweepIntervalMs: Int64 {
        let shortest = min(limits.partialFrameTimeoutMs, limits.unsentTimeoutMs, limits.lingerMs)
        return max(10, min(1_000, shortest / 4))
    }

    func start() {
        statistics.turnedAtMs.store(Clock.nowMs(), ordering: .relaxed)
        sweep = eventLoop.scheduleRepeatedTask(
            initialDelay: .milliseconds(sweepIntervalMs),
            delay: .milliseconds(sweepIntervalMs)
        ) { _ in self.timePassed() }
    }

    func add(_ handler: ConnectionHandler) {
        handlers[handler.record.id] = handler
        engine.clients.add(handler.record)
        statistics.connections.add()
    }

    func remove(_ handler: ConnectionHandler) {
        guard handlers.removeValue(forKey: handler.record.id) != nil else { return }
        engine.clients.remove(handler.record.id)
        connectionCount.leave()
        logger.debug("connection closed", metadata: ["client": "\(handler.record.id)"])
    }

    /// Runs a task on the event loop, from any thread; not where the server has stopped, whose connections are gone.
    func execute(_ body: @escaping @Sendable () -> Void) {
        isOpen.withLock { if $0 { eventLoop.execute(body) } }
    }

    /// The event loop is going to end.
    func end() { isOpen.withLock { $0 = false } }

    func submit(_ body: @escaping @Sendable () -> Void) -> EventLoopFuture<Void> { eventLoop.submit(body) }

    func kill(_ id: Int64) {
        execute { self.handlers[id]?.kill() }
    }

    /// Ends a connection for what its client leaves unread, if that is still so; from any thread.
    func endUnread(_ id: Int64, _ bytes: Int) {
        execute { self.handlers[id]?.endUnread(bytes) }
    }

    /// What was received is answered; then each connection ends.
    func stopAll() { for handler in Array(handlers.values) { handler.stop() } }

    func closeAll() {
        sweep?.cancel()
        for handler in Array(handlers.values) { handler.close() }
    }

    private func timePassed() {
        let nowMs = Clock.nowMs()
        statistics.turnedAtMs.store(nowMs, ordering: .relaxed)
        let elapsedMs = nowMs - lastCommandsMs
        if elapsedMs >= 1_000 {
            let commands = statistics.commands.total
            statistics.commandsPerSecond.store((commands - lastCommands) * 1_000 / elapsedMs, ordering: .relaxed)
            (lastCommands, lastCommandsMs) = (commands, nowMs)
        }
        for handler in Array(handlers.values) { handler.timePassed(nowMs) }
    }
}

/// How many connections a server has, and how many clients it is telling that these are enough.
final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)
    let max: Int

    init(max: Int) { self.max = max }

    /// - Returns: `false` where there are enough.
    func enter() -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= max { return true }
        count.subtract(1, ordering: .relaxed)
        return false
    }

    func leave() { count.subtract(1, ordering: .relaxed) }

    /// - Returns: `false` where so many are being told.
    func enterRefused(max: Int) -> Bool {
        if refused.add(1, ordering: .relaxed).newValue <= max { return true }
        refused.subtract(1, ordering: .relaxed)
        return false
    }

    func leaveRefused() { refused.subtract(1, ordering: .relaxed) }
    var isZero: Bool { count.load(ordering: .relaxed) == 0 }
}
