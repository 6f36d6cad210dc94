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
        // They were queued before the store was exchanged or emptied.
        if context.engine.hooks.isLoading(),
            transaction.commands.contains(where: { !table.flags($0.command).contains(.loading) })
        {
            context.reply.error("EXECABORT Transaction discarded: \(CommandFault.stillLoading)")
            endReply(mark)
            return
        }
        var writes: [any QueuedWrite] = []
        var firstFault: String?
        context.writeAllowance = WriteAllowance()
        defer { context.writeAllowance = nil }
        for queued in transaction.commands where table.flags(queued.command).contains(.write) {
            let (write, fault) = prepare(queued, in: transaction, mark)
            if let write { writes.append(write) }
            if let fault, firstFault == nil {
                firstFault = fault
                context.writeAllowance?.giveUp()
            }
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
        committingBytes = transaction.byteCount
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
    ///
    /// The reads of what is in memory are of one position. They run without a lock, and again if something was applied
    /// meanwhile; only where that goes on, or they cannot run twice, they hold up those who commit, for as long as the bounds
    /// of ``TransactionReplies`` and ``ConnectionLimits/transactionReadsNs`` let them take.
    mutating func run(
        _ transaction: Transaction,
        _ replies: [DeferredReply.Body],
        isMuted: Bool,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        context.reply.begin()
        let mark = context.reply.buffer.writerIndex
        let hooks = context.engine.hooks
        var attempt = TransactionAttempt()
        var isDone = false
        if transaction.commands.allSatisfy({ !table.flags($0.command).isDisjoint(with: [.readonly, .write]) }) {
            let startNs = Clock.nowNs()
            for _ in 0..<Self.attemptsMax where !isDone && Clock.nowNs() - startNs < limits.turnNs {
                guard let count = hooks.changeCount() else { continue }
                attempt = runAll(transaction, replies, isMuted: isMuted)
                isDone = hooks.changeCount() == count
                if !isDone { context.reply.buffer.moveWriterIndex(to: mark) }
            }
        }
        if !isDone {
            hooks.readTogether { attempt = runAll(transaction, replies, isMuted: isMuted) }
        }
        transactionReplies = attempt.replies
        leavePlaces(attempt, isMuted: isMuted, nowNs, &actions)
    }

    /// Each takes less than ``ConnectionLimits/turnNs``, or is the last one.
    private static let attemptsMax = 100

    private static let lateRefusal = "FSLIMIT the reads of EXEC take too long together; queue fewer"

    private mutating func runAll(
        _ transaction: Transaction,
        _ replies: [DeferredReply.Body],
        isMuted: Bool
    ) -> TransactionAttempt {
        var attempt = TransactionAttempt()
        var nextWrite = 0
        let startNs = Clock.nowNs()
        var isLate = false
        context.isTogether = true
        defer { context.isTogether = false }
        if !isMuted { context.reply.array(transaction.commands.count) }
        for queued in transaction.commands {
            if table.flags(queued.command).contains(.write) {
                // What is committed is told, whatever the reads before it took.
                context.reply.begin()
                if !isMuted, nextWrite < replies.count { replies[nextWrite](&context.reply) }
                attempt.replies.take(context.reply.used)
                nextWrite += 1
                continue
            }
            context.reply.begin(attempt.replies.readLimits)
            let mark = context.reply.buffer.writerIndex
            if isLate {
                context.reply.error(Self.lateRefusal)
                attempt.replies.takeRead(context.reply.used)
                if isMuted { context.reply.buffer.moveWriterIndex(to: mark) }
                continue
            }
            switch table.run(queued.command, &context, transaction.arguments(queued)) {
            case .deferred(let reply): attempt.deferred.append((mark, reply))
            case .replied, .closed, .transaction:
                attempt.replies.takeRead(context.reply.used)
                if isMuted { context.reply.buffer.moveWriterIndex(to: mark) }
            }
            isLate = Clock.nowNs() - startNs >= limits.transactionReadsNs
        }
        return attempt
    }

    /// Leaves a place for each reply that comes later; what was written behind it stands there.
    private mutating func leavePlaces(
        _ attempt: TransactionAttempt,
        isMuted: Bool,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        guard let first = attempt.deferred.first else { return }
        defer { if let next = pending.takeUnstarted() { start(next, &actions) } }
        let written = context.reply.buffer
        let start = written.readerIndex
        context.reply.buffer = written.getSlice(at: start, length: first.mark - start) ?? ByteBuffer()
        for (index, (mark, reply)) in attempt.deferred.enumerated() {
            leavePlace(
                for: reply,
                CommandMeasure(startedNs: nowNs),
                requestBytes: 0,
                isQueued: true,
                isMuted: isMuted,
                &actions
            )
            let end =
                index + 1 < attempt.deferred.count ? attempt.deferred[index + 1].mark : written.writerIndex
            if let bytes = written.getSlice(at: mark, length: end - mark) {
                context.reply.buffer.writeImmutableBuffer(bytes)
            }
        }
    }
}

/// What a run of a transaction's commands came to, besides the bytes of replies.
private struct TransactionAttempt {
    var replies = TransactionReplies()
    /// Replies that come later, and where in the buffer they belong.
    var deferred: [(mark: Int, reply: DeferredReply)] = []
}

/// What the replies of a transaction may still have together: as much as one reply. Each may have a few bytes in any case.
struct TransactionReplies {
    private var bytes = WireLimits.replyBytesMax
    private var values = WireLimits.replyValuesMax
    private var readBytes = WireLimits.transactionReadBytesMax
    private var readValues = WireLimits.transactionReadValuesMax

    /// Whether nothing but short replies has room.
    var isUsedUp: Bool { bytes <= 0 || values <= 0 }

    /// Of a reply that comes later.
    var limits: ReplyLimits { Self.limits(bytes, values) }

    /// Of a reply that is written while the transaction runs.
    var readLimits: ReplyLimits { Self.limits(min(bytes, readBytes), min(values, readValues)) }

    private static func limits(_ bytes: Int, _ values: Int) -> ReplyLimits {
        ReplyLimits(
            bytesMax: max(bytes, WireLimits.shortReplyBytes),
            valuesMax: max(values, WireLimits.shortReplyValues),
            isOfTransaction: true
        )
    }

    mutating func take(_ used: (bytes: Int, values: Int)) {
        bytes -= used.bytes
        values -= used.values
    }

    mutating func takeRead(_ used: (bytes: Int, values: Int)) {
        take(used)
        readBytes -= used.bytes
        readValues -= used.values
    }
}
