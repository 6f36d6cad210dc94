import Access
import Commands
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import RESPServer

/// Large replies on their way into the socket.
@Suite struct SlicedReplyTests {
    private static let sliceBytes = 1_000

    /// A connection whose channel keeps what it is given to write, and whose time the test moves.
    private struct Wire {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel

        init() throws {
            let engine = ProbeCommands.engine()
            var limits = ConnectionLimits()
            limits.outputSliceBytes = SlicedReplyTests.sliceBytes
            let connections = LoopConnections(
                eventLoop: loop,
                engine: engine,
                limits: limits,
                connectionCount: ConnectionCount(max: 1),
                requestMemory: RequestMemory(bytesMax: .max),
                replyMemory: ReplyMemory(bytesMax: .max),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            )
            let client = ClientState(id: 7, isAuthenticated: engine.access.isOpen)
            channel = EmbeddedChannel(handler: ConnectionHandler(client: client, loop: connections), loop: loop)
            try channel.connect(to: SocketAddress(unixDomainSocketPath: "/wire")).wait()
        }

        func send(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

        /// What was written since the last look, write by write.
        func written() throws -> [String] {
            var all: [String] = []
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) { all.append(String(buffer: bytes)) }
            return all
        }

        /// Lets others have their turn, so often.
        func turn(_ count: Int = 1) {
            for _ in 0..<count { loop.advanceTime(by: .microseconds(50)) }
        }
    }

    private static func echo(_ text: String) -> String { "*2\r\n$4\r\nECHO\r\n$\(text.utf8.count)\r\n\(text)\r\n" }

    @Test func `a large reply goes out in slices, between which others have their turn`() throws {
        let wire = try Wire()
        let text = String((0..<2_600).map { Character(UnicodeScalar(UInt8(97 + $0 % 26))) })
        try wire.send(Self.echo(text))
        var written = try wire.written()
        #expect(written.map(\.utf8.count) == [Self.sliceBytes])
        // Another request of the client does not push the rest along by more than a slice, and its reply comes behind it.
        try wire.send(Self.echo("x"))
        written += try wire.written()
        #expect(written.map(\.utf8.count) == [Self.sliceBytes, Self.sliceBytes])
        wire.turn(3)
        written += try wire.written()
        #expect(written.allSatisfy { $0.utf8.count <= Self.sliceBytes })
        #expect(written.joined() == "$2600\r\n\(text)\r\n$1\r\nx\r\n")
        wire.turn(3)
        #expect(try wire.written() == [])
    }

    @Test func `a client that takes nothing keeps the rest here, and what ends the connection comes behind it`() throws
    {
        let wire = try Wire()
        let text = String(repeating: "a", count: 5_000)
        wire.channel.isWritable = false
        wire.channel.pipeline.fireChannelWritabilityChanged()
        try wire.send(Self.echo(text))
        var written = try wire.written()
        wire.turn(5)
        written += try wire.written()
        #expect(written.joined().utf8.count <= Self.sliceBytes)
        wire.channel.isWritable = true
        wire.channel.pipeline.fireChannelWritabilityChanged()
        wire.turn(1)
        try wire.send("*1\r\n$4\r\nQUIT\r\n")
        wire.turn(10)
        written += try wire.written()
        #expect(written.joined() == "$5000\r\n\(text)\r\n+OK\r\n")
    }
}
