import Synchronization
import Wire

/// MULTI, EXEC, DISCARD. What stands between them, the connection queues.
extension CommandTable {
    static let transactionCommands: [Command] = [
        Command(
            "multi",
            arity: 1,
            summary: "Begins a transaction: commands are queued until EXEC.",
            group: .transactions,
            flags: [.fast, .loading, .unqueued]
        ) { context, _ in
            if context.client.transaction != nil {
                context.reply.error("ERR MULTI calls can not be nested")
            } else {
                context.client.transaction = Transaction()
                context.client.record.queued.store(0, ordering: .relaxed)
                context.reply.simple("OK")
            }
            return .replied
        },
        Command(
            "exec",
            arity: 1,
            summary:
                "Runs what is queued: first its writes, as one PostgreSQL transaction, then its reads, which see one position.",
            group: .transactions,
            complexity: "that of the queued commands",
            flags: [.loading, .unqueued]
        ) { context, _ in
            guard let transaction = context.client.transaction else {
                context.reply.error("ERR EXEC without MULTI")
                return .replied
            }
            guard transaction.isBroken else { return .transaction }
            context.endTransaction()
            context.engine.giveUp(transaction, of: context.client.caller, client: context.client.id)
            context.reply.error("EXECABORT Transaction discarded because of previous errors.")
            return .replied
        },
        Command(
            "discard",
            arity: 1,
            summary: "Forgets what is queued.",
            group: .transactions,
            complexity: "O(N) with N queued commands",
            flags: [.fast, .loading, .unqueued]
        ) { context, _ in
            if context.client.transaction == nil {
                context.reply.error("ERR DISCARD without MULTI")
            } else {
                context.endTransaction()
                context.reply.simple("OK")
            }
            return .replied
        },
    ]
}

extension CommandContext {
    package func endTransaction() {
        client.transaction = nil
        client.record.queued.store(-1, ordering: .relaxed)
    }
}
