import NIOCore
import Store
import Wire

/// What is made of the rows that a request's keys lead to.
protocol RowReply: Sendable {
    /// - Parameter position: a position that the rows reflect at least, where the lookup was asked for it.
    func write(_ rows: borrowing FoundRows, position: Int64, to reply: inout ReplyWriter)
}

/// The look-ups of one request: in each role, some keys of one view.
struct RowLookup: Sendable {
    /// One a role.
    let views: [ServedView]
    /// One a role; none has more than ``rowCount`` keys.
    let keys: [EntityKeys]
    let rowCount: Int
    /// Whether reads count in FS.STATS.
    var isCounted = true
    /// Whether the reply tells a position.
    var wantsPosition = false

    /// Answers at once where all views are resident, else later.
    func answer(_ form: some RowReply, _ reads: FeatureReads, _ reply: inout ReplyWriter) -> CommandOutcome {
        if views.count == 1, let memory = views[0].memory {
            atOnePosition(reads, &reply) { position, reply in
                write(form, memory, position: position, reads, &reply)
            }
            return .replied
        }
        let memories = views.compactMap(\.memory)
        if memories.count == views.count {
            atOnePosition(reads, &reply) { position, reply in
                write(form, memories, position: position, reads, &reply)
            }
            return .replied
        }
        return .deferred(DeferredReply { finish in fetch(form, reads, finish) })
    }

    /// How often a reply with a position is written again because something was applied meanwhile. After that, the rows
    /// may be newer than the position says: while more rows than fit one change are being applied.
    private static let attemptsMax = 100

    /// Writes a reply whose rows, where it tells a position, are those of exactly that position.
    private func atOnePosition(
        _ reads: FeatureReads,
        _ reply: inout ReplyWriter,
        _ write: (Int64, inout ReplyWriter) -> Void
    ) {
        guard wantsPosition else { return write(0, &reply) }
        let start = reply.buffer.writerIndex
        for attempt in 1...Self.attemptsMax {
            let count = reads.source.changeCount()
            // Before the rows, so that they reflect it in any case.
            write(reads.source.position(), &reply)
            if let count, count == reads.source.changeCount() { return }
            if attempt < Self.attemptsMax { reply.buffer.moveWriterIndex(to: start) }
        }
    }

    /// Fetches the rows of views that are not resident, by one query a view, and answers then.
    func fetch(
        _ form: some RowReply,
        _ reads: FeatureReads,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        let position = wantsPosition ? reads.source.position() : 0
        let missing = Self.notResident(views)
        let group = FetchGroup(count: missing.count) { result in
            finish { reply in
                switch result {
                case .failure(let error): reply.fault(CommandFault(error))
                case .success(let fetched):
                    let memories = views.compactMap { view in
                        view.memory ?? missing.firstIndex { $0 === view }.flatMap { fetched[$0] }
                    }
                    write(form, memories, position: position, reads, &reply)
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

    private func write(
        _ form: some RowReply,
        _ memory: ViewMemory,
        position: Int64,
        _ reads: FeatureReads,
        _ reply: inout ReplyWriter
    ) {
        let rows = FoundRows(rowCount: rowCount, roleCount: 1)
        memory.withReader { reader in
            keys[0].find(0, in: rows, reader)
            show(0, rows, reads)
            form.write(rows, position: position, to: &reply)
        }
    }

    private func write(
        _ form: some RowReply,
        _ memories: [ViewMemory],
        position: Int64,
        _ reads: FeatureReads,
        _ reply: inout ReplyWriter
    ) {
        let rows = FoundRows(rowCount: rowCount, roleCount: views.count)
        ViewMemory.withReaders(memories) { readers in
            for role in views.indices {
                keys[role].find(role, in: rows, readers[role])
                show(role, rows, reads)
            }
            form.write(rows, position: position, to: &reply)
        }
    }

    /// Hides what has expired by now.
    private func show(_ role: Int, _ rows: borrowing FoundRows, _ reads: FeatureReads) {
        let view = views[role]
        var earliest = Int64.min
        if let ttl = view.ttlUs {
            let (bound, overflow) = reads.source.now().subtractingReportingOverflow(ttl)
            earliest = overflow ? .min : bound
        }
        let counts = rows.show(role: role, earliest: earliest)
        if isCounted { view.counters.add(hits: counts.hits, misses: counts.misses, expired: counts.expired) }
    }
}
