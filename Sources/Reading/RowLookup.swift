import Features
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
    /// As of when rows are read, µs, at most now: for each entity its newest row up to then. `nil` = now, and the newest row.
    package var time: Int64?
    /// What the reply has besides rows of views: one more role.
    package var computation: RowComputation?
    /// The time of a request that reads windows, µs; `nil` until ``timed(_:)``.
    private(set) var moment: Int64?
    /// Whether all rows are to be fetched from history, since memory could not give those of one position.
    private(set) var wantsHistory = false

    package init(
        views: [ServedView],
        keys: [LookupKeys],
        rowCount: Int,
        ttls: [Int64?]? = nil,
        isCounted: Bool = true,
        wantsPosition: Bool = false,
        time: Int64? = nil,
        computation: RowComputation? = nil
    ) {
        self.views = views
        self.keys = keys
        self.rowCount = rowCount
        self.ttls = ttls
        self.isCounted = isCounted
        self.wantsPosition = wantsPosition
        self.time = time
        self.computation = computation
    }

    /// Whether some role's values are computed of events, at the time of the request.
    var hasWindows: Bool { views.contains { $0.windows != nil } }

    /// The same at one time, if windows are read: what is computed and what the reply says are of the same moment.
    func timed(_ reads: FeatureReads) -> RowLookup {
        guard hasWindows, time == nil, moment == nil else { return self }
        var timed = self
        timed.moment = reads.source.now()
        return timed
    }

    /// The same with all rows from history.
    func inHistory() -> RowLookup {
        var asked = self
        asked.wantsHistory = true
        return asked
    }

    /// Roles of the rows: those of the views, and one more for what is computed.
    var roleCount: Int { views.count + (computation == nil ? 0 : 1) }

    /// How often a moment is looked for at which nothing is being applied; each look takes some 100 ns.
    private static let attemptsMax = 100
    /// How long a change of many rows is waited for.
    private static let changeWaitMs = 2_000

    /// What becomes of a look-up on an event loop.
    package enum Answer {
        case outcome(CommandOutcome)
        /// Another catalog has taken the place of the request's, which is to be understood anew.
        case isStale
        /// Memory has everything, and it is too much to compute at once.
        case isBeyond
    }

    /// Answers at once where all views are resident, else later.
    ///
    /// A reply that tells a position has exactly that position's rows. Only where changes of many rows follow one another
    /// without a pause, or where rows come from PostgreSQL, they may be newer. Of an earlier time, rows come from memory
    /// where those there are no newer, else all of them from history, at one position. A reply with windows has rows of one
    /// position, whether it tells that or not: those that memory has at a moment, or all of them from history.
    /// - Parameters:
    ///   - catalog: that the views are of.
    ///   - position: one that had been reached before the catalog was taken.
    package func answer(
        _ form: some RowReply,
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ reply: inout ReplyWriter
    ) -> Answer {
        guard let memories = residentMemories else {
            return .outcome(.deferred(later(form, reads, of: catalog, after: position, reply.version)))
        }
        guard wantsPosition || time != nil || hasWindows else {
            visit(memories, reads) { form.write($0, position: position, to: &reply) }
            return .outcome(.replied)
        }
        let version = reply.version
        attempts: for _ in 0..<Self.attemptsMax {
            // A memory of an older catalog is followed no more.
            guard reads.source.catalog() === catalog else { return .isStale }
            switch visitExactly(memories, reads, of: catalog, { form.write($0, position: $1, to: &reply) }) {
            case .visited: return .outcome(.replied)
            case .isNewer: break attempts
            case .isBeyond: return .isBeyond
            case .isChanging: continue
            }
        }
        guard time == nil, !hasWindows else {
            return .outcome(.deferred(inHistory().later(form, reads, of: catalog, after: position, version)))
        }
        return .outcome(
            .deferred(
                DeferredReply { finish in
                    reads.source.whenReached(reads.source.position() + 1, Self.changeWaitMs) { _ in
                        fetch(form, reads, of: catalog, after: position, version, finish)
                    }
                }
            )
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

    /// Whether all views are in memory, windows with their events.
    package var isResident: Bool { views.allSatisfy { $0.residentRows != nil } }

    /// One a role; `nil` where some are not in memory.
    var residentMemories: [ViewMemory]? {
        let memories = views.compactMap(\.residentRows)
        return memories.count == views.count ? memories : nil
    }

    /// Calls `body` while none of the memories changes, nor events of which windows are computed.
    /// - Parameter memories: one a role.
    func withReaders<Result>(_ memories: [ViewMemory], _ body: ([ViewMemory.SharedReader]) -> Result) -> Result {
        ViewMemory.withReaders(memories) { readers in
            guard hasWindows else { return body(readers) }
            let events = views.indices.compactMap { computed($0, memories)?.events }
            return EventMemory.withReading(events) { body(readers) }
        }
    }

    /// What computes a role's rows in memory; `nil` where they are found.
    func computed(_ role: Int, _ memories: [ViewMemory]) -> ResidentRole? {
        guard let resident = views[role].resident, memories[role] === resident.placeholder else { return nil }
        return resident
    }

    /// What the keys take, and what the request gives besides.
    package var keyBytes: Int { keys.reduce(0) { $0 + $1.memoryBytes } + (computation?.byteCount ?? 0) }

    /// What the rows take that ``memories(_:after:_:)`` fetched.
    func fetchedBytes(_ memories: [ViewMemory]) -> Int {
        var seen: [ViewMemory] = []
        for (view, memory) in zip(views, memories)
        where view.residentRows !== memory && !seen.contains(where: { $0 === memory }) { seen.append(memory) }
        return seen.reduce(0) { $0 + $1.figures.bytes }
    }

    /// Whether a view's rows are to be fetched.
    private func isMissing(_ view: ServedView) -> Bool {
        isFromHistory || view.residentRows == nil
    }

    /// Gets a memory for each role: the view's, or where it has none one with the rows that the keys name, by one query a
    /// view. Of an earlier time, all of them from history.
    /// - Parameters:
    ///   - position: of history, where ``time`` is given.
    ///   - finish: called once, from any thread.
    package func memories(
        _ reads: FeatureReads,
        after position: Int64,
        _ finish: @escaping @Sendable (Result<[ViewMemory], ServingError>) -> Void
    ) {
        // A role of which the request gives everything has no keys, and nothing to fetch.
        let asked = zip(views, keys).filter { view, keys in
            isMissing(view) && keys.count > 0
        }
        let missing = Self.each(of: asked.map(\.0))
        let group = FetchGroup(count: missing.count) { result in
            finish(
                result.map { fetched in
                    views.compactMap { view in
                        if !isMissing(view), let memory = view.residentRows { return memory }
                        guard let place = missing.firstIndex(where: { $0 === view }) else {
                            return ViewMemory(layout: view.layout)
                        }
                        return fetched[place]
                    }
                }
            )
        }
        if missing.isEmpty { return group.finishEmpty() }
        for (index, view) in missing.enumerated() {
            let columns = LookupKeys.columns(zip(views, keys).filter { $0.0 === view }.map(\.1))
            if isFromHistory || view.windows != nil {
                let newest = view.windows == nil ? Timestamp.latest.microseconds : moment ?? reads.source.now()
                reads.source.fetchHistory(view, columns, time ?? newest, position) { group.ended(index, $0) }
            } else {
                reads.source.fetch(view, columns) { group.ended(index, $0) }
            }
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
        let timed = timed(reads)
        timed.memories(reads, after: position) { result in
            switch result {
            case .failure(let error): finish { $0.fault(CommandFault(error)) }
            case .success(let memories):
                // Not on the thread of a commit or a connection to PostgreSQL, where this may be.
                reads.large.short {
                    var reply = ReplyWriter(version: version)
                    guard timed.write(form, memories, reads, of: catalog, after: position, &reply) else {
                        return timed.inHistory().fetch(form, reads, of: catalog, after: position, version, finish)
                    }
                    let made = reply
                    finish { $0.encoded(made) }
                }
            }
        }
    }

    /// Answers from memories, exactly where that is asked for and can be had.
    /// - Returns: as ``visit(_:_:of:after:_:)``.
    func write(
        _ form: some RowReply,
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ reply: inout ReplyWriter
    ) -> Bool {
        visit(memories, reads, of: catalog, after: position) { form.write($0, position: $1, to: &reply) } != nil
    }

    /// Calls `body` once with the rows of memories, exactly those of a position where that is asked for and can be had.
    /// - Parameter position: one that the rows reflect.
    /// - Returns: whether they are exactly those of the position that `body` got; `nil` where windows cannot be computed of what is in
    ///   memory, and `body` was not called: history is to answer.
    @discardableResult
    func visit(
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ body: (borrowing FoundRows, Int64) -> Void
    ) -> Bool? {
        let isComputed = isComputed(memories)
        if isComputed || isResident && wantsPosition && time == nil && !wantsHistory {
            for _ in 0..<Self.attemptsMax {
                switch visitExactly(memories, reads, of: catalog, body) {
                case .visited: return true
                case .isNewer, .isBeyond: if isComputed { return nil }
                case .isChanging: continue
                }
            }
            if isComputed { return nil }
        }
        visit(memories, reads) { body($0, position) }
        return isFromHistory
    }

    /// Whether some role's rows are computed in memory.
    func isComputed(_ memories: [ViewMemory]) -> Bool { views.indices.contains { computed($0, memories) != nil } }

    /// Whether all rows are fetched from history, those of one position.
    ///
    /// Windows that PostgreSQL's events make are those of a position, so that the other rows of the reply are, too: else it could
    /// show half of a commit.
    var isFromHistory: Bool { wantsHistory || time != nil || hasWindows && !isResident }

    private static func each(of views: [ServedView]) -> [ServedView] {
        var seen: [ServedView] = []
        for view in views where !seen.contains(where: { $0 === view }) { seen.append(view) }
        return seen
    }
}
