package import Commands
package import NIOCore
import Synchronization
import Wire

/// A client's connection as a state machine: what happens goes in, what is to be done comes out. It knows no sockets.
///
/// Requests are decoded and run as their bytes arrive. Each gets one reply, in order. A command that needs PostgreSQL or
/// time leaves a place for its reply (``PendingReplies``). Writes that follow one another may start while such a place is
/// open; anything else waits until none is.
///
/// **Invariant:** no replies are added while more than the limit is unsent; bytes that are not run are kept only up to one
/// request and what one read brought.
package struct Connection: ~Copyable {
    private enum Phase {
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
    private var input = ByteBuffer()
    var pending = PendingReplies()
    /// What EXEC's replies may still have; no two transactions of a connection are under way.
    var transactionReplies = TransactionReplies()
    /// Replies before the first pending one, where there is one; else they are in ``context``.
    private var output = ByteBuffer()
    private var phase = Phase.open
    private var isInputClosed = false
    private var isStopping = false
    private var isOutputBlocked = false
    /// Whether the request that was decoded last waits for pending replies.
    var isWaiting = false
    /// Whether requests were left because enough have run, or enough replies are ready or unsent.
    private var isCut = false
    private var lastInputMs: Int64
    private let requestMemory: RequestMemory
    /// What is reserved of it.
    private var reservedBytes = 0
    /// What the transaction takes whose writes are being committed: it is needed for its reads.
    var committingBytes = 0
    private var sentBytes: Int64 = 0
    private var takenBytes: Int64 = 0
    private var takenMs: Int64
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
        guard let measure = pending.finish(id, body) else { return actions }
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
        guard let measure = pending.finish(id, { _ in }), let commit = pending.popReady(),
            let transaction = commit.transaction
        else { return actions }
        logIfSlow(measure, nowNs)
        // Nothing ran since EXEC, so that nothing stands behind the commit but why the connection ends.
        let behind = context.reply.buffer
        context.reply.buffer = ByteBuffer()
        swap(&context.reply.buffer, &output)
        run(transaction, replies, isMuted: commit.isMuted, nowNs, &actions)
        if behind.readableBytes > 0 { context.reply.buffer.writeImmutableBuffer(behind) }
        committingBytes = 0
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

    package mutating func killed(nowNs: Int64) -> Actions {
        var actions = Actions()
        guard case .open = phase else { return actions }
        phase = .ended
        actions.cancels = pending.takeCancels(isGone: true)
        actions.ending = .now(.killed)
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

    // MARK: What the caller asks
    /// Whether more is to be read from the client.
    package var wantsInput: Bool {
        guard case .open = phase, !needsRoom, !isStopping else { return false }
        // What waits is kept, so that a client that closes while it waits is noticed, but not much of it.
        return !isWaiting || input.readableBytes < limits.waitingBytesMax
    }

    /// Whether requests wait for their turn, or until the client has taken more: ``outputDrained(nowNs:)`` goes on.
    package var needsRoom: Bool { isCut || isOutputBlocked }

    /// Whether any replies are ready to be sent.
    package var hasOutput: Bool { readyOutput > 0 }
    private var readyOutput: Int {
        pending.isEmpty ? context.reply.buffer.readableBytes : output.readableBytes
    }

    /// The replies that are ready. The caller sends them and drops its copy, then calls ``outputTaken()``.
    package mutating func takeOutput() -> ByteBuffer {
        sentBytes += Int64(readyOutput)
        statistics.bytesOut.add(Int64(readyOutput))
        return pending.isEmpty ? context.reply.buffer : output
    }

    /// What ``takeOutput()`` gave is on its way. Its memory is used again, unless somebody holds it or it is large.
    package mutating func outputTaken() {
        if pending.isEmpty {
            Self.reuse(&context.reply.buffer)
        } else {
            Self.reuse(&output)
        }
    }

    private static func reuse(_ buffer: inout ByteBuffer) {
        if buffer.capacity <= 64 << 10 { buffer.clear() } else { buffer = ByteBuffer() }
    }

    // MARK: Running requests

    private func isRunnable() -> Bool {
        guard case .open = phase, !isOutputBlocked else { return false }
        return readyOutput < limits.outputBatchBytes
    }

    /// Writes replies that are ready, and goes on with what waited for them.
    private mutating func settle(_ nowNs: Int64, _ actions: inout Actions) {
        isCut = false
        while let ready = popReady(&actions) {
            if let body = ready.body, !ready.isMuted {
                swap(&context.reply.buffer, &output)
                context.reply.begin(ready.isQueued ? transactionReplies.limits : .reply)
                body(&context.reply)
                if ready.isQueued { transactionReplies.take(context.reply.used) }
                swap(&context.reply.buffer, &output)
            }
            if pending.isEmpty {
                // Behind the last pending reply stands what the context has, mostly nothing: a large reply is not copied.
                if context.reply.buffer.readableBytes > 0 { output.writeImmutableBuffer(context.reply.buffer) }
                swap(&context.reply.buffer, &output)
                Self.reuse(&output)
            } else {
                output.writeImmutableBuffer(ready.tail)
            }
        }
        if input.readableBytes > 0 { runInput(nowNs, &actions) }
        endIfDone(&actions)
    }

    /// The oldest reply, if it is ready; else its work is begun, where that has waited for the replies before it.
    private mutating func popReady(_ actions: inout Actions) -> PendingReplies.Pending? {
        if let ready = pending.popReady() { return ready }
        guard let next = pending.takeUnstarted() else { return nil }
        if transactionReplies.isUsedUp {
            // Nothing of it could be sent.
            _ = pending.finish(next.id) { $0.refuse() }
            return pending.popReady()
        }
        start(next, &actions)
        return nil
    }

    /// Begins the work of a reply.
    mutating func start(_ next: (id: Int64, reply: DeferredReply), _ actions: inout Actions) {
        actions.starts.append(next)
        // Nobody is there for whom it would wait.
        if isInputClosed || isStopping, let cancel = next.reply.cancel { actions.cancels.append(cancel) }
    }

    private mutating func runInput(_ nowNs: Int64, _ actions: inout Actions) {
        var bytes = ByteBuffer()
        swap(&bytes, &input)
        runRequests(in: bytes, isOurs: true, nowNs, &actions)
    }

    /// Runs the requests that are complete; keeps the rest.
    /// - Parameter isOurs: whether nobody else uses the bytes' memory.
    private mutating func runRequests(
        in bytes: ByteBuffer,
        isOurs: Bool,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        var start = 0
        // Apart from the rest while commands run, which work on the rest.
        var ranges: [Range<Int>] = []
        var decoder = RequestDecoder()
        swap(&ranges, &self.ranges)
        swap(&decoder, &self.decoder)
        run(bytes.readableBytesUInt8Span, from: &start, &decoder, &ranges, nowNs, &actions)
        if ranges.capacity > 4_096, !decoder.isWithinRequest, !isWaiting { ranges = [] }
        swap(&ranges, &self.ranges)
        swap(&decoder, &self.decoder)
        if start == bytes.readableBytes, input.capacity == 0, reservedBytes == 0, committingBytes == 0,
            !context.client.isInTransaction
        {
            endIfDone(&actions)
            return
        }
        var bytes = bytes
        bytes.moveReaderIndex(forwardBy: start)
        keep(bytes, isOurs: isOurs)
        reserve()
        endIfDone(&actions)
    }

    /// Counts what is kept, and ends the connection if all of them together keep too much.
    private mutating func reserve() {
        let kept =
            input.capacity + ranges.capacity * MemoryLayout<Range<Int>>.stride
            + (context.client.isInTransaction ? context.client.transaction?.byteCount ?? 0 : 0) + committingBytes
        let bytes = kept > limits.uncountedBytesMax ? kept : 0
        guard bytes != reservedBytes else { return }
        if requestMemory.change(by: bytes - reservedBytes) {
            reservedBytes = bytes
            return
        }
        // A transaction that is being committed stays, even where it alone has no room.
        guard case .open = phase else { return }
        input = ByteBuffer()
        ranges = []
        context.client.transaction = nil
        context.reply.begin()
        context.reply.error("ERR requests of all clients together are too large; try again later")
        end(.requestMemory)
        reserve()
    }

    private mutating func keep(_ rest: ByteBuffer, isOurs: Bool) {
        guard case .open = phase, rest.readableBytes > 0 else {
            if input.capacity > 0 { input = ByteBuffer() }
            return
        }
        // What one small rest needs must not hold the memory of a large request.
        if isOurs, rest.readableBytes >= rest.capacity / 8 {
            input = rest
        } else {
            input = ByteBuffer()
            input.writeImmutableBuffer(rest)
        }
    }

    private mutating func run(
        _ bytes: Span<UInt8>,
        from start: inout Int,
        _ decoder: inout RequestDecoder,
        _ ranges: inout [Range<Int>],
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        var clock = nowNs
        var requestsLeft = limits.batchRequests
        while true {
            requestsLeft -= 1
            guard requestsLeft >= 0, clock - nowNs < limits.turnNs, isRunnable() else {
                if case .open = phase { isCut = true }
                return
            }
            let isAuthenticated = context.client.isAuthenticated
            let event =
                isAuthenticated
                ? decoder.next(bytes, from: &start, limits: requestLimits, into: &ranges)
                : decoder.next(bytes, from: &start, limits: unauthenticatedLimits, into: &ranges)
            switch event {
            case .incomplete: return
            case .request:
                isWaiting = !run(decoder.arguments(in: bytes, ranges.span), decoder.frame.count, &clock, &actions)
                if isWaiting {
                    decoder.hold(&start)
                    return
                }
            case .fault(let fault):
                context.reply.begin()
                statistics.protocolErrors.add()
                if context.client.replies == .on { context.reply.error(fault.message) }
                end(.protocolError(fault.message))
            case .foreign:
                phase = .ended
                actions.ending = .now(.foreign)
            }
        }
    }

    /// Nothing more is run.
    mutating func end(_ reason: Reason) {
        if case .open = phase { phase = .ending(reason) }
    }

    private mutating func endIfDone(_ actions: inout Actions) {
        if case .open = phase, isInputClosed || isStopping, pending.isEmpty, !isWaiting, !isCut {
            phase = .ending(isInputClosed ? .client : .stopping)
        }
        guard case .ending(let reason) = phase, pending.isEmpty else { return }
        phase = .ended
        actions.ending = .afterOutput(reason)
    }

    /// Makes room for a reply that comes later.
    mutating func leavePlace(_ reply: PendingReplies.Pending) -> Int64 {
        if pending.isEmpty {
            swap(&output, &context.reply.buffer)
        } else {
            pending.setLastTail(context.reply.buffer)
        }
        context.reply.buffer = ByteBuffer()
        return pending.append(reply)
    }
}
