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
    /// One a role, as ``plan`` numbers them.
    let views: [ServedView]
    /// One a role.
    let keys: [EntityKeys]
    let rowCount: Int

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
        let (values, overflow) = rowCount.multipliedReportingOverflow(by: width)
        guard !overflow, values <= Self.valuesMax else {
            throw CommandFault(
                .limit,
                "\(rowCount) rows of \(width) values are asked for; \(Self.valuesMax) values are allowed in a reply"
            )
        }
        for view in views where !view.isOnline {
            throw CommandFault(.type, "view '\(view.name)' keeps no latest values (online: false)")
        }
    }

    /// Answers at once where all views are resident, else later.
    func answer(_ reads: FeatureReads, _ reply: inout ReplyWriter) -> CommandOutcome {
        let position = options.hasMeta ? reads.source.position() : 0
        if views.count == 1, let memory = views[0].memory {
            write(memory, position: position, reads, &reply)
            return .replied
        }
        let memories = views.compactMap(\.memory)
        if memories.count == views.count {
            write(memories, position: position, reads, &reply)
            return .replied
        }
        return .deferred(DeferredReply { finish in fetch(reads, finish) })
    }

    /// Fetches the rows of views that are not resident, by one query a view, and answers then.
    func fetch(_ reads: FeatureReads, _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void) {
        let position = options.hasMeta ? reads.source.position() : 0
        let missing = Self.notResident(views)
        let group = FetchGroup(count: missing.count) { result in
            finish { reply in
                switch result {
                case .failure(let error): reply.fault(CommandFault(error))
                case .success(let fetched):
                    let memories = views.compactMap { view in
                        view.memory ?? missing.firstIndex { $0 === view }.flatMap { fetched[$0] }
                    }
                    write(memories, position: position, reads, &reply)
                }
            }
        }
        if missing.isEmpty { return group.finishEmpty() }
        for (index, view) in missing.enumerated() {
            let roles = zip(views, keys).filter { $0.0 === view }.map(\.1)
            reads.source.fetch(view, EntityKeys.columns(roles)) { group.ended(index, $0) }
        }
    }

    /// Each once.
    private static func notResident(_ views: [ServedView]) -> [ServedView] {
        var missing: [ServedView] = []
        for view in views where view.memory == nil && !missing.contains(where: { $0 === view }) { missing.append(view) }
        return missing
    }

    // MARK: Reply

    private func write(_ memory: ViewMemory, position: Int64, _ reads: FeatureReads, _ reply: inout ReplyWriter) {
        let rows = FoundRows(rowCount: rowCount, roleCount: 1)
        memory.withReader { reader in
            keys[0].find(0, in: rows, reader)
            write(rows, position: position, reads, &reply)
        }
    }

    private func write(_ memories: [ViewMemory], position: Int64, _ reads: FeatureReads, _ reply: inout ReplyWriter) {
        let rows = FoundRows(rowCount: rowCount, roleCount: views.count)
        ViewMemory.withReaders(memories) { readers in
            for role in views.indices { keys[role].find(role, in: rows, readers[role]) }
            write(rows, position: position, reads, &reply)
        }
    }

    private func write(
        _ rows: borrowing FoundRows,
        position: Int64,
        _ reads: FeatureReads,
        _ reply: inout ReplyWriter
    ) {
        for (role, view) in views.enumerated() {
            var earliest = Int64.min
            if let ttl = view.ttlUs {
                let (bound, overflow) = reads.source.now().subtractingReportingOverflow(ttl)
                earliest = overflow ? .min : bound
            }
            let counts = rows.show(role: role, earliest: earliest)
            view.counters.add(hits: counts.hits, misses: counts.misses, expired: counts.expired)
        }
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
