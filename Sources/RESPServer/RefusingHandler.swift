import NIOCore

/// Tells a client that there are too many, and closes.
///
/// What the client has sent already is read and dropped, lest the kernel reset the connection before the client has read.
final class RefusingHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let lingerMs: Int64

    init(lingerMs: Int64) { self.lingerMs = lingerMs }

    func channelActive(context: ChannelHandlerContext) {
        let refusal = ByteBuffer(string: "-ERR max number of clients reached\r\n")
        context.writeAndFlush(wrapOutboundOut(refusal), promise: nil)
        context.close(mode: .output, promise: nil)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .milliseconds(lingerMs)) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
