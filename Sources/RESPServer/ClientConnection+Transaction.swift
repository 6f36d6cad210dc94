import Access
import Commands
import Metrics
import NIOCore
import Wire

/// EXEC: its writes are prepared and committed together, then its other commands run; all replies stand in one array.
extension ClientConnection {
    /// - Parameter mark: where EXEC's reply begins.
    mutating func beginTransaction(
        _ measure: CommandMeasure,
        _ mark: Int,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        guard let transaction = context.client.transaction else { return }
        context.endTransaction()
        transactionRun = TransactionRun(transaction, isMuted: endReply(mark), measure)
        goOn(nowNs, &actions)
    }

    /// Takes the transaction one step further: to the end of this turn, to its commit, or to its reply.
    mutating func goOn(_ nowNs: Int64, _ actions: inout Actions) {
        // Nobody else has it meanwhile, so that its arrays grow in place.
        guard var run = transactionRun else { return }
        transactionRun = nil
        if case .preparing = run.stage {
            // They were queued before the store was exchanged or emptied. Asked once, since the answer costs more than a look
            // at a command.
            let isLoading = context.engine.hooks.isLoading()
            guard !isLoading || run.transaction.commands.allSatisfy({ table.flags($0.command).contains(.loading) })
            else {
                giveUp(run)
                let fault = CommandFault.stillLoading(
                    context.engine.hooks.loadingReason { [client = context.client] in client.mayRead(.view, $0) }
                )
                return finish(run) { $0.error("EXECABORT Transaction discarded: \(fault)") }
            }
            prepareWrites(&run)
        }
        // Those behind one that cannot be done are looked at, too: their numbers count as failed.
        if case .preparing = run.stage, run.next < run.transaction.commands.count { return pause(run, &actions) }
        switch run.stage {
        case .committing: transactionRun = run
        case .reading: read(run, nowNs, &actions)
        case .preparing:
            if let fault = run.fault {
                giveUp(run)
                finish(run) { $0.error(fault) }
            } else if run.writes.isEmpty {
                run.stage = .reading
                read(run, nowNs, &actions)
            } else {
                run.stage = .committing
                let id = leavePlace(&run)
                actions.commit = (id, run.writes)
                run.writes = []
                transactionRun = run
                committingBytes = run.byteCount
            }
        }
    }

    /// Lets other connections have their turn; ``turnCame(nowNs:)`` goes on.
    private mutating func pause(_ paused: TransactionRun, _ actions: inout Actions) {
        var run = paused
        _ = leavePlace(&run)
        committingBytes = run.byteCount
        transactionRun = run
        isPaused = true
        actions.pauses = true
    }

    private mutating func leavePlace(_ run: inout TransactionRun) -> Int64 {
        if let id = run.id { return id }
        let pending = PendingReplies.Pending(
            isWrite: false,
            isMuted: run.isMuted,
            command: run.measure,
            requestBytes: 0
        )
        let id = leavePlace(pending)
        run.id = id
        return id
    }

    /// Ends a transaction by one reply, in its place where it has one.
    private mutating func finish(_ run: TransactionRun, _ body: @escaping DeferredReply.Body) {
        committingBytes = 0
        let nowNs = Clock.nowNs()
        if let id = run.id {
            if let measure = pending.finish(id, nowNs: nowNs, body) { logIfSlow(measure, nowNs) }
        } else {
            count(run.measure, endedNs: nowNs, .failed)
            if !run.isMuted { body(&context.reply) }
        }
    }

    /// Nothing of a transaction is committed: the numbers of its writes failed, also of those that were not looked at.
    private func giveUp(_ run: TransactionRun) {
        context.engine.hooks.abandon(run.writes, context.client.id)
        context.engine.giveUp(
            run.transaction,
            from: run.next,
            of: context.client.caller,
            client: context.client.id
        )
    }

    /// Ends a transaction of which nothing is committed, where its memory has no room.
    mutating func giveUpTransaction() {
        guard let run = transactionRun, case .preparing = run.stage else { return }
        transactionRun = nil
        giveUp(run)
        finish(run) {
            $0.error("EXECABORT Transaction discarded: requests of all clients together are too large; try again later")
        }
    }

    // MARK: Writes

    /// Prepares writes for about ``ConnectionLimits/turnNs``.
    private mutating func prepareWrites(_ run: inout TransactionRun) {
        let startNs = Clock.nowNs()
        context.writeAllowance = run.allowance
        defer {
            run.allowance = context.writeAllowance ?? run.allowance
            context.writeAllowance = nil
        }
        context.reply.begin()
        let mark = context.reply.buffer.writerIndex
        let commands = run.transaction.commands
        while run.next < commands.count {
            let queued = commands[run.next]
            run.next += 1
            guard table.flags(queued.command).contains(.write) else { continue }
            let (write, fault) = prepare(queued, in: run.transaction, mark)
            if let write { run.writes.append(write) }
            if let fault, run.fault == nil {
                run.fault = fault
                context.writeAllowance?.giveUp()
            }
            if Clock.nowNs() - startNs >= limits.turnNs { return }
        }
    }

