import Access
import Commands
import Metrics
import NIOCore
import Synchronization
import Wire

extension ClientConnection {
    /// Runs a request, or queues it.
    /// - Parameter clock: when it begins, in nanoseconds; moves to its end.
    /// - Returns: `false` where it must wait for earlier replies.
    mutating func run(
        _ arguments: borrowing Arguments,
        _ requestBytes: Int,
        _ clock: inout Int64,
        _ actions: inout Actions
    ) -> Bool {
        let resolution = table.resolve(arguments)
        var flags = Command.Flags()
        if case .command(let place) = resolution { flags = table.flags(place) }
        let isQueued = context.client.isInTransaction && !flags.contains(.unqueued)
        if !pending.isEmpty, !mayOverlap(flags, isQueued) { return false }
        context.reply.begin()
        let mark = context.reply.buffer.writerIndex
        if context.client.replies == .skipNext { context.client.replies = .skip }
        statistics.commands.add()
        if let refusal = refusal(resolution, flags, arguments, requestBytes) {
            if isQueued { context.client.transaction?.isBroken = true }
            giveUp(resolution, arguments)
            context.reply.error(refusal)
            if let place = resolution.place { statistics.byCommand.add(place, ns: 0, .refused) }
            endReply(mark)
        } else if case .command(let place) = resolution {
            if isQueued {
                queue(place, arguments)
                endReply(mark)
            } else {
                context.client.record.lastCommand.store(place, ordering: .relaxed)
                run(place, arguments, requestBytes, mark, &clock, &actions)
            }
        }
        return true
    }

    /// Whether a command may start while replies are pending.
    private func mayOverlap(_ flags: Command.Flags, _ isQueued: Bool) -> Bool {
        flags.contains(.write) && !isQueued && pending.areWrites && pending.count < limits.writesInFlightMax
            && pending.requestBytes < limits.writeBytesInFlightMax
    }

    private mutating func refusal(
        _ resolution: CommandTable.Resolution,
        _ flags: Command.Flags,
        _ arguments: borrowing Arguments,
        _ requestBytes: Int
    ) -> String? {
        context.client.renew(context.engine.access)
        context.reply.names = context.client.names
        if !context.client.isAuthenticated, !flags.contains(.noAuth) { return "NOAUTH Authentication required." }
        if let refusal = context.engine.refusal(
            resolution,
            arguments,
            of: context.client.caller,
            requestBytes: requestBytes
        ) {
            return refusal
        }
        if flags.contains(.noMulti), context.client.isInTransaction {
            return "ERR Command not allowed inside a transaction"
        }
        return nil
    }

    private func giveUp(_ resolution: CommandTable.Resolution, _ arguments: borrowing Arguments) {
        context.engine.giveUp(resolution, arguments, of: context.client.caller, client: context.client.id)
    }

    private mutating func queue(_ place: Int, _ arguments: borrowing Arguments) {
        let isWrite = table.flags(place).contains(.write)
        if let refusal = context.client.transaction?.append(place, isWrite: isWrite, arguments) {
            context.client.transaction?.isBroken = true
            giveUp(.command(place), arguments)
            context.reply.error(refusal)
            return
        }
        context.client.record.queued.store(context.client.transaction?.commands.count ?? -1, ordering: .relaxed)
        context.reply.simple("QUEUED")
    }

    private mutating func run(
        _ place: Int,
        _ arguments: borrowing Arguments,
        _ requestBytes: Int,
        _ mark: Int,
        _ clock: inout Int64,
        _ actions: inout Actions
    ) {
        // The batch's turn is held to only where slow commands are logged: then each one's end is the next one's start.
        let startedNs = isTimed ? clock : Clock.nowNs()
        let outcome = table.run(place, &context, arguments)
        switch outcome {
        case .replied, .closed:
            let now = Clock.nowNs()
            statistics.byCommand.add(place, ns: now - startedNs, replyEnd(mark))
            endReply(mark)
            if isTimed, context.engine.slowLog.isSlow(ns: now - clock) {
                logIfSlow(CommandMeasure(place, startedNs: clock, arguments: loggable(place, arguments)), now)
            }
            if isTimed { clock = now }
            if case .closed = outcome { end(.client) }
        case .deferred(let reply):
            let isLogged = isTimed && !table.flags(place).contains(.blocking)
            let measure = CommandMeasure(
                place,
                startedNs: clock,
                arguments: isLogged ? loggable(place, arguments) : []
            )
            let isMuted = endReply(mark)
            leavePlace(for: reply, measure, requestBytes: requestBytes, isMuted: isMuted, &actions)
        case .transaction:
            beginTransaction(
                CommandMeasure(place, startedNs: clock, arguments: loggable(place, arguments)),
                mark,
                clock,
                &actions
            )
        }
    }

    /// Leaves a place for a reply, and has its work started.
    mutating func leavePlace(
        for reply: DeferredReply,
        _ measure: CommandMeasure,
        requestBytes: Int,
        isQueued: Bool = false,
        isMuted: Bool,
        _ actions: inout Actions
    ) {
        let id = leavePlace(
            PendingReplies.Pending(
                isWrite: reply.isWrite,
                isQueued: isQueued,
                isMuted: isMuted,
                hasEffect: reply.hasEffect,
                cancel: reply.cancel,
                abandon: reply.abandon,
                unstarted: isQueued ? reply : nil,
                command: measure,
                requestBytes: requestBytes
            )
        )
        if !isQueued { start((id, reply), &actions) }
    }

    /// How the command ended whose reply begins at `mark`.
    func replyEnd(_ mark: Int) -> CommandStatistics.End {
        context.reply.buffer.getInteger(at: mark) == UInt8(ascii: "-") ? .failed : .done
    }

    /// Takes the reply away again that begins at `mark` if CLIENT REPLY keeps it from the client.
    /// - Returns: whether it does.
    @discardableResult
    mutating func endReply(_ mark: Int) -> Bool {
        let replies = context.client.replies
        if replies == .on { return false }
        context.reply.buffer.moveWriterIndex(to: mark)
        if replies == .skip { context.client.replies = .on }
        return true
    }

    /// A request's arguments for the slow log; passwords and the values of writes are not for it.
    private func loggable(_ place: Int, _ arguments: borrowing Arguments) -> [[UInt8]] {
        let name = table[place].name
        if name == "auth" || name == "hello" { return [Array(name.utf8), Array("(redacted)".utf8)] }
        return SlowLog.cut(arguments, keeping: table[place].loggedMax)
    }

    func logIfSlow(_ measure: CommandMeasure, _ nowNs: Int64) {
        let elapsedNs = nowNs - measure.startedNs
        guard !measure.arguments.isEmpty, context.engine.slowLog.isSlow(ns: elapsedNs) else { return }
        let record = context.client.record
        context.engine.slowLog.add(
            SlowLog.Entry(
                time: Clock.unixUs() / 1_000_000,
                durationUs: elapsedNs / 1_000,
                arguments: measure.arguments,
                address: record.address,
                name: record.details.withLock { $0.name }
            )
        )
    }
}
