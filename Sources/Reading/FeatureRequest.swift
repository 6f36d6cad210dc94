import NIOCore
import Online
package import Serving
package import Wire

/// A read of features that was understood: it owns all that it needs, so that it can wait.
package struct FeatureRequest: Sendable {
    /// What the reply looks like.
    package enum Shape: Sendable {
        /// One entity, feature → value.
        case map
        /// Entities of one view, rows of values.
        case rows
        /// A service: columns and rows.
        case service
    }

    let shape: Shape
    let plan: RowPlan
    package let options: ReplyOptions
    /// Its roles are the plan's.
    private(set) var lookup: RowLookup
    /// Counts the keys while the request waits.
    private var hold: ReadHold?

    /// Whether the reply is made in pieces, whatever its size.
    private var isPiecewise = false

    private var isMap: Bool { if case .map = shape { true } else { false } }

    private var inPieces: FeatureRequest {
        var request = self
        request.isPiecewise = true
        return request
    }

    /// The same with all rows from history.
    var inHistory: FeatureRequest {
        var request = self
        request.lookup = lookup.inHistory()
        return request
    }

    package init(
        _ shape: Shape,
        _ plan: RowPlan,
        _ options: ReplyOptions,
        views: [ServedView],
        keys: [LookupKeys],
        rowCount: Int,
        computation: RowComputation? = nil
    ) {
        self.shape = shape
        self.plan = plan
        self.options = options
        lookup = RowLookup(
            views: views,
            keys: keys,
            rowCount: rowCount,
            ttls: plan.ttls,
            wantsPosition: options.hasMeta,
            time: options.time,
            computation: computation
        )
    }

    /// Before keys are read and memory is taken for them.
    ///
    /// - Throws: where the format is refused, or so many rows are more than a reply may have, whatever their values are.
    package static func check(
        _ plan: RowPlan,
        _ options: ReplyOptions,
        views: [ServedView],
        rowCount: Int
    ) throws(CommandFault) {
        if options.format == .packed32 || options.format == .packed64 {
            let name = options.format == .packed32 ? "packed32" : "packed64"
            if let refusal = plan.packedRefusal { throw CommandFault(.type, "\(name) \(refusal)") }
            if options.format == .packed32, !options.isLossy, let column = plan.lossyColumn {
                throw CommandFault(
                    .type,
                    "packed32 would round \(column), which has 64 bits; ask for packed64, or say LOSSY"
                )
            }
        }
        let width = max(plan.columns.count, plan.packedWidth)
        let (values, overflow) = rowCount.multipliedReportingOverflow(by: options.hasMeta ? 3 * width : width)
        guard !overflow, values <= WireLimits.replyValuesMax else {
            throw CommandFault(
                .limit,
                "\(rowCount) rows of \(width) values\(options.hasMeta ? " with META" : "") are asked for; "
                    + "\(WireLimits.replyValuesMax) values are allowed in a reply"
            )
        }
        for view in views where !view.isOnline {
            throw CommandFault(.type, "view '\(view.name)' keeps no latest values (online: false)")
        }
    }

    /// Counts the request's keys from now on, since it is going to wait.
    /// - Throws: where there is no room for them, beside other reads that wait.
    package mutating func keep(in memory: ReadMemory, beside arguments: ReadHold? = nil) throws(CommandFault) {
        hold = try memory.hold(lookup.keyBytes, beside: arguments)
    }

    /// Whether the reply is large whatever its values are.
    private func isLarge(_ sizes: LargeReplies.Sizes) -> Bool {
        let rowCount = lookup.rowCount
        if rowCount * (lookup.computation?.columns.cost ?? 0) > sizes.inlineOperationsMax { return true }
        switch options.format {
        case .packed32, .packed64:
            if rowCount * plan.packedWidth > sizes.inlineNumbersMax { return true }
            return options.hasMeta && rowCount * plan.columns.count * 2 > sizes.inlineValuesMax
        case .rows, .columns:
            return rowCount * plan.columns.count * (options.hasMeta ? 3 : 1) > sizes.inlineValuesMax
        }
    }

    /// As ``RowLookup/answer(_:_:of:after:_:)``, and beside the event loop where the reply is large.
    /// - Parameter isTogether: whether what is in memory must be written now, with others of one position.
    /// - Throws: where it has to wait, and other reads that wait leave it no room.
    package func answer(
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        isTogether: Bool,
        _ reply: inout ReplyWriter
    ) throws(CommandFault) -> CommandOutcome? {
        if isTogether, lookup.isResident {
            switch lookup.answer(self, reads, of: catalog, after: position, &reply) {
            case .outcome(let outcome): return outcome
            case .isStale: return nil
            case .isBeyond:
                return .deferred(try inHistory.later(reads, of: catalog, after: position, reply.version))
            }
        }
        // A map has one row, which is long by its texts and lists alone.
        if (!isMap && isLarge(reads.large.sizes)) || !lookup.isResident {
            return .deferred(try later(reads, of: catalog, after: position, reply.version))
        }
        let limits = reply.limits
        reply.begin(reads.large.sizes.inlineLimits)
        let outcome: CommandOutcome
        switch lookup.answer(self, reads, of: catalog, after: position, &reply) {
        case .outcome(let answered): outcome = answered
        case .isStale:
            reply.restart(limits)
            return nil
        case .isBeyond:
            reply.restart(limits)
            // Many rows are computed in pieces, a single one is not.
            let request = lookup.rowCount > 1 ? inPieces : inHistory
            return .deferred(try request.later(reads, of: catalog, after: position, reply.version))
        }
        guard reply.isRefused else { return outcome }
        // Long texts, of which nobody knew before.
        reply.restart(limits)
        return .deferred(try later(reads, of: catalog, after: position, reply.version))
    }

    /// Answers by rows that are fetched first where they are not in memory, and beside the event loop where they are many.
    func later(
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ version: ProtocolVersion
    ) throws(CommandFault) -> DeferredReply {
        var kept = self
        kept.lookup = lookup.timed(reads)
        try kept.keep(in: reads.memory)
        let request = kept
        return DeferredReply.read { cancellation, finish in
            request.answer(reads, of: catalog, after: position, version, cancellation, finish)
        }
    }

    package func answer(
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ version: ProtocolVersion,
        _ cancellation: ReadCancellation,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        lookup.memories(reads, after: position) { result in
            let memories: [ViewMemory]
            switch result {
            case .failure(let error): return finish { $0.fault(CommandFault(error)) }
            case .success(let found): memories = found
            }
            let fetched = lookup.fetchedBytes(memories)
            let makeLarge: @Sendable () -> Void = {
                let hold: ReadHold?
                do throws(CommandFault) { hold = try reads.memory.hold(fetched, beside: self.hold) } catch {
                    let fault = error
                    return finish { $0.fault(fault) }
                }
                reads.large.make(
                    LargeReply(self, memories, reads, of: catalog, after: position, version, cancellation) {
                        finish($0)
                        // Until then the fetched rows are kept.
                        withExtendedLifetime(hold) {}
                    }
                )
            }
            if isPiecewise || !isMap && isLarge(reads.large.sizes) { return makeLarge() }
            // Not on the thread of a commit or a connection to PostgreSQL, where this may be.
            reads.large.short {
                var reply = ReplyWriter(version: version)
                // A map has one row, which is not cut.
                if !isMap { reply.begin(reads.large.sizes.inlineLimits) }
                guard lookup.write(self, memories, reads, of: catalog, after: position, &reply) else {
                    return inHistory.answer(reads, of: catalog, after: position, version, cancellation, finish)
                }
                if reply.isRefused, reply.limits != .reply { return makeLarge() }
                let made = reply
                finish { $0.encoded(made) }
            }
        }
    }
}

extension FeatureRequest: RowReply {
    package func write(_ rows: borrowing FoundRows, position: Int64, to reply: inout ReplyWriter) {
        writeBody(rows, position: position, &reply)
    }
}

extension CommandFault {
    package init(_ error: ServingError) {
        switch error {
        case .unavailable(let reason): self.init(.unavailable, "\(reason); try again later")
        case .timeout(let milliseconds):
            self.init(.timeout, "PostgreSQL did not answer within \(milliseconds) ms; try again")
        case .store(let error): self.init(error)
        }
    }
}
