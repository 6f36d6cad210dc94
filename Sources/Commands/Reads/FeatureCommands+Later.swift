import Reading
import Serving
import Wire

/// Answers that wait for a position, or whose arguments are too many to be understood on an event loop.
extension FeatureCommands {
    /// Answers once a position has been reached. The request is understood anew then: the definitions may have changed.
    static func wait(
        _ position: Int64,
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse
    ) -> DeferredReply {
        DeferredReply.read { cancellation, finish in
            wait(position, arguments, reads, version, parse, cancellation, finish)
        }
    }

    private static func wait(
        _ position: Int64,
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse,
        _ cancellation: ReadCancellation,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        reads.source.whenReached(position, CommandLimits.positionWaitMs) { outcome in
            if outcome == .reached {
                return answer(arguments, reads, version, parse, isReached: true, cancellation, finish)
            }
            let fault = notReached(position, outcome, reads)
            finish { $0.fault(fault) }
        }
    }

    /// Understands a request of many arguments beside the event loop.
    static func later(
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse
    ) -> DeferredReply {
        DeferredReply.read { cancellation, finish in
            answer(arguments, reads, version, parse, isReached: false, cancellation, finish)
        }
    }

    /// Understands a request, and answers it when the position it wants has been reached.
    /// - Parameter isReached: whether that is known.
    private static func answer(
        _ arguments: OwnedArguments,
        _ reads: FeatureReads,
        _ version: ProtocolVersion,
        _ parse: @escaping Parse,
        isReached: Bool,
        _ cancellation: ReadCancellation,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        let body: @Sendable () -> Void = {
            // Nobody reads it.
            if cancellation.isCancelled { return finish { $0.null() } }
            let position = reads.source.position()
            let catalog = reads.source.catalog()
            do throws(CommandFault) {
                var request = try arguments.with { arguments throws(CommandFault) in
                    try parse(arguments, reads, catalog)
                }
                if !isReached, let minimum = request.options.minimumPosition, minimum > position {
                    return wait(minimum, arguments, reads, version, parse, cancellation, finish)
                }
                try request.keep(in: reads.memory, beside: arguments.hold)
                request.answer(reads, of: catalog, after: position, version, cancellation, finish)
            } catch {
                let fault = error
                finish { $0.fault(fault) }
            }
        }
        if arguments.count > reads.large.sizes.inlineArgumentsMax {
            reads.large.make(LargeArguments(finish: finish, body: body))
        } else {
            reads.large.short(body)
        }
    }

    private static func notReached(_ position: Int64, _ outcome: Serving.Reached, _ reads: FeatureReads) -> CommandFault
    {
        guard outcome == .timedOut else { return CommandFault(.unavailable, "the server is stopping; try another one") }
        return CommandFault(
            .timeout,
            "position \(position) was not reached within \(CommandLimits.positionWaitMs) ms; this server is at \(reads.source.position())"
        )
    }
}
