import Commands
import NIOCore
import Wire

/// EXEC: its writes are prepared and committed together, then its other commands run; all replies stand in one array.
extension Connection {
    /// - Parameter mark: where EXEC's reply begins.
    mutating func beginTransaction(
        _ measure: CommandMeasure,
        _ mark: Int,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        guard let transaction = context.client.transaction else { return }
        context.endTransaction()
        var writes: [any QueuedWrite] = []
        var firstFault: String?
        for queued in transaction.commands where table.flags(queued.command).contains(.write) {
            let (write, fault) = prepare(queued, in: transaction, mark)
            if let write { writes.append(write) }
            firstFault = firstFault ?? fault
        }
        if let firstFault {
            context.engine.hooks.abandon(writes, context.client.id)
            context.reply.error(firstFault)
            endReply(mark)
            return
        }
        let isMuted = endReply(mark)
        guard !writes.isEmpty else {
            run(transaction, [], isMuted: isMuted, nowNs, &actions)
            return
        }
        let id = leavePlace(
            PendingReplies.Pending(
                isWrite: false,
                isMuted: isMuted,
                transaction: transaction,
                command: measure,
                requestBytes: 0
            )
        )
        actions.commit = (id, writes)
    }

    /// - Returns: with the write, or instead of it, EXEC's error: one write that cannot be done undoes all.
    private mutating func prepare(
        _ queued: Transaction.Queued,
        in transaction: Transaction,
        _ mark: Int
    ) -> (write: (any QueuedWrite)?, fault: String?) {
        let command = table[queued.command]
        guard let prepare = command.prepare, context.engine.hooks.commitTogether != nil else {
            return (nil, "EXECABORT Transaction discarded: \(command.name) cannot be part of one here")
        }
        if let write = prepare(&context, transaction.arguments(queued)) {
            return (write, write.refusal.map { "EXECABORT Transaction discarded: \(command.name): \($0)" })
        }
        let reply = context.reply.buffer
        let text = reply.getString(at: mark, length: reply.writerIndex - mark) ?? ""
        context.reply.buffer.moveWriterIndex(to: mark)
        let reason = text.drop { $0 == "-" }.prefix { !$0.isNewline }
        return (nil, "EXECABORT Transaction discarded: \(command.name): \(reason)")
    }

    /// Runs what is not a write, and writes EXEC's reply, with `replies` where writes stand.
    mutating func run(
        _ transaction: Transaction,
        _ replies: [DeferredReply.Body],
        isMuted: Bool,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        if !isMuted { context.reply.array(transaction.commands.count) }
        var nextReply = 0
        context.engine.hooks.readTogether {
            for queued in transaction.commands {
                if !table.flags(queued.command).contains(.write) {
                    runQueued(queued, in: transaction, isMuted: isMuted, nowNs, &actions)
                } else {
                    if !isMuted, nextReply < replies.count { replies[nextReply](&context.reply) }
                    nextReply += 1
                }
            }
        }
    }

    private mutating func runQueued(
        _ queued: Transaction.Queued,
        in transaction: Transaction,
        isMuted: Bool,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        let mark = context.reply.buffer.writerIndex
        switch table.run(queued.command, &context, transaction.arguments(queued)) {
        case .deferred(let reply):
            let measure = CommandMeasure(startedNs: nowNs)
            leavePlace(for: reply, measure, requestBytes: 0, isMuted: isMuted, &actions)
        case .replied, .closed, .transaction:
            if isMuted { context.reply.buffer.moveWriterIndex(to: mark) }
        }
    }
}
