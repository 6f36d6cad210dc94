import Certificates
package import Commands
import Foundation
import Glibc
package import Logging
import Metrics
import NIOCore
import NIOPosix
import Synchronization
import Wire

/// A server that listens: its event loops and their connections.
package final class FeatureServer: Sendable {
    private let configuration: ServerConfiguration
    private let group: MultiThreadedEventLoopGroup
    private let loops: [LoopConnections]
    private let listener: any Channel
    private let connectionCount: ConnectionCount
    private let socketFile: SocketFile?
    private let logger: Logger
    /// Where it listens, with the port that was chosen.
    package let address: ListenAddress

    /// Binds and serves.
    /// - Throws: ``ServerError``.
    package static func start(
        _ configuration: ServerConfiguration,
        engine: Engine,
        logger: Logger
    ) throws(ServerError) -> FeatureServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.threads)
        do {
            return try FeatureServer(configuration, engine, logger, group)
        } catch {
            try? group.syncShutdownGracefully()
            throw ServerError(listeningAt: configuration.address, error)
        }
    }

    private init(
        _ configuration: ServerConfiguration,
        _ engine: Engine,
        _ logger: Logger,
        _ group: MultiThreadedEventLoopGroup
    ) throws {
        self.configuration = configuration
        self.group = group
        self.logger = logger
        let certificates = configuration.tls
        let count = ConnectionCount(max: configuration.limits.connectionsMax)
        connectionCount = count
        let requestMemory = RequestMemory(bytesMax: configuration.limits.requestMemoryBytesMax)
        let replyMemory = ReplyMemory(bytesMax: configuration.limits.replyMemoryBytesMax)
        var byLoop: [ObjectIdentifier: LoopConnections] = [:]
        for eventLoop in group.makeIterator() {
            byLoop[ObjectIdentifier(eventLoop)] = LoopConnections(
                eventLoop: eventLoop,
                engine: engine,
                limits: configuration.limits,
                connectionCount: count,
                requestMemory: requestMemory,
                replyMemory: replyMemory,
                logger: logger
            )
        }
        loops = Array(byLoop.values)
        let loopOf = byLoop
        let unsentMax = configuration.limits.unsentBytesMax
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: SocketFile.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .writeBufferWaterMark,
                value: ChannelOptions.Types.WriteBufferWaterMark(low: unsentMax / 2, high: unsentMax)
            )
            .childChannelInitializer { channel in
                guard let loop = loopOf[ObjectIdentifier(channel.eventLoop)] else { return channel.close() }
                return Self.initialize(channel, loop, count, certificates)
            }
        switch configuration.address {
        case .tcp(let host, let port):
            listener = try bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .bind(host: host, port: port).wait()
            socketFile = nil
            let bound = listener.localAddress?.port ?? port
            engine.port.store(bound, ordering: .relaxed)
            address = .tcp(host: host, port: bound)
        case .unix(let path):
            listener = try bootstrap.withBoundSocket(SocketFile.listen(path)).wait()
            socketFile = SocketFile(path)
            address = configuration.address
        }
        for loop in loops { loop.start() }
        warnOfExpiry()
    }

    /// Reads the files of certificates again, for connections that begin from now on; the others go on. Blocks.
    package func reloadCertificates() {
        guard let certificates = configuration.tls else { return }
        do throws(CertificateError) {
            try certificates.reload()
            logger.notice("certificates were read again")
            warnOfExpiry()
        } catch {
            logger.error("certificates stay as they were: \(error)")
        }
    }

    private func warnOfExpiry() {
        guard let end = configuration.tls?.expiresAt, end.timeIntervalSinceNow < 7 * 86_400 else { return }
        logger.warning(
            "the server's certificate ends at \(end.formatted(.iso8601)); put another one there and send SIGHUP"
        )
    }

    private static func initialize(
        _ channel: any Channel,
        _ loop: LoopConnections,
        _ count: ConnectionCount,
        _ certificates: ServerCertificates?
    ) -> EventLoopFuture<Void> {
        guard count.enter() else {
            loop.statistics.refusedConnections.add()
            return refuse(channel, loop, count, certificates)
        }
        let id = loop.engine.clients.nextID()
        let record = ClientRecord(
            id: id,
            address: channel.remoteAddress?.shown ?? "",
            localAddress: channel.localAddress?.shown ?? "",
            close: { loop.kill(id) }
        )
        let client = ClientState(record: record, isAuthenticated: false)
        client.beginAnew(loop.engine.access)
        do {
            if let certificates { try encrypt(channel, loop, certificates) }
            let handler = ConnectionHandler(client: client, loop: loop, isEncrypted: certificates != nil)
            try channel.pipeline.syncOperations.addHandler(handler)
            return channel.eventLoop.makeSucceededVoidFuture()
        } catch {
            count.leave()
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    private static func encrypt(
        _ channel: any Channel,
        _ loop: LoopConnections,
        _ certificates: ServerCertificates
    ) throws {
        // What one large reply needs must not stay with the connection.
        let handler = certificates.handler(preservedBytesMax: loop.limits.outputBatchBytes)
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Tells a client that there are too many; not where too many are being told.
    private static func refuse(
        _ channel: any Channel,
        _ loop: LoopConnections,
        _ count: ConnectionCount,
        _ certificates: ServerCertificates?
    ) -> EventLoopFuture<Void> {
        guard count.enterRefused(max: loop.limits.refusedMax) else { return channel.close() }
        do {
            if let certificates { try encrypt(channel, loop, certificates) }
            let handler = RefusingHandler(
                lingerMs: loop.limits.lingerMs,
                isEncrypted: certificates != nil,
                count: count
            )
            try channel.pipeline.syncOperations.addHandler(handler)
            return channel.eventLoop.makeSucceededVoidFuture()
        } catch {
            count.leaveRefused()
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    /// Stops: no new connections; what was received is answered, writes under way are finished; then connections close.
    ///
    /// Blocks the calling thread, for at most ``ServerConfiguration/stopSecondsMax`` seconds and a little.
    /// - Returns: whether all connections ended by themselves.
    @discardableResult
    package func stop() -> Bool {
        // Before the socket closes: then its file's number may be that of another server's file.
        socketFile?.remove()
        try? listener.close().wait()
        // What the kernel has received already gets to the event loops meanwhile.
        usleep(100_000)
        onEachLoop { $0.stopAll() }
        let deadline = Clock.nowMs() + Int64(configuration.stopSecondsMax) * 1_000
        while !connectionCount.isZero, Clock.nowMs() < deadline { usleep(10_000) }
        let isDone = connectionCount.isZero
        onEachLoop { $0.closeAll() }
        for loop in loops { loop.end() }
        try? group.syncShutdownGracefully()
        return isDone
    }

    private func onEachLoop(_ body: @escaping @Sendable (LoopConnections) -> Void) {
        let done = loops.map { loop in loop.submit { body(loop) } }
        for future in done { try? future.wait() }
    }
}