    /// - Returns: with the write, or instead of it, EXEC's error: one write that cannot be done undoes all.
    private mutating func prepare(
        _ queued: Transaction.Queued,
        in transaction: Transaction,
        _ mark: Int
    ) -> (write: (any QueuedWrite)?, fault: String?) {
        let command = table[queued.command]
        guard let prepare = command.prepare, context.engine.hooks.commitTogether != nil else {
            let fault = "EXECABORT Transaction discarded: \(command.name) cannot be part of one here"
            return (command.unread?(transaction.arguments(queued)), fault)
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

    // MARK: Reads

    /// Runs what is not a write, and writes EXEC's reply, with the writes' replies where these stand.
    private mutating func read(_ run: TransactionRun, _ nowNs: Int64, _ actions: inout Actions) {
        let hasPlace = run.id != nil
        // What stands before the place; what stands behind it, why the connection ends, lies apart meanwhile.
        if hasPlace { swap(&context.reply.buffer, &output) }
        context.reply.begin()
        let mark = context.reply.buffer.writerIndex
        var run = run
        guard let attempt = readAtOnePosition(&run) else {
            context.reply.buffer.moveWriterIndex(to: mark)
            if hasPlace { swap(&context.reply.buffer, &output) }
            actions.waitMs = run.waitMs
            return pause(run, &actions)
        }
        transactionReplies = attempt.replies
        for effect in context.effects { effect() }
        context.effects = []
        committingBytes = 0
        let endedNs = Clock.nowNs()
        count(run.measure, endedNs: endedNs, .done)
        guard let id = run.id else { return leavePlaces(attempt, isMuted: run.isMuted, nowNs, &actions) }
        if let measure = pending.finish(id, nowNs: endedNs, { _ in }) { logIfSlow(measure, endedNs) }
        _ = pending.popReady()
        var behind = ByteBuffer()
        swap(&behind, &output)
        leavePlaces(attempt, isMuted: run.isMuted, nowNs, &actions)
        if behind.readableBytes > 0 { context.reply.buffer.writeImmutableBuffer(behind) }
    }

    /// Each takes less than ``ConnectionLimits/turnNs``, or is the last one.
    private static let attemptsMax = 100

    private static let lateRefusal = "FSLIMIT the reads of EXEC take too long together; queue fewer"
    private static let waitRefusal = """
        FSTIMEOUT a commit of many rows is being applied, for longer than EXEC waits, and memory shows no whole position until it \
        is: ask again
        """

    /// The reads of what is in memory are of one position. They run without a lock, and again if something was applied
    /// meanwhile; only where that goes on, or they cannot run twice, they hold up those who commit, for as long as the bounds
    /// of ``TransactionReplies`` and ``ConnectionLimits/transactionReadsNs`` let them take, which is also what all attempts
    /// of one turn may take together.
    ///
    /// A large commit that is being applied is waited for, ``ConnectionLimits/transactionWaitNs`` at most; then the reads are
    /// refused.
    ///
    /// - Returns: `nil` where the attempts were disturbed and took so long that others are to have their turn before the
    ///   next one, which is to hold up those who commit; or where that one is to wait.
    private mutating func readAtOnePosition(_ run: inout TransactionRun) -> TransactionAttempt? {
        let hooks = context.engine.hooks
        let startNs = Clock.nowNs()
        let mark = context.reply.buffer.writerIndex
        // What was committed is told, whatever is being applied.
        if run.waitsUntilNs == nil, !run.transaction.commands.contains(where: { reads($0) }) {
            return runAll(run, since: startNs)
        }
        let isRepeatable =
            !run.isDisturbed && run.waitsUntilNs == nil
            && run.transaction.commands.allSatisfy { !table.flags($0.command).isDisjoint(with: [.readonly, .write]) }
        for _ in 0..<(isRepeatable ? Self.attemptsMax : 0) {
            guard let count = hooks.changeCount() else { continue }
            let attempt = runAll(run, since: startNs)
            if hooks.changeCount() == count { return attempt }
            context.reply.buffer.moveWriterIndex(to: mark)
            if Clock.nowNs() - startNs >= limits.turnNs {
                run.isDisturbed = true
                return nil
            }
        }
        var attempt = TransactionAttempt()
        if hooks.readTogether({ attempt = runAll(run, since: startNs) }) { return attempt }
        let endNs = run.waitsUntilNs ?? startNs + limits.transactionWaitNs
        if startNs >= endNs || hooks.isHalted() { return runAll(run, since: startNs, refusal: Self.waitRefusal) }
        run.waitsUntilNs = endNs
        run.waitMs = min(2 * run.waitMs + 1, Self.waitMsMax)
        return nil
    }

    /// Whether a command reads what is in memory; PING does not.
    private func reads(_ queued: Transaction.Queued) -> Bool {
        table.flags(queued.command).contains(.readonly)
    }

    /// Between two looks at whether a large commit is applied.
    private static let waitMsMax: Int64 = 20

    /// - Parameter refusal: of what reads the store.
    private mutating func runAll(
        _ run: TransactionRun,
        since startNs: Int64,
        refusal: String? = nil
    ) -> TransactionAttempt {
        let (transaction, replies, isMuted) = (run.transaction, run.replies, run.isMuted)
        var attempt = TransactionAttempt()
        context.effects = []
        var nextWrite = 0
        var isLate = false
        let isLoading = context.engine.hooks.isLoading()
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
            let flags = table.flags(queued.command)
            let refused: String? =
                if isLate {
                    Self.lateRefusal
                } else if isLoading && !flags.contains(.loading) {
                    "\(CommandFault.stillLoading)"
                } else if flags.contains(.readonly) {
                    refusal
                } else { nil }
            if let refused {
                context.reply.error(refused)
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
