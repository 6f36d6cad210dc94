import NIOCore
import NIOTLS

/// Tells a client that there are too many, and closes.
///
/// What the client has sent already is read and dropped, lest the kernel reset the connection before the client has read.
final class RefusingHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let lingerMs: Int64
    /// Then it is told when the handshake is over.
    private let isEncrypted: Bool
    private let count: ConnectionCount

    /// - Parameter count: has a place for it, which is given back.
    init(lingerMs: Int64, isEncrypted: Bool, count: ConnectionCount) {
        self.lingerMs = lingerMs
        self.isEncrypted = isEncrypted
        self.count = count
    }

    func channelActive(context: ChannelHandlerContext) {
        if !isEncrypted { refuse(context) }
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .milliseconds(lingerMs)) { channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard isEncrypted, case .handshakeCompleted? = event as? TLSUserEvent else { return }
        refuse(context)
    }

    private func refuse(_ context: ChannelHandlerContext) {
        let refusal = ByteBuffer(string: "-ERR max number of clients reached\r\n")
        context.writeAndFlush(wrapOutboundOut(refusal), promise: nil)
        context.close(mode: isEncrypted ? .all : .output, promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) { count.leaveRefused() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
