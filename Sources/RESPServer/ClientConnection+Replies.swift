import Commands
import Metrics
package import NIOCore
import Wire

/// Replies: which are ready, and what goes on once they are.
extension ClientConnection {
    // MARK: What the caller asks

    /// Whether more is to be read from the client.
    package var wantsInput: Bool {
        guard case .open = phase, !needsRoom, !isStopping else { return false }
        // What waits is kept, so that a client that closes while it waits is noticed, but not much of it.
        return !isWaiting || input.readableBytes < limits.waitingBytesMax
    }

    /// Whether requests wait for their turn, or until the client has taken more: ``outputDrained(nowNs:)`` goes on.
    package var needsRoom: Bool { isCut || isOutputBlocked }

    /// Whether any replies are ready to be sent.
    package var hasOutput: Bool { readyOutput > 0 }
    /// Bytes of replies that are ready.
    package var readyOutput: Int {
        pending.isEmpty ? context.reply.buffer.readableBytes : output.readableBytes
    }

    /// Bytes of replies that are written and wait for others before them.
    package var keptReplyBytes: Int {
        pending.isEmpty ? 0 : pending.tailBytes + context.reply.buffer.readableBytes
    }

    /// The replies that are ready. The caller sends them and drops its copy, then calls ``outputTaken()``.
    package mutating func takeOutput() -> ByteBuffer {
        sentBytes += Int64(readyOutput)
        statistics.bytesOut.add(Int64(readyOutput))
        return pending.isEmpty ? context.reply.buffer : output
    }

    /// What ``takeOutput()`` gave is on its way. Its memory is used again, unless somebody holds it or it is large.
    package mutating func outputTaken() {
        if pending.isEmpty {
            Self.reuse(&context.reply.buffer)
        } else {
            Self.reuse(&output)
        }
    }

    static func reuse(_ buffer: inout ByteBuffer) {
        if buffer.capacity <= 64 << 10 { buffer.clear() } else { buffer = ByteBuffer() }
    }

    // MARK: Replies that come later

    /// Writes replies that are ready, and goes on with what waited for them.
    mutating func settle(_ nowNs: Int64, _ actions: inout Actions) {
        isCut = false
        while let ready = popReady(&actions) {
            if let body = ready.body, !ready.isMuted || ready.hasEffect {
                swap(&context.reply.buffer, &output)
                context.reply.begin(ready.isQueued ? transactionReplies.limits : .reply)
                let mark = context.reply.buffer.writerIndex
                body(&context.reply)
                count(ready.command, replyEnd(mark))
                if ready.isMuted { context.reply.buffer.moveWriterIndex(to: mark) }
                if ready.isQueued { transactionReplies.take(context.reply.used) }
                swap(&context.reply.buffer, &output)
            } else {
                count(ready.command, .done)
            }
            if pending.isEmpty {
                // Behind the last pending reply stands what the context has, mostly nothing: a large reply is not copied.
                if context.reply.buffer.readableBytes > 0 { output.writeImmutableBuffer(context.reply.buffer) }
                swap(&context.reply.buffer, &output)
                Self.reuse(&output)
            } else {
                output.writeImmutableBuffer(ready.tail)
            }
        }
        if input.readableBytes > 0 { runInput(nowNs, &actions) }
        endIfDone(&actions)
    }

    func count(_ command: CommandMeasure, endedNs: Int64? = nil, _ end: CommandStatistics.End) {
        statistics.byCommand.add(command.place, ns: (endedNs ?? command.endedNs) - command.startedNs, end)
    }

    /// The oldest reply, if it is ready; else its work is begun, where that has waited for the replies before it.
    mutating func popReady(_ actions: inout Actions) -> PendingReplies.Pending? {
        if let ready = pending.popReady() { return ready }
        guard let next = pending.takeUnstarted() else { return nil }
        if transactionReplies.isUsedUp {
            // Nothing of it could be sent.
            _ = pending.finish(next.id, nowNs: Clock.nowNs()) { $0.refuse() }
            return pending.popReady()
        }
        start(next, &actions)
        return nil
    }

    /// Begins the work of a reply.
    mutating func start(_ next: (id: Int64, reply: DeferredReply), _ actions: inout Actions) {
        actions.starts.append(next)
        // Nobody is there for whom it would wait.
        if isInputClosed || isStopping, let cancel = next.reply.cancel { actions.cancels.append(cancel) }
    }

    /// Makes room for a reply that comes later.
    mutating func leavePlace(_ reply: PendingReplies.Pending) -> Int64 {
        if pending.isEmpty {
            swap(&output, &context.reply.buffer)
        } else {
            pending.setLastTail(context.reply.buffer)
        }
        context.reply.buffer = ByteBuffer()
        return pending.append(reply)
    }
}
