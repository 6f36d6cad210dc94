import Certificates
import Commands
import Logging
import Metrics
import NIOCore
import NIOTLS
import Synchronization
import Wire

/// Joins a channel and its ``ClientConnection``: the only handler of the channel's pipeline but for the one that encrypts.
///
/// In the steady state a read allocates nothing: requests are decoded from the buffer they were received in, and replies
/// of one read go out in one write from a buffer that is used again.
///
/// `@unchecked Sendable` for the tasks that other threads give the event loop: it is used on that loop only.
final class ConnectionHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let record: ClientRecord
    private let loop: LoopConnections
    private let client: ClientState
    private var connection: ClientConnection
    private var context: ChannelHandlerContext?
    private var isReading = true
    /// Whether the channel took a write whose bytes may not be sent yet.
    private var mayHaveUnsent = false
    /// Sent since the last look at what the client has not taken.
    private var sentBytes = 0
    /// What ``ReplyMemory`` knows of that.
    private var countedBytes = 0
    private var isFlushPlanned = false
    private var isTurnPlanned = false
    /// What is not sent yet of a reply that is sent a slice at a time.
    private var rest = ByteBuffer()
    /// Nothing more is read; when the replies are sent, this side is closed.
    private var isEnding = false
    /// This side is closed; when the channel is closed at the latest, whatever the client does. 0 = it is not.
    private var lingersUntilMs: Int64 = 0

    /// When a TLS handshake must have ended; 0 = it has, or there is none.
    private var handshakeUntilMs: Int64

    init(client: ClientState, loop: LoopConnections, isEncrypted: Bool = false) {
        record = client.record
        self.client = client
        handshakeUntilMs = isEncrypted ? Clock.nowMs() + loop.limits.handshakeTimeoutMs : 0
        self.loop = loop
        connection = ClientConnection(
            client: client,
            engine: loop.engine,
            limits: loop.limits,
            statistics: loop.statistics,
            requestMemory: loop.requestMemory,
            nowMs: Clock.nowMs()
        )
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) { loop.add(self) }

    func channelInactive(context: ChannelHandlerContext) {
        perform(connection.closed(), context)
        // Whatever was told last: nothing of this connection may stay there.
        countedBytes = 0
        for leave in loop.replyMemory.change(record.id, to: 0, leave: { _ in }) { leave() }
        loop.remove(self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let actions = connection.bytesReceived(unwrapInboundIn(data), nowNs: Clock.nowNs())
        perform(actions, context)
    }

    func channelReadComplete(context: ChannelHandlerContext) { flush(context) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            // Not from within the write that made room.
            planFlush(context)
        } else {
            connection.outputBlocked()
            updateReading(context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            handshakeUntilMs = 0
            takeCertificate(context)
            return
        }
        switch event as? ChannelEvent {
        case .inputClosed? where !isEnding:
            perform(connection.inputClosed(nowNs: Clock.nowNs()), context)
            flush(context)
        case .outputClosed?:
            // The client may still be sending. Were the socket closed with bytes unread, the kernel would reset the
            // connection, and the client might lose the last reply: so its side is awaited for a moment.
            lingersUntilMs = Clock.nowMs() + loop.limits.lingerMs
            updateReading(context)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The client closed its side without saying so in TLS; the event that it has follows.
        if EncryptedConnection.isUncleanShutdown(error) { return }
        if handshakeUntilMs > 0 {
            loop.logger.info(
                "TLS handshake failed",
                metadata: ["client": "\(record.id)", "address": "\(record.address)", "error": "\(error)"]
            )
        }
        // Resets and the like: the client is gone.
        loop.logger.debug("connection failed", metadata: ["client": "\(record.id)", "error": "\(error)"])
        context.close(promise: nil)
    }

    /// A client with a certificate is the user that this names, as long as it does not say otherwise.
    private func takeCertificate(_ context: ChannelHandlerContext) {
        guard let name = EncryptedConnection.clientName(context.pipeline) else { return }
        client.certificateUser = name
        client.beginAnew(loop.engine.access)
    }

    // MARK: What others ask for, on the event loop

    func kill() {
        guard let context else { return }
        perform(connection.killed(nowNs: Clock.nowNs()), context)
        flush(context)
    }

    func stop() {
        guard let context else { return }
        perform(connection.stopRequested(nowNs: Clock.nowNs()), context)
        flush(context)
    }

    /// All clients together have left too much unread, and this one most of it: so many bytes, when it was last looked at.
    func endUnread(_ bytesThen: Int) {
        guard let context else { return }
        let bytes = unreadBytes(context)
        guard bytes > bytesThen / 2 else {
            countedBytes = bytes
            for leave in loop.replyMemory.stay(record.id, keeping: bytes) { leave() }
            return
        }
        loop.statistics.evictedConnections.add()
        loop.logger.warning(
            "all clients together have left too much unread; the one with most is closed",
            metadata: ["client": "\(record.id)", "address": "\(record.address)", "unread_bytes": "\(bytes)"]
        )
        perform(connection.killed(.replyMemory, nowNs: Clock.nowNs()), context)
        // It may have been ending, or waiting for its last reply.
        isEnding = true
        context.close(promise: nil)
    }

    func close() { context?.close(promise: nil) }

    func timePassed(_ nowMs: Int64) {
        guard let context else { return }
        if handshakeUntilMs > 0, nowMs >= handshakeUntilMs { return context.close(promise: nil) }
        if lingersUntilMs > 0 {
            if nowMs >= lingersUntilMs { context.close(promise: nil) }
            return
        }
        let unsent = mayHaveUnsent ? unsentBytes(context) : 0
        if unsent == 0 { mayHaveUnsent = false }
        sentBytes = 0
        count(unsent + waitingBytes)
        guard let ending = connection.timePassed(nowMs: nowMs, unsentBytes: unsent) else { return }
        if isEnding { context.close(promise: nil) } else { end(ending, context) }
    }

    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        guard let options = context.channel.syncOptions else { return rest.readableBytes }
        return rest.readableBytes + ((try? options.getOption(.bufferedWritableBytes)) ?? 0)
    }

    /// Of replies, sent and not taken, or waiting for others before them.
    private func unreadBytes(_ context: ChannelHandlerContext) -> Int {
        (mayHaveUnsent ? unsentBytes(context) : 0) + waitingBytes
    }

    /// Of replies that have not been handed over.
    private var waitingBytes: Int {
        connection.keptReplyBytes + (rest.readableBytes > 0 ? connection.readyOutput : 0)
    }

    /// Looks at what the client has not taken, where it may be more than a little.
    private func countUnread(_ context: ChannelHandlerContext) {
        let littleBytes = loop.limits.uncountedReplyBytesMax
        guard sentBytes > littleBytes || countedBytes > 0 || connection.keptReplyBytes > littleBytes else { return }
        sentBytes = 0
        count(unreadBytes(context))
    }

    private func count(_ bytes: Int) {
        let counted = bytes > loop.limits.uncountedReplyBytesMax ? bytes : 0
        guard counted != countedBytes else { return }
        countedBytes = counted
        let (loop, id) = (loop, record.id)
        for leave in loop.replyMemory.change(id, to: counted, leave: { loop.endUnread(id, $0) }) { leave() }
    }

    // MARK: Actions

    private func perform(_ actions: ClientConnection.Actions, _ context: ChannelHandlerContext) {
        for start in actions.starts {
            let id = start.id
            start.reply.start { body in
                self.loop.execute { self.replyReady(id, body) }
            }
        }
        if let commit = actions.commit {
            loop.engine.hooks.commitTogether?(commit.writes, record.id) { replies in
                self.loop.execute { self.transactionCommitted(commit.id, replies) }
            }
        }
        if actions.pauses { planTurn(context, afterMs: actions.waitMs) }
        for cancel in actions.cancels { cancel() }
        if let ending = actions.ending { end(ending, context) }
    }

    private func replyReady(_ id: Int64, _ body: @escaping DeferredReply.Body) {
        guard let context else { return }
        perform(connection.replyReady(id, body, nowNs: Clock.nowNs()), context)
        planFlush(context)
    }

    private func transactionCommitted(_ id: Int64, _ replies: [DeferredReply.Body]) {
        guard let context else { return }
        perform(connection.transactionCommitted(id, replies, nowNs: Clock.nowNs()), context)
        planFlush(context)
    }

    /// Flushes when the tasks that are queued now have run, so that replies of one commit go out together.
    private func planFlush(_ context: ChannelHandlerContext) {
        guard !isFlushPlanned else { return }
        isFlushPlanned = true
        context.eventLoop.execute {
            self.isFlushPlanned = false
            guard let context = self.context else { return }
            self.flush(context)
        }
    }

    /// Sends what is ready; runs what was left, as long as there is room and this connection's turn lasts.
    private func flush(_ context: ChannelHandlerContext) {
        send(context)
        if connection.needsRoom { takeTurn(context) }
        countUnread(context)
        updateReading(context)
    }

    private func takeTurn(_ context: ChannelHandlerContext) {
        let start = Clock.nowNs()
        var now = start
        while connection.needsRoom, !isEnding, context.channel.isWritable, rest.readableBytes == 0 {
            guard now - start < loop.limits.turnNs else {
                planTurn(context)
                return
            }
            perform(connection.outputDrained(nowNs: now), context)
            send(context)
            now = Clock.nowNs()
        }
    }

    /// Goes on when other connections' bytes have been read. A task that may run at once would run before that.
    private func planTurn(_ context: ChannelHandlerContext, afterMs: Int64 = 0) {
        guard !isTurnPlanned else { return }
        isTurnPlanned = true
        context.eventLoop.scheduleTask(in: afterMs > 0 ? .milliseconds(afterMs) : .microseconds(50)) {
            self.isTurnPlanned = false
            guard let context = self.context else { return }
            self.perform(self.connection.turnCame(nowNs: Clock.nowNs()), context)
            self.flush(context)
        }
    }

    /// Sends what is ready, of much of it a slice: when other connections had their turn, the next one follows.
    private func send(_ context: ChannelHandlerContext) {
        if rest.readableBytes > 0 {
            // Else the client takes it slower; it goes on when there is room.
            if context.channel.isWritable { sendSlice(context) }
        } else if connection.readyOutput > loop.limits.outputSliceBytes {
            mayHaveUnsent = true
            sentBytes &+= connection.readyOutput
            rest = connection.takeOutput()
            connection.outputTaken()
            sendSlice(context)
        } else {
            sendReady(context)
        }
    }

    private func sendSlice(_ context: ChannelHandlerContext) {
        guard let slice = rest.readSlice(length: min(rest.readableBytes, loop.limits.outputSliceBytes)) else { return }
        if rest.readableBytes == 0 { rest = ByteBuffer() }
        context.writeAndFlush(wrapOutboundOut(slice), promise: nil)
        // What became ready meanwhile comes behind it.
        if rest.readableBytes > 0 ? context.channel.isWritable : connection.hasOutput { planTurn(context) }
    }

    private func sendReady(_ context: ChannelHandlerContext) {
        guard connection.hasOutput else { return }
        mayHaveUnsent = true
        sentBytes &+= connection.readyOutput
        context.writeAndFlush(wrapOutboundOut(connection.takeOutput()), promise: nil)
        connection.outputTaken()
    }

    /// Sends all that is ready, since nothing comes behind it.
    private func sendAll(_ context: ChannelHandlerContext) {
        if rest.readableBytes > 0 {
            context.writeAndFlush(wrapOutboundOut(rest), promise: nil)
            rest = ByteBuffer()
        }
        sendReady(context)
    }

    private func updateReading(_ context: ChannelHandlerContext) {
        let wants = connection.wantsInput || lingersUntilMs > 0
        guard wants != isReading, let options = context.channel.syncOptions else { return }
        isReading = wants
        try? options.setOption(.autoRead, value: wants)
    }

    private func end(_ ending: ClientConnection.Ending, _ context: ChannelHandlerContext) {
        guard !isEnding else { return }
        isEnding = true
        switch ending {
        case .now(let reason):
            log(reason)
            context.close(promise: nil)
        case .afterOutput(let reason):
            log(reason)
            sendAll(context)
            context.close(mode: .output, promise: nil)
        }
    }

    private func log(_ reason: ClientConnection.Reason) {
        switch reason {
        case .client, .stopping, .replyMemory: return
        default:
            loop.logger.info(
                "connection ended",
                metadata: ["client": "\(record.id)", "address": "\(record.address)", "reason": "\(reason)"]
            )
        }
    }
}
