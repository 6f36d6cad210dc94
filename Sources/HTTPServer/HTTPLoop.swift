import Commands
import Logging
import Metrics
import NIOCore
import NIOPosix
import Synchronization

/// The HTTP connections of one event loop, and their timers: one look at all of them now and then, no timer each.
///
/// `@unchecked Sendable`: besides its constants it is used on its event loop only.
final class HTTPLoop: @unchecked Sendable {
    let engine: Engine
    let limits: HTTPLimits
    let state: HTTPState
    let statistics: LoopStatistics
    /// For what takes long.
    let pool: NIOThreadPool
    let logger: Logger
    private let eventLoop: any EventLoop
    private let isOpen = Mutex(true)
    private var connections: [ObjectIdentifier: HTTPConnection] = [:]
    private var sweep: RepeatedTask?

    init(
        _ eventLoop: any EventLoop,
        _ engine: Engine,
        _ limits: HTTPLimits,
        _ state: HTTPState,
        _ pool: NIOThreadPool,
        _ logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.engine = engine
        self.limits = limits
        self.state = state
        self.pool = pool
        self.logger = logger
        statistics = engine.statistics.makeLoop()
    }

    /// Fine enough for the shortest of the timeouts.
    private var sweepIntervalMs: Int64 {
        let shortest = min(
            limits.idleTimeoutMs,
            limits.stillTimeoutMs,
            limits.requestTimeoutMs,
            limits.unsentTimeoutMs,
            limits.lingerMs
        )
        return max(10, min(1_000, shortest / 4))
    }

    func start() {
        statistics.turnedAtMs.store(Clock.nowMs(), ordering: .relaxed)
        engine.whenUsersGo { [weak self] in
            guard let self else { return }
            execute { for connection in Array(self.connections.values) { connection.usersWent() } }
        }
        let interval = TimeAmount.milliseconds(sweepIntervalMs)
        sweep = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let nowMs = Clock.nowMs()
            self.statistics.turnedAtMs.store(nowMs, ordering: .relaxed)
            for connection in Array(self.connections.values) { connection.timePassed(nowMs) }
        }
    }

    func add(_ connection: HTTPConnection) {
        connections[ObjectIdentifier(connection)] = connection
        statistics.connections.add()
    }

    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
        state.leave()
    }

    /// Runs a task on the event loop, from any thread; not where the server has stopped, whose connections are gone.
    func execute(_ body: @escaping @Sendable () -> Void) {
        isOpen.withLock { if $0 { eventLoop.execute(body) } }
    }

    /// Those that are answering end when they have; the others at once.
    func stopAll() { for connection in Array(connections.values) { connection.stop() } }

    func closeAll() {
        sweep?.cancel()
        for connection in Array(connections.values) { connection.close() }
    }

    func submit(_ body: @escaping @Sendable () -> Void) -> EventLoopFuture<Void> { eventLoop.submit(body) }

    func end() { isOpen.withLock { $0 = false } }
}

/// What all HTTP connections of a server share.
final class HTTPState: Sendable {
    /// The address or name that the server was told to listen at, where only this machine reaches it; `nil` = others do.
    let host: String?
    private let limits: HTTPLimits
    private let connections = Atomic<Int>(0)
    private let memoryBytes = Atomic<Int>(0)
    private let draining = Atomic(false)

    init(_ limits: HTTPLimits, host: String?) {
        self.limits = limits
        self.host = host
    }

    /// - Returns: `false` where there are enough connections.
    func enter() -> Bool {
        if connections.add(1, ordering: .relaxed).newValue <= limits.connectionsMax { return true }
        leave()
        return false
    }

    func leave() { connections.subtract(1, ordering: .relaxed) }
    var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// The server takes no new work.
    var isDraining: Bool { draining.load(ordering: .relaxed) }
    func drain() { draining.store(true, ordering: .relaxed) }

    /// Counts memory of bodies and replies.
    /// - Returns: `false`, and counts nothing, where there is no room.
    func reserve(_ bytes: Int) -> Bool {
        if memoryBytes.add(bytes, ordering: .relaxed).newValue <= limits.memoryBytesMax { return true }
        release(bytes)
        return false
    }

    var memoryInUse: Int { memoryBytes.load(ordering: .relaxed) }

    func release(_ bytes: Int) { memoryBytes.subtract(bytes, ordering: .relaxed) }
}
