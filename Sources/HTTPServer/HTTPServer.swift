package import Certificates
package import Commands
import Glibc
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server of HTTP beside that of RESP, with event loops of its own: what it does never holds up clients of RESP.
package final class HTTPServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let pool: NIOThreadPool
    private let loops: [HTTPLoop]
    private let listener: any Channel
    let state: HTTPState
    package let host: String
    /// That was bound.
    package let port: Int

    /// Binds and serves.
    ///
    /// - Parameters:
    ///   - host: an address or name of this machine.
    ///   - port: 0 = any free one.
    ///   - isLocal: whether only this machine reaches it: then a request's Host must be a name of this machine, lest a page
    ///     from elsewhere reads what only this machine may.
    ///   - tls: `nil` = connections are in clear text.
    ///   - threads: event loops.
    /// - Throws: ``HTTPServerError``.
    package static func start(
        host: String,
        port: Int,
        isLocal: Bool = true,
        tls: ServerCertificates? = nil,
        threads: Int = 1,
        limits: HTTPLimits = HTTPLimits(),
        engine: Engine,
        logger: Logger
    ) throws(HTTPServerError) -> HTTPServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        do {
            return try HTTPServer(host, port, isLocal, tls, limits, engine, logger, group, pool)
        } catch {
            try? group.syncShutdownGracefully()
            try? pool.syncShutdownGracefully()
            throw HTTPServerError(host: host, port: port, error)
        }
    }

    private init(
        _ host: String,
        _ port: Int,
        _ isLocal: Bool,
        _ tls: ServerCertificates?,
        _ limits: HTTPLimits,
        _ engine: Engine,
        _ logger: Logger,
        _ group: MultiThreadedEventLoopGroup,
        _ pool: NIOThreadPool
    ) throws {
        self.group = group
        self.pool = pool
        self.host = host
        let state = HTTPState(limits, host: isLocal ? host : nil)
        self.state = state
        var byLoop: [ObjectIdentifier: HTTPLoop] = [:]
        for eventLoop in group.makeIterator() {
            byLoop[ObjectIdentifier(eventLoop)] = HTTPLoop(eventLoop, engine, limits, state, pool, logger)
        }
        loops = Array(byLoop.values)
        let loopOf = byLoop
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                // Too many: no reply, since none of them has asked anything yet.
                guard let loop = loopOf[ObjectIdentifier(channel.eventLoop)], state.enter() else {
                    return channel.close()
                }
                return channel.eventLoop.makeCompletedFuture {
                    try Self.configure(channel.pipeline.syncOperations, loop, tls)
                }
            }
        listener = try bootstrap.bind(host: host, port: port).wait()
        self.port = listener.localAddress?.port ?? port
        engine.httpPort.store(self.port, ordering: .relaxed)
        for loop in loops { loop.start() }
    }

    /// `HOST:PORT`, as it is reached.
    package var address: String { HTTPServerError.address(host, port) }

    private static func configure(
        _ pipeline: ChannelPipeline.SynchronousOperations,
        _ loop: HTTPLoop,
        _ tls: ServerCertificates?
    ) throws {
        if let tls {
            try pipeline.addHandler(tls.handler(preservedBytesMax: HTTPLimits.smallReplyBytesMax, asksClients: false))
        }
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = loop.limits.headBytesMax
        decoding.maxHeaderListSize = loop.limits.headBytesMax
        decoding.maxHeaderFieldCount = loop.limits.headersMax
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: decoding)
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(ByteToMessageHandler(decoder))
        try pipeline.addHandler(HTTPServerPipelineHandler())
        try pipeline.addHandler(NIOHTTPResponseHeadersValidator())
        try pipeline.addHandler(HTTPConnection(loop))
    }

    /// /readyz says `draining` from here on, and connections end after their next reply.
    package func drain() { state.drain() }

    /// No new connections; what is being answered is, for at most some seconds. Blocks the calling thread.
    /// - Returns: whether all connections ended by themselves.
    @discardableResult
    package func stop(seconds: Int) -> Bool {
        drain()
        try? listener.close().wait()
        onEachLoop { $0.stopAll() }
        let deadline = Clock.nowMs() + Int64(seconds) * 1_000
        while state.connectionCount > 0, Clock.nowMs() < deadline { usleep(10_000) }
        let isDone = state.connectionCount == 0
        onEachLoop { $0.closeAll() }
        for loop in loops { loop.end() }
        try? group.syncShutdownGracefully()
        try? pool.syncShutdownGracefully()
        return isDone
    }

    private func onEachLoop(_ body: @escaping @Sendable (HTTPLoop) -> Void) {
        let done = loops.map { loop in loop.submit { body(loop) } }
        for future in done { try? future.wait() }
    }
}

/// Why a server does not start.
package struct HTTPServerError: Error, CustomStringConvertible, Sendable {
    package let description: String
    /// Somebody else listens there.
    package let isTaken: Bool

    init(host: String, port: Int, _ error: any Error) {
        let address = Self.address(host, port)
        guard let failure = error as? IOError else {
            isTaken = false
            description = "cannot serve HTTP at \(address): \(error)"
            return
        }
        isTaken = failure.errnoCode == EADDRINUSE
        let reason = String(cString: strerror(failure.errnoCode))
        description =
            "cannot serve HTTP at \(address): \(reason): choose another place by --http HOST:PORT, or none by --http none"
    }

    fileprivate static func address(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
