package import Commands
package import Metrics
package import NIOCore
import Synchronization
package import Wire

/// A client's connection as a state machine: what happens goes in, what is to be done comes out. It knows no sockets.
///
/// Requests are decoded and run as their bytes arrive. Each gets one reply, in order. A command that needs PostgreSQL or
/// time leaves a place for its reply (``PendingReplies``). Writes that follow one another may start while such a place is
/// open; anything else waits until none is.
///
/// **Invariant:** no replies are added while more than the limit is unsent; bytes that are not run are kept only up to one
/// request and what one read brought.
package struct ClientConnection: ~Copyable {
    enum Phase {
        case open
        /// Nothing more is run; open replies are awaited.
        case ending(Reason)
        case ended
    }

    let limits: ConnectionLimits
    let requestLimits: RequestLimits
    let unauthenticatedLimits: RequestLimits
    let table: CommandTable
    /// Whether slow commands are logged.
    let isTimed: Bool
    var context: CommandContext
    var decoder = RequestDecoder()
    /// Kept between calls of the decoder.
    var ranges: [Range<Int>] = []
    /// Bytes from the start of the first request that has not run.
    var input = ByteBuffer()
    var pending = PendingReplies()
    /// The transaction that is under way; no two of a connection are.
    var transactionRun: TransactionRun?
    /// Whether ``transactionRun`` waits for its next turn.
    package var isPaused = false
    /// What EXEC's replies may still have.
    var transactionReplies = TransactionReplies()
    /// Replies before the first pending one, where there is one; else they are in ``context``.
    var output = ByteBuffer()
    var phase = Phase.open
    var isInputClosed = false
    var isStopping = false
    var isOutputBlocked = false
    /// Whether the request that was decoded last waits for pending replies.
    var isWaiting = false
    /// Whether requests were left because enough have run, or enough replies are ready or unsent.
    var isCut = false
    var lastInputMs: Int64
    let requestMemory: RequestMemory
    /// What is reserved of it.
    var reservedBytes = 0
    /// What ``transactionRun`` takes, beyond the turn of EXEC.
    var committingBytes = 0
    var sentBytes: Int64 = 0
    var takenBytes: Int64 = 0
    var takenMs: Int64
    let statistics: LoopStatistics

    package init(
        client: ClientState,
        engine: Engine,
        limits: ConnectionLimits,
        statistics: LoopStatistics = LoopStatistics(),
        requestMemory: RequestMemory = RequestMemory(bytesMax: .max),
        nowMs: Int64
    ) {
        self.limits = limits
        self.requestMemory = requestMemory
        table = engine.table
        isTimed = engine.slowLog.thresholdUs >= 0
        self.statistics = statistics
        requestLimits = RequestLimits(
            argumentsMax: limits.argumentsMax,
            bulkBytesMax: limits.bulkBytesMax,
            lineBytesMax: limits.lineBytesMax,
            requestBytesMax: limits.requestBytesMax
        )
        unauthenticatedLimits = RequestLimits(
            argumentsMax: limits.unauthenticatedArgumentsMax,
            bulkBytesMax: limits.unauthenticatedBulkBytesMax,
            lineBytesMax: limits.lineBytesMax,
            requestBytesMax: limits.requestBytesMax,
            isAuthenticated: false
        )
        context = CommandContext(reply: ReplyWriter(version: client.version), client: client, engine: engine)
        lastInputMs = nowMs
        takenMs = nowMs
    }

    // MARK: Events

    /// Bytes came from the client.
    package mutating func bytesReceived(_ bytes: ByteBuffer, nowNs: Int64) -> Actions {
        var actions = Actions()
        guard case .open = phase else { return actions }
        lastInputMs = nowNs / 1_000_000
        context.client.record.lastActiveMs.store(lastInputMs, ordering: .relaxed)
        statistics.bytesIn.add(Int64(bytes.readableBytes))
        if input.readableBytes == 0 {
            runRequests(in: bytes, isOurs: false, nowNs, &actions)
        } else {
            if input.readerIndex > input.readableBytes { input.discardReadBytes() }
            input.writeImmutableBuffer(bytes)
            runInput(nowNs, &actions)
        }
        return actions
    }

    /// A deferred reply can be written.
    package mutating func replyReady(_ id: Int64, _ body: @escaping DeferredReply.Body, nowNs: Int64) -> Actions {
        var actions = Actions()
        guard let measure = pending.finish(id, nowNs: nowNs, body) else { return actions }
        logIfSlow(measure, nowNs)
        settle(nowNs, &actions)
        return actions
    }

    /// A transaction's writes are committed, or none of them is; there is one reply each.
    package mutating func transactionCommitted(
        _ id: Int64,
        _ replies: [DeferredReply.Body],
        nowNs: Int64
    ) -> Actions {
        var actions = Actions()
        guard var run = transactionRun, case .committing = run.stage, run.id == id else { return actions }
        run.stage = .reading
        run.replies = replies
        transactionRun = run
        goOn(nowNs, &actions)
        reserve()
        settle(nowNs, &actions)
        return actions
    }

    /// Other connections have had their turn since ``Actions/pauses``.
    package mutating func turnCame(nowNs: Int64) -> Actions {
        var actions = Actions()
        guard isPaused else { return actions }
        isPaused = false
        switch phase {
        case .ended: return actions
        case .ending(.requestMemory): giveUpTransaction()
        case .open, .ending: break
        }
        goOn(nowNs, &actions)
        reserve()
        settle(nowNs, &actions)
        return actions
    }

    /// The client sends nothing more; it may still read.
    package mutating func inputClosed(nowNs: Int64) -> Actions {
        var actions = Actions()
        isInputClosed = true
        actions.cancels = pending.takeCancels()
        settle(nowNs, &actions)
        return actions
    }

    /// The server stops: what has arrived is answered, nothing more is read.
    package mutating func stopRequested(nowNs: Int64) -> Actions {
        var actions = Actions()
        isStopping = true
        actions.cancels = pending.takeCancels()
        settle(nowNs, &actions)
        return actions
    }

    /// The connection is to end at once.
    package mutating func killed(_ reason: Reason = .killed, nowNs: Int64) -> Actions {
        var actions = Actions()
        guard case .open = phase else { return actions }
        phase = .ended
        actions.cancels = pending.takeCancels(isGone: true)
        actions.ending = .now(reason)
        return actions
    }

    /// The connection is gone.
    package mutating func closed() -> Actions {
        var actions = Actions()
        phase = .ended
        actions.cancels = pending.takeCancels(isGone: true)
        input = ByteBuffer()
        ranges = []
        context.client.transaction = nil
        transactionRun = nil
        isPaused = false
        committingBytes = 0
        reserve()
        return actions
    }

    /// More replies are unsent than the limit allows.
    package mutating func outputBlocked() { isOutputBlocked = true }

    /// What was ready is sent, and there is room for more.
    package mutating func outputDrained(nowNs: Int64) -> Actions {
        var actions = Actions()
        isOutputBlocked = false
        settle(nowNs, &actions)
        return actions
    }

    /// Some time has passed.
    /// - Parameter unsentBytes: what the client has not taken of the output.
    package mutating func timePassed(nowMs: Int64, unsentBytes: Int) -> Ending? {
        let record = context.client.record
        record.inputBytes.store(input.readableBytes, ordering: .relaxed)
        record.outputBytes.store(unsentBytes, ordering: .relaxed)
        let taken = sentBytes - Int64(unsentBytes)
        if unsentBytes == 0 || taken != takenBytes {
            takenBytes = taken
            takenMs = nowMs
        } else if nowMs - takenMs >= limits.unsentTimeoutMs {
            phase = .ended
            return .now(.unreadReplies)
        }
        guard case .open = phase else { return nil }
        if !decoder.isWithinRequest || !wantsInput {
            lastInputMs = max(lastInputMs, nowMs)
        } else if nowMs - lastInputMs >= limits.partialFrameTimeoutMs {
            phase = .ended
            return .now(.partialRequest)
        }
        return nil
    }
}
