import Synchronization
package import Wire

/// What a handler works with.
package struct CommandContext {
    /// Takes the reply.
    package var reply: ReplyWriter
    /// The connection that asked; used on its event loop only.
    package let client: ClientState
    /// What all connections share.
    package let engine: Engine
    /// Whether the command stands in a transaction, whose reads of what is in memory are of one position: then it answers
    /// from memory at once or not at all.
    package var isTogether = false
    /// What is to be done once the replies of a transaction's reads are those that are sent: reads may run several times.
    package var effects: [@Sendable () -> Void] = []
    /// What the writes of a transaction may still have, while EXEC prepares them.
    package var writeAllowance: WriteAllowance?

    package init(reply: ReplyWriter, client: ClientState, engine: Engine) {
        self.reply = reply
        self.client = client
        self.engine = engine
    }

    /// Answers with a fault.
    package mutating func fail(_ fault: CommandFault) { reply.fault(engine.hooks.told(fault)) }

    /// Changes the version of RESP, from this reply on.
    package mutating func speak(_ version: ProtocolVersion) {
        reply.version = version
        client.version = version
        client.record.details.withLock { $0.version = version.rawValue }
    }
}
