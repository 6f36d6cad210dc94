import NIOCore
import Store
import Wire

/// A read of features that was understood: it owns all that it needs, so that it can wait.
struct FeatureRequest: Sendable {
    /// What the reply looks like.
    enum Shape: Sendable {
        /// One entity, feature → value.
        case map
        /// Entities of one view, rows of values.
        case rows
        /// A service: columns and rows.
        case service
    }

    let shape: Shape
    let plan: RowPlan
    let options: ReadOptions
    /// Its roles are the plan's.
    let lookup: RowLookup

    init(
        _ shape: Shape,
        _ plan: RowPlan,
        _ options: ReadOptions,
        views: [ServedView],
        keys: [EntityKeys],
        rowCount: Int
    ) {
        self.shape = shape
        self.plan = plan
        self.options = options
        lookup = RowLookup(views: views, keys: keys, rowCount: rowCount, wantsPosition: options.hasMeta)
    }

    /// The most values of one reply: with 8 bytes each, 128 MiB.
    static let valuesMax = 16 << 20
    /// The most bytes of one reply's values.
    static let replyBytesMax = 256 << 20

    /// - Throws: where the format or the size of the reply is refused.
    func check() throws(CommandFault) {
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
        let rowCount = lookup.rowCount
        let (values, overflow) = rowCount.multipliedReportingOverflow(by: width)
        guard !overflow, values <= Self.valuesMax else {
            throw CommandFault(
                .limit,
                "\(rowCount) rows of \(width) values are asked for; \(Self.valuesMax) values are allowed in a reply"
            )
        }
        for view in lookup.views where !view.isOnline {
            throw CommandFault(.type, "view '\(view.name)' keeps no latest values (online: false)")
        }
    }

    /// As ``RowLookup/answer(_:_:of:after:_:)``.
    func answer(
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ reply: inout ReplyWriter
    ) -> CommandOutcome? {
        lookup.answer(self, reads, of: catalog, after: position, &reply)
    }
}

extension FeatureRequest: RowReply {
    func write(_ rows: borrowing FoundRows, position: Int64, to reply: inout ReplyWriter) {
        let start = reply.buffer.writerIndex
        guard writeBody(rows, position: position, &reply, start: start) else {
            reply.buffer.moveWriterIndex(to: start)
            reply.fault(
                CommandFault(
                    .limit,
                    "the values are more than \(Self.replyBytesMax >> 20) MiB; ask for fewer entities or features"
                )
            )
            return
        }
    }
}

extension CommandFault {
    init(_ error: ServingError) {
        switch error {
        case .unavailable(let reason): self.init(.unavailable, "\(reason); try again later")
        case .timeout(let milliseconds):
            self.init(.timeout, "PostgreSQL did not answer within \(milliseconds) ms; try again")
        case .store(let error): self.init(error)
        }
    }
}
