import Metrics
package import Online
package import Serving
package import Wire

/// What is made of the rows that a request's keys lead to.
package protocol RowReply: Sendable {
    /// - Parameter position: a position that the rows reflect at least, where the lookup was asked for it.
    func write(_ rows: borrowing FoundRows, position: Int64, to reply: inout ReplyWriter)
}

/// The look-ups of one request: in each role, some keys of one view.
package struct RowLookup: Sendable {
    /// One a role.
    package let views: [ServedView]
    /// One a role; none has more than ``rowCount`` keys.
    package let keys: [LookupKeys]
    package let rowCount: Int
    /// For each role when its values expire, as ``RowPlan/ttls``; `nil` = as each view says now.
    var ttls: [Int64?]?
    /// Whether reads count in FS.STATS.
    package var isCounted = true
    /// Whether the reply tells a position.
    var wantsPosition = false

    package init(
        views: [ServedView],
        keys: [LookupKeys],
        rowCount: Int,
        ttls: [Int64?]? = nil,
        isCounted: Bool = true,
        wantsPosition: Bool = false
    ) {
        self.views = views
        self.keys = keys
        self.rowCount = rowCount
        self.ttls = ttls
        self.isCounted = isCounted
        self.wantsPosition = wantsPosition
    }

    /// How often a moment is looked for at which nothing is being applied; each look takes some 100 ns.
    private static let attemptsMax = 100
    /// How long a change of many rows is waited for.
    private static let changeWaitMs = 2_000

    /// Answers at once where all views are resident, else later.
    ///
    /// A reply that tells a position has exactly that position's rows. Only where changes of many rows follow one another
    /// without a pause, or where rows come from PostgreSQL, they may be newer.
    /// - Parameters:
    ///   - catalog: that the views are of.
    ///   - position: one that had been reached before the catalog was taken.
    /// - Returns: `nil` where another catalog has taken its place, so that the request is to be understood anew.
    package func answer(
        _ form: some RowReply,
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ reply: inout ReplyWriter
    ) -> CommandOutcome? {
        let memories = views.compactMap(\.memory)
        guard memories.count == views.count else {
            return .deferred(later(form, reads, of: catalog, after: position, reply.version))
        }
        guard wantsPosition else {
            write(form, memories, reads, after: position, &reply)
            return .replied
        }
        for _ in 0..<Self.attemptsMax {
            // A memory of an older catalog is followed no more.
            guard reads.source.catalog() === catalog else { return nil }
            if writeExactly(form, memories, reads, of: catalog, &reply) { return .replied }
        }
        let version = reply.version
        return .deferred(
            DeferredReply { finish in
                reads.source.whenReached(reads.source.position() + 1, Self.changeWaitMs) { _ in
                    fetch(form, reads, of: catalog, after: position, version, finish)
                }
            }
        )
    }

    /// Answers beside the event loop, by rows that are fetched first where they are not in memory.
    package func later(
        _ form: some RowReply,
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ version: ProtocolVersion
    ) -> DeferredReply {
        DeferredReply { finish in fetch(form, reads, of: catalog, after: position, version, finish) }
    }

    /// Whether all views are in memory.
    package var isResident: Bool { views.allSatisfy { $0.memory != nil } }

    /// What the keys take.
    package var keyBytes: Int { keys.reduce(0) { $0 + $1.memoryBytes } }

    /// What the rows take that ``memories(_:_:)`` fetched.
    func fetchedBytes(_ memories: [ViewMemory]) -> Int {
        var seen: [ViewMemory] = []
        for (view, memory) in zip(views, memories) where view.memory == nil && !seen.contains(where: { $0 === memory })
        {
            seen.append(memory)
        }
        return seen.reduce(0) { $0 + $1.figures.bytes }
    }

    /// Gets a memory for each role: the view's, or where it has none one with the rows that the keys name, by one query a
    /// view.
    /// - Parameter finish: called once, from any thread.
    package func memories(
        _ reads: FeatureReads,
        _ finish: @escaping @Sendable (Result<[ViewMemory], ServingError>) -> Void
    ) {
        let missing = Self.notResident(views)
        let group = FetchGroup(count: missing.count) { result in
            finish(
                result.map { fetched in
                    views.compactMap { view in
                        view.memory ?? missing.firstIndex { $0 === view }.flatMap { fetched[$0] }
                    }
                }
            )
        }
        if missing.isEmpty { return group.finishEmpty() }
        for (index, view) in missing.enumerated() {
            let roles = zip(views, keys).filter { $0.0 === view }.map(\.1)
            reads.source.fetch(view, LookupKeys.columns(roles)) { group.ended(index, $0) }
        }
    }

    /// Fetches the rows of views that are not resident, and answers then, by a reply that is made beside the event loop.
    private func fetch(
        _ form: some RowReply,
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ version: ProtocolVersion,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        memories(reads) { result in
            switch result {
            case .failure(let error): finish { $0.fault(CommandFault(error)) }
            case .success(let memories):
                // Not on the thread of a commit or a connection to PostgreSQL, where this may be.
                reads.large.short {
                    var reply = ReplyWriter(version: version)
                    write(form, memories, reads, of: catalog, after: position, &reply)
                    let made = reply
                    finish { $0.encoded(made) }
                }
            }
        }
    }

    /// Answers from memories, exactly where that is asked for and can be had.
    func write(
        _ form: some RowReply,
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ reply: inout ReplyWriter
    ) {
        if isResident, wantsPosition {
            for _ in 0..<Self.attemptsMax where writeExactly(form, memories, reads, of: catalog, &reply) { return }
        }
        write(form, memories, reads, after: position, &reply)
    }

    /// Each once.
    private static func notResident(_ views: [ServedView]) -> [ServedView] {
        var missing: [ServedView] = []
        for view in views where view.memory == nil && !missing.contains(where: { $0 === view }) { missing.append(view) }
        return missing
    }

    /// - Parameter position: one that the rows reflect.
    private func write(
        _ form: some RowReply,
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        after position: Int64,
        _ reply: inout ReplyWriter
    ) {
        let rows = FoundRows(rowCount: rowCount, roleCount: views.count)
        if memories.count == 1 {
            memories[0].withReader { reader in
                keys[0].find(0, in: rows, reader.shared)
                show(0, rows, reads, isCounted: isCounted)
                form.write(rows, position: position, to: &reply)
            }
            return
        }
        ViewMemory.withReaders(memories) { readers in
            find(rows, readers, reads)
            form.write(rows, position: position, to: &reply)
        }
    }

    /// Writes the rows of one position, and tells it.
    /// - Returns: `false` where nothing is written, because something is being applied or was published.
    private func writeExactly(
        _ form: some RowReply,
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        of catalog: Catalog,
        _ reply: inout ReplyWriter
    ) -> Bool {
        ViewMemory.withReaders(memories) { readers in
            // A change that begins after the first count cannot touch the memories, which are locked.
            guard let count = reads.source.changeCount(), reads.source.catalog() === catalog else { return false }
            let position = reads.source.position()
            guard reads.source.changeCount() == count else { return false }
            let rows = FoundRows(rowCount: rowCount, roleCount: views.count)
            find(rows, readers, reads)
            form.write(rows, position: position, to: &reply)
            return true
        }
    }

    private func find(_ rows: borrowing FoundRows, _ readers: [ViewMemory.SharedReader], _ reads: FeatureReads) {
        for role in views.indices {
            keys[role].find(role, in: rows, readers[role])
            show(role, rows, reads, isCounted: isCounted)
        }
    }

    /// As the other, of some of the rows.
    func find(
        _ range: Range<Int>,
        _ rows: borrowing FoundRows,
        _ readers: [ViewMemory.SharedReader],
        _ reads: FeatureReads,
        isCounted: Bool
    ) {
        for role in views.indices {
            keys[role].find(range, role, in: rows, readers[role])
            show(role, rows, reads, isCounted: isCounted)
        }
    }

    /// Calls `body` with each of one role's rows that is shown, while its memory is locked.
    package func eachRow(of role: Int, _ memory: ViewMemory, _ reads: FeatureReads, _ body: (PackedRow) -> Void) {
        let rows = FoundRows(rowCount: keys[role].count, roleCount: 1)
        memory.withReader { reader in
            keys[role].find(0, in: rows, reader.shared)
            show(0, of: role, rows, reads, isCounted: isCounted)
            for row in 0..<rows.rowCount { if let row = rows.shown(row, role: 0) { body(row) } }
        }
    }

    private func show(_ role: Int, _ rows: borrowing FoundRows, _ reads: FeatureReads, isCounted: Bool) {
        show(role, of: role, rows, reads, isCounted: isCounted)
    }

    /// Hides what has expired by now.
    /// - Parameters:
    ///   - place: the role's place in `rows`.
    ///   - role: one of this look-up's.
    private func show(
        _ place: Int,
        of role: Int,
        _ rows: borrowing FoundRows,
        _ reads: FeatureReads,
        isCounted: Bool
    ) {
        var earliest = Int64.min
        let ttl: Int64? = if let ttls { ttls[role] } else { views[role].ttlUs }
        if let ttl {
            let (bound, overflow) = reads.source.now().subtractingReportingOverflow(ttl)
            earliest = overflow ? .min : bound
        }
        let counts = rows.show(role: place, earliest: earliest)
        if isCounted { views[role].counters.add(hits: counts.hits, misses: counts.misses, expired: counts.expired) }
    }
}
