import Commands
import Metrics
import NIOCore
import Wire

/// Bytes that came: requests are run as soon as they are complete, and what is left is kept and counted.
extension ClientConnection {
    func isRunnable() -> Bool {
        guard case .open = phase, !isOutputBlocked else { return false }
        return readyOutput < limits.outputBatchBytes
    }

    mutating func runInput(_ nowNs: Int64, _ actions: inout Actions) {
        var bytes = ByteBuffer()
        swap(&bytes, &input)
        runRequests(in: bytes, isOurs: true, nowNs, &actions)
    }

    /// Runs the requests that are complete; keeps the rest.
    /// - Parameter isOurs: whether nobody else uses the bytes' memory.
    mutating func runRequests(
        in bytes: ByteBuffer,
        isOurs: Bool,
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        var start = 0
        // Apart from the rest while commands run, which work on the rest.
        var ranges: [Range<Int>] = []
        var decoder = RequestDecoder()
        swap(&ranges, &self.ranges)
        swap(&decoder, &self.decoder)
        run(bytes.readableBytesUInt8Span, from: &start, &decoder, &ranges, nowNs, &actions)
        if ranges.capacity > 4_096, !decoder.isWithinRequest, !isWaiting { ranges = [] }
        swap(&ranges, &self.ranges)
        swap(&decoder, &self.decoder)
        if start == bytes.readableBytes, input.capacity == 0, reservedBytes == 0, committingBytes == 0,
            !context.client.isInTransaction
        {
            endIfDone(&actions)
            return
        }
        var bytes = bytes
        bytes.moveReaderIndex(forwardBy: start)
        keep(bytes, isOurs: isOurs)
        reserve()
        endIfDone(&actions)
    }

    /// Counts what is kept, and ends the connection if all of them together keep too much.
    mutating func reserve() {
        let kept =
            input.capacity + ranges.capacity * MemoryLayout<Range<Int>>.stride
            + (context.client.isInTransaction ? context.client.transaction?.byteCount ?? 0 : 0) + committingBytes
        let bytes = kept > limits.uncountedBytesMax ? kept : 0
        guard bytes != reservedBytes else { return }
        if requestMemory.change(by: bytes - reservedBytes) {
            reservedBytes = bytes
            return
        }
        // A transaction that is being committed stays, even where it alone has no room.
        guard case .open = phase else { return }
        input = ByteBuffer()
        ranges = []
        context.client.transaction = nil
        context.reply.begin()
        context.reply.error("ERR requests of all clients together are too large; try again later")
        end(.requestMemory)
        reserve()
    }

    mutating func keep(_ rest: ByteBuffer, isOurs: Bool) {
        guard case .open = phase, rest.readableBytes > 0 else {
            if input.capacity > 0 { input = ByteBuffer() }
            return
        }
        // What one small rest needs must not hold the memory of a large request.
        if isOurs, rest.readableBytes >= rest.capacity / 8 {
            input = rest
        } else {
            input = ByteBuffer()
            input.writeImmutableBuffer(rest)
        }
    }

    mutating func run(
        _ bytes: Span<UInt8>,
        from start: inout Int,
        _ decoder: inout RequestDecoder,
        _ ranges: inout [Range<Int>],
        _ nowNs: Int64,
        _ actions: inout Actions
    ) {
        var clock = nowNs
        var requestsLeft = limits.batchRequests
        while true {
            requestsLeft -= 1
            guard requestsLeft >= 0, clock - nowNs < limits.turnNs, isRunnable() else {
                if case .open = phase { isCut = true }
                return
            }
            let isAuthenticated = context.client.isAuthenticated
            // What bounds the next request has is known when AUTH has been answered.
            isWaiting = !isAuthenticated && !pending.isEmpty && start < bytes.count
            if isWaiting { return }
            let event =
                isAuthenticated
                ? decoder.next(bytes, from: &start, limits: requestLimits, into: &ranges)
                : decoder.next(bytes, from: &start, limits: unauthenticatedLimits, into: &ranges)
            switch event {
            case .incomplete: return
            case .request:
                isWaiting = !run(decoder.arguments(in: bytes, ranges.span), decoder.frame.count, &clock, &actions)
                if isWaiting {
                    decoder.hold(&start)
                    return
                }
            case .fault(let fault):
                context.reply.begin()
                statistics.protocolErrors.add()
                if context.client.replies == .on { context.reply.error(fault.message) }
                end(.protocolError(fault.message))
            case .foreign:
                phase = .ended
                actions.ending = .now(.foreign)
            }
        }
    }

    /// Nothing more is run.
    mutating func end(_ reason: Reason) {
        if case .open = phase { phase = .ending(reason) }
    }

    mutating func endIfDone(_ actions: inout Actions) {
        if case .open = phase, isInputClosed || isStopping, pending.isEmpty, !isWaiting, !isCut {
            phase = .ending(isInputClosed ? .client : .stopping)
        }
        guard case .ending(let reason) = phase, pending.isEmpty else { return }
        phase = .ended
        actions.ending = .afterOutput(reason)
    }
}
