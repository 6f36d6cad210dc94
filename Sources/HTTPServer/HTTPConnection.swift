import Access
import Commands
import Logging
import Metrics
import NIOCore
import NIOHTTP1
import NIOPosix
import Wire

/// A connection of HTTP/1.1: one request at a time, its body bounded, one reply.
///
/// A request that cannot be answered is told so as soon as its head has come; what it still sends is dropped, or ends the
/// connection where it is much.
///
/// `@unchecked Sendable` for the tasks that other threads give the event loop: it is used on that loop only.
final class HTTPConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        case idle
        /// The head has come, its body not whole.
        case reading
        case answering
        /// The reply is on its way.
        case sending
        /// This side is closed; the client's is awaited for a moment, so that the last reply is not lost.
        case lingering(untilMs: Int64)
    }

    private let loop: HTTPLoop
    private let client: ClientState
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    private var request: HTTPRequest?
    private var route: (route: Route, parameters: [String: String])?
    /// Whose rights the request that comes has; `nil` = it needs none, or its caller is not known yet.
    private var caller: Caller?
    /// Whether a caller's password is being looked at; nothing more is read meanwhile, so that nobody unknown keeps memory.
    private var isVerifying = false
    /// Whether the request's end came meanwhile.
    private var hasEnded = false
    /// Whether the client waits for a word before it sends the body.
    private var expectsContinue = false
    /// Why the request that comes is refused.
    private var fault: HTTPFault?
    private var call: RouteCall?
    /// Whether only the head of a reply is wanted.
    private var isHead = false
    /// Whether the connection ends after the reply.
    private var closes = false
    /// Of ``HTTPState/reserve(_:)``.
    private var reservedBytes = 0
    private var startedMs = Clock.nowMs()
    /// When the client last sent or took something.
    private var movedMs = Clock.nowMs()
    private var unsentBytes = 0

    init(_ loop: HTTPLoop) {
        self.loop = loop
        client = ClientState(id: loop.engine.clients.nextID(), isAuthenticated: false)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }
    func channelActive(context: ChannelHandlerContext) { loop.add(self) }

    func channelInactive(context: ChannelHandlerContext) {
        isVerifying = false
        call?.abandon()
        call = nil
        request = nil
        release()
        loop.remove(self)
    }

    // MARK: A request comes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .lingering = phase { return }
        movedMs = Clock.nowMs()
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let bytes): take(bytes)
        case .end: end()
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        phase = .reading
        startedMs = movedMs
        fault = nil
        (route, caller) = (nil, nil)
        (isVerifying, hasEnded, expectsContinue) = (false, false, false)
        isHead = head.method == .HEAD
        closes = closes || !head.isKeepAlive
        do throws(HTTPFault) {
            guard let request = HTTPRequest(head) else {
                throw HTTPFault(.badRequest, "the request's target \(CommandFault.quoted(head.uri)) is no path")
            }
            self.request = request
            try RequestCheck.check(head, host: loop.state.host, loop.limits)
            let found = try RouteTable.find(request)
            if !found.route.isOpen {
                try authenticate(head.headers, context)
            }
            route = found
            expectsContinue = head.headers.contains(name: "expect")
            if !isVerifying { goOn(context) }
        } catch {
            fault = error
            let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
            // A client that waits for a word would send nothing that could be dropped.
            let isUnbounded = length > loop.limits.droppedBytesMax || head.headers.contains(name: "transfer-encoding")
            if isUnbounded || head.headers.contains(name: "expect") {
                refuse(error)
            }
        }
    }

    private func authenticate(_ headers: HTTPHeaders, _ context: ChannelHandlerContext) throws(HTTPFault) {
        let access = loop.engine.access
        let address = context.remoteAddress?.shown ?? ""
        switch try RequestCheck.credentials(headers, access, address: address) {
        case .caller(let caller): self.caller = caller
        case .unverified(let user, let password):
            isVerifying = true
            try? context.channel.syncOptions?.setOption(.autoRead, value: false)
            access.verify(user: user, password: password, address: address) { [loop] verdict in
                loop.execute { self.verified(verdict) }
            }
        }
    }

    private func verified(_ verdict: AccessControl.Verdict) {
        guard isVerifying, let context else { return }
        isVerifying = false
        try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        guard case .reading = phase else { return }
        switch verdict {
        case .accepted(let caller):
            self.caller = caller
            goOn(context)
            if hasEnded { end() }
        case .refused(let line):
            let fault = RequestCheck.unauthorized(line: line)
            guard hasEnded else { return refuse(fault) }
            phase = .answering
            send(HTTPReply(fault))
        }
    }

    /// Tells a client that waits with its body to send it.
    private func goOn(_ context: ChannelHandlerContext) {
        guard expectsContinue else { return }
        expectsContinue = false
        let go = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
    }

    private func take(_ bytes: ByteBuffer) {
        guard case .reading = phase, fault == nil else { return }
        loop.statistics.bytesIn.add(Int64(bytes.readableBytes))
        let bytesMax = route?.route.body == nil ? loop.limits.droppedBytesMax : loop.limits.bodyBytesMax
        guard (request?.body.readableBytes ?? 0) + bytes.readableBytes <= bytesMax else {
            return refuse(RequestCheck.tooLong(loop.limits))
        }
        // Once as it came, once as arguments.
        guard reserve(2 * bytes.readableBytes) else { return refuse(RequestCheck.full) }
        request?.body.writeImmutableBuffer(bytes)
    }

    private func end() {
        guard case .reading = phase else { return }
        if isVerifying {
            hasEnded = true
            return
        }
        phase = .answering
        if let fault { return send(HTTPReply(fault)) }
        guard let request, let route else { return }
        self.request = nil
        // Rights may have been taken back while the body came.
        client.become(caller.flatMap { loop.engine.access.renewed($0) })
        if caller != nil, client.caller == nil {
            return send(HTTPReply(RequestCheck.unauthorized(line: AccessControl.wrong)))
        }
        let call = RouteCall(request, route.parameters, client: client, loop: loop) { self.send($0) }
        self.call = call
        let run = route.route.run
        guard request.headers.first(name: "content-encoding")?.lowercased() == "gzip" else { return run(call) }
        let compressed = request.body
        loop.pool.submit { [loop] state in
            guard case .active = state else { return }
            let result: Result<ByteBuffer, HTTPFault>
            do throws(HTTPFault) {
                result = .success(try CompressedBody.decompressed(compressed, loop.state, loop.limits))
            } catch {
                result = .failure(error)
            }
            loop.execute { self.decompressed(result, of: call, run) }
        }
    }

    private func decompressed(
        _ result: Result<ByteBuffer, HTTPFault>,
        of call: RouteCall,
        _ run: @Sendable (RouteCall) -> Void
    ) {
        switch result {
        case .failure(let fault): call.fail(fault)
        case .success(let body):
            // Where the client has gone meanwhile, its connection gives nothing back any more.
            guard self.call === call else { return loop.state.release(2 * body.readableBytes) }
            reservedBytes += 2 * body.readableBytes
            call.request.body = body
            run(call)
        }
    }

    // MARK: A reply goes

    /// Answers a request whose body has not come, and ends the connection.
    private func refuse(_ fault: HTTPFault) {
        self.fault = fault
        closes = true
        phase = .answering
        send(HTTPReply(fault))
    }

    private func send(_ reply: HTTPReply) {
        guard let context, case .answering = phase else { return }
        phase = .sending
        movedMs = Clock.nowMs()
        call = nil
        var reply = reply
        release()
        if reply.body.readableBytes > HTTPLimits.smallReplyBytesMax, !reserve(reply.body.readableBytes) {
            reply = HTTPReply(RequestCheck.full)
        }
        closes = closes || loop.state.isDraining
        let head = reply.head(closes: closes)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead, reply.body.readableBytes > 0 {
            loop.statistics.bytesOut.add(Int64(reply.body.readableBytes))
            context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
        }
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.whenComplete { _ in self.wasTaken() }
        // The end lets the next request in: behind a reply that fills the channel, once that is taken.
        if context.channel.isWritable {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: taken)
        } else {
            let room = context.eventLoop.makePromise(of: Void.self)
            room.futureResult.whenComplete { _ in
                guard let context = self.context else { return taken.succeed() }
                context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: taken)
            }
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: room)
        }
    }

    /// The client has taken the reply, or is gone.
    private func wasTaken() {
        guard case .sending = phase, let context else { return }
        release()
        movedMs = Clock.nowMs()
        guard closes else {
            phase = .idle
            return
        }
        // The client may still be sending. Were the socket closed with bytes unread, the kernel would reset the connection, and
        // the client might lose the reply.
        phase = .lingering(untilMs: movedMs + loop.limits.lingerMs)
        context.close(mode: .output, promise: nil)
    }

    private func reserve(_ bytes: Int) -> Bool {
        guard loop.state.reserve(bytes) else { return false }
        reservedBytes += bytes
        return true
    }

    private func release() {
        loop.state.release(reservedBytes)
        reservedBytes = 0
    }

    /// Users were removed, or may do less: what is done for one of them is given up. A request that comes is looked at when
    /// it has come.
    func usersWent() {
        guard let caller, loop.engine.access.renewed(caller) == nil else { return }
        switch phase {
        case .idle, .reading, .lingering: return
        case .answering:
            call?.abandon()
            // What becomes of a write nobody can say now: no reply, as where a connection is lost.
            if call?.isWriting == true {
                context?.close(promise: nil)
            } else {
                refuse(RequestCheck.unauthorized(line: AccessControl.wrong))
            }
        case .sending: context?.close(promise: nil)
        }
    }

    // MARK: Other events

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        switch phase {
        case .idle, .reading, .lingering: context.close(promise: nil)
        case .answering, .sending: closes = true
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let parserError = error as? HTTPParserError else {
            loop.logger.debug("HTTP connection failed", metadata: ["error": "\(error)"])
            return context.close(promise: nil)
        }
        loop.statistics.protocolErrors.add()
        switch phase {
        case .idle, .reading:
            let isTooLong = parserError == .headerOverflow
            refuse(
                HTTPFault(
                    isTooLong ? .requestHeaderFieldsTooLarge : .badRequest,
                    isTooLong
                        ? "the request's head has more than \(loop.limits.headBytesMax) bytes or \(loop.limits.headersMax) headers"
                        : "this is no request of HTTP/1.1: \(parserError)"
                )
            )
        case .answering, .sending, .lingering: closes = true
        }
    }

    func timePassed(_ nowMs: Int64) {
        guard let context else { return }
        switch phase {
        case .idle: if nowMs - movedMs >= loop.limits.idleTimeoutMs { context.close(promise: nil) }
        case .reading:
            let isStill = nowMs - movedMs >= loop.limits.stillTimeoutMs
            guard isStill || nowMs - startedMs >= loop.limits.requestTimeoutMs else { return }
            refuse(
                HTTPFault(
                    .requestTimeout,
                    isStill
                        ? "nothing of the body came for \(loop.limits.stillTimeoutMs / 1_000) s"
                        : "the body did not come within \(loop.limits.requestTimeoutMs / 1_000) s"
                )
            )
        case .answering: return
        case .sending:
            let unsent = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
            if unsent != unsentBytes { movedMs = nowMs }
            unsentBytes = unsent
            if nowMs - movedMs >= loop.limits.unsentTimeoutMs { context.close(promise: nil) }
        case .lingering(let untilMs): if nowMs >= untilMs { context.close(promise: nil) }
        }
    }

    /// The server stops.
    func stop() {
        switch phase {
        case .idle, .reading: context?.close(promise: nil)
        case .answering, .sending, .lingering: closes = true
        }
    }

    func close() { context?.close(promise: nil) }
}
