import Commands
import Dispatch
import NIOCore
import Synchronization
import Wire

extension Engine {
    /// Runs a command as a connection does, and waits for a reply that comes later.
    ///
    /// - Parameters:
    ///   - isTogether: as within EXEC.
    ///   - meanwhile: called where the reply comes later, when it is there and before it is taken.
    /// - Returns: the reply's bytes, and whether it came at once; `nil` = none within 60 s.
    func ask(
        _ command: Command,
        _ words: [[UInt8]],
        _ version: ProtocolVersion = .resp3,
        isTogether: Bool = false,
        meanwhile: () -> Void = {}
    ) -> (bytes: [UInt8], isPrompt: Bool)? {
        let client = ClientState(id: 1, isAuthenticated: true)
        client.version = version
        var context = CommandContext(reply: ReplyWriter(version: version), client: client, engine: self)
        context.isTogether = isTogether
        switch command.run(&context, words: words) {
        case .replied, .closed, .transaction: return (Array(context.reply.buffer.readableBytesView), true)
        case .deferred(let deferred):
            let later = Mutex<DeferredReply.Body?>(nil)
            let hasCome = DispatchSemaphore(value: 0)
            deferred.start { body in
                later.withLock { $0 = body }
                hasCome.signal()
            }
            guard hasCome.wait(timeout: .now() + 60) == .success else { return nil }
            meanwhile()
            var writer = ReplyWriter(version: version)
            later.withLock { $0 }?(&writer)
            return (Array(writer.buffer.readableBytesView), false)
        }
    }
}
