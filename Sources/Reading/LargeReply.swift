import Dispatch
import Online
import Serving
import Synchronization
package import Wire

/// Makes large replies beside the event loops, on a thread of its own: a piece of one, then a piece of the other.
///
/// Only so many at a time are in the making, since each may grow to ``WireLimits/replyBytesMax``; others wait.
package final class LargeReplies: Sendable {
    private struct State {
        var count = 0
        var waiting: [any LargeWork] = []
    }

    /// From where on replies are made here, and in which pieces.
    package struct Sizes: Sendable {
        /// Values of text that an event loop writes: some 3 ms.
        var inlineValuesMax = 65_536
        /// Numbers of packed rows that it copies: some 1 ms.
        var inlineNumbersMax = 524_288
        /// Operations of derived columns that it computes: some 2 ms.
        var inlineOperationsMax = 262_144
        /// Bytes that it writes before it leaves a reply to others.
        var inlineBytesMax = 4 << 20
        /// Arguments that it reads: an entity of several keys takes about a microsecond.
        package var inlineArgumentsMax = 8_192
        /// Rows that are looked up at a time, and the bytes of them that are written then.
        var pieceRows = 2_048
        var pieceBytes = 1 << 20

        /// Of a reply that an event loop writes.
        package var inlineLimits: ReplyLimits {
            ReplyLimits(bytesMax: inlineBytesMax, valuesMax: WireLimits.replyValuesMax)
        }
    }

    package let sizes: Sizes
    private let queue = DispatchQueue(label: "asof.replies", qos: .userInitiated)
    private let shortQueue = DispatchQueue(label: "asof.replies.short", qos: .userInitiated)
    private let state = Mutex(State())

    init(_ sizes: Sizes = Sizes()) { self.sizes = sizes }

    /// Makes a reply when it has its turn, or refuses it where too many wait.
    package func make(_ work: some LargeWork) {
        let (starts, waits) = state.withLock { state in
            if state.count < ReadingLimits.largeRepliesMax {
                state.count += 1
                return (true, false)
            }
            guard state.waiting.count < ReadingLimits.waitingRepliesMax else { return (false, false) }
            state.waiting.append(work)
            return (false, true)
        }
        if starts { return run(work) }
        if waits { return }
        let fault = CommandFault(
            .limit,
            "\(ReadingLimits.waitingRepliesMax) large reads wait for their turn, which is as many as may; try again later"
        )
        work.finish { $0.fault(fault) }
    }

    /// Runs what takes a few ms at most, and so need not wait for large replies.
    package func short(_ body: @escaping @Sendable () -> Void) { shortQueue.async(execute: body) }

    private func run(_ work: any LargeWork) {
        queue.async { [self] in
            guard work.step() else { return run(work) }
            let next: (any LargeWork)? = state.withLock { state in
                if !state.waiting.isEmpty { return state.waiting.removeFirst() }
                state.count -= 1
                return nil
            }
            if let next { run(next) }
        }
    }
}

/// Work in pieces of some milliseconds.
package protocol LargeWork: Sendable {
    /// Takes the reply.
    var finish: @Sendable (@escaping DeferredReply.Body) -> Void { get }
    /// - Returns: whether that was the last piece.
    func step() -> Bool
}

/// Whether the client for whom a reply is made has gone.
package final class ReadCancellation: Sendable {
    private let flag = Atomic(false)

    func cancel() { flag.store(true, ordering: .relaxed) }
    package var isCancelled: Bool { flag.load(ordering: .relaxed) }
}

extension DeferredReply {
    /// A read that ends early where nobody is left for its reply.
    package static func read(
        _ start: @escaping @Sendable (ReadCancellation, @escaping @Sendable (@escaping Body) -> Void) -> Void
    ) -> DeferredReply {
        let cancellation = ReadCancellation()
        return DeferredReply(abandon: { cancellation.cancel() }, start: { start(cancellation, $0) })
    }
}

/// What takes too long for an event loop before it is known how large the reply is: the reading of many arguments.
package struct LargeArguments: LargeWork {
    package let finish: @Sendable (@escaping DeferredReply.Body) -> Void
    package let body: @Sendable () -> Void

    package init(
        finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void,
        body: @escaping @Sendable () -> Void
    ) {
        self.finish = finish
        self.body = body
    }

    package func step() -> Bool {
        body()
        return true
    }
}

/// A reply of many rows or long values in the making.
///
/// Memories are locked for one piece at a time, so rows are whole, and those of different pieces may be of different
/// positions. Where the reply tells one, it is made again if anything was applied meanwhile; where that happens time and
/// again, its position is one that all rows reflect at least. With windows that are computed in memory it is always of one
/// position: where it cannot be made so, all rows come from history.
///
/// `@unchecked Sendable`: used on the thread of ``LargeReplies`` only.
final class LargeReply: LargeWork, @unchecked Sendable {
    private let request: FeatureRequest
    /// One a role.
    private let memories: [ViewMemory]
    private let reads: FeatureReads
    private let catalog: Catalog
    /// That all rows reflect.
    private let after: Int64
    private let version: ProtocolVersion
    private let cancellation: ReadCancellation
    let finish: @Sendable (@escaping DeferredReply.Body) -> Void

    private var parts: ReplyParts
    private var row = 0
    private var attempt = 0
    /// Rows whose windows are computed at a time.
    private var computedRows = Int.max
    /// Whether windows are computed in memory.
    private let isComputed: Bool
    private var isCounted: Bool
    private var start: (changes: UInt64?, position: Int64) = (nil, 0)
    /// As of when all rows are.
    private var time: Int64 = 0

    private static let attemptsMax = 3

    init(
        _ request: FeatureRequest,
        _ memories: [ViewMemory],
        _ reads: FeatureReads,
        of catalog: Catalog,
        after position: Int64,
        _ version: ProtocolVersion,
        _ cancellation: ReadCancellation,
        _ finish: @escaping @Sendable (@escaping DeferredReply.Body) -> Void
    ) {
        self.request = request
        self.memories = memories
        self.reads = reads
        self.catalog = catalog
        after = position
        self.version = version
        self.cancellation = cancellation
        self.finish = finish
        isCounted = request.lookup.isCounted
        isComputed = request.lookup.isComputed(memories)
        parts = ReplyParts(request, version)
        begin()
    }

    private func begin() {
        row = 0
        parts = ReplyParts(request, version)
        start.changes = reads.source.changeCount()
        start.position = reads.source.position()
        // Only what a catalog that was taken afterwards has reflects that position.
        if reads.source.catalog() !== catalog || request.lookup.isFromHistory { start = (nil, after) }
        time = request.lookup.requestTime(reads)
    }

    func step() -> Bool {
        if cancellation.isCancelled {
            // Nobody reads it.
            finish { $0.null() }
            return true
        }
        let lookup = request.lookup
        let keys = row..<min(row + min(pieceRows, computedRows), lookup.rowCount)
        let rows = FoundRows(rowCount: keys.count, roleCount: lookup.roleCount, time: time, refusal: lookup.refusal)
        var hasEvents = true
        var isBeyond = false
        lookup.withReaders(memories) { readers in
            hasEvents = lookup.hasEvents(memories, at: time)
            guard hasEvents else { return }
            var budget = RowLookup.budget
            let found = lookup.find(keys, rows, readers, memories, reads, isCounted: isCounted, &budget)
            guard let kept = found else {
                isBeyond = true
                return
            }
            defer { withExtendedLifetime(kept) {} }
            if rows.refusal?.fault != nil { return }
            let count =
                request.options.format == .packed32 || request.options.format == .packed64
                ? keys.count : request.plan.rowsWithin(reads.large.sizes.pieceBytes, rows, 0..<keys.count)
            parts.add(rows, 0..<count)
            row += count
        }
        if !hasEvents || isBeyond && keys.count == 1 { return answerFromHistory() }
        if isBeyond {
            computedRows = keys.count / 2
            return false
        }
        if let fault = rows.refusal?.fault {
            finish { $0.fault(fault) }
            return true
        }
        guard row == lookup.rowCount || parts.isRefused else { return false }
        let isTold = lookup.wantsPosition && !lookup.isFromHistory
        if isTold || isComputed, !parts.isRefused, !isOfOnePosition {
            isCounted = false
            guard attempt < Self.attemptsMax else {
                if isComputed { return answerFromHistory() }
                return end()
            }
            attempt += 1
            begin()
            return false
        }
        return end()
    }

    private func end() -> Bool {
        let reply = parts.end(position: max(start.position, after), time: time)
        finish { $0.encoded(reply) }
        return true
    }

    /// Begins anew, with all rows from history.
    /// - Returns: `true`, since somebody else goes on.
    private func answerFromHistory() -> Bool {
        request.inHistory.answer(reads, of: catalog, after: after, version, cancellation, finish)
        return true
    }

    /// How many rows are looked up at a time: packed ones are all copied, and of others only what fits is written.
    private var pieceRows: Int {
        let (plan, sizes) = (request.plan, reads.large.sizes)
        let rowBytes =
            switch request.options.format {
            case .rows, .columns: plan.textBytesMax
            case .packed32: plan.packedRowBytes(isDouble: false)
            case .packed64: plan.packedRowBytes(isDouble: true)
            }
        let cost = request.lookup.computation?.columns.cost ?? 0
        return min(
            sizes.pieceRows,
            max(1, sizes.pieceBytes / max(1, rowBytes)),
            max(1, sizes.inlineOperationsMax / max(1, cost))
        )
    }

    private var isOfOnePosition: Bool {
        guard let changes = start.changes else { return false }
        return reads.source.changeCount() == changes && reads.source.catalog() === catalog
    }
}

/// The parts of a reply that grow together while rows come: where they stand one behind another, each is written apart.
struct ReplyParts: Sendable {
    private let request: FeatureRequest
    private var reply: ReplyWriter
    /// Columns, where values stand so.
    private var columns: [ReplyWriter] = []
    /// With META, of all rows or of each column.
    private var statuses: [ReplyWriter] = []
    private var times: [ReplyWriter] = []

    init(_ request: FeatureRequest, _ version: ProtocolVersion) {
        self.request = request
        reply = ReplyWriter(version: version)
        request.writeHead(&reply)
        let part = ReplyWriter(version: version)
        let columnCount = request.plan.fields.count
        if request.isByColumn { columns = Array(repeating: part, count: columnCount) }
        if request.options.hasMeta {
            statuses = Array(repeating: part, count: request.isByColumn ? columnCount : 1)
            times = statuses
        }
    }

    /// Whether the parts together are more than a reply may be.
    var isRefused: Bool { reply.isRefused }

    mutating func add(_ rows: borrowing FoundRows, _ range: Range<Int>) {
        let plan = request.plan
        switch request.options.format {
        case .rows: request.writeRows(rows, range, &reply)
        case .columns: for column in columns.indices { plan.writeColumn(column, rows, range, to: &columns[column]) }
        case .packed32, .packed64:
            plan.writePackedRows(rows, range, isDouble: request.options.format == .packed64, to: &reply)
        }
        if request.options.hasMeta {
            if request.isByColumn {
                for column in columns.indices {
                    request.writeStatuses(rows, range, column..<column + 1, &statuses[column])
                    request.writeEventTimes(rows, range, column..<column + 1, &times[column])
                }
            } else {
                request.writeStatusRows(rows, range, &statuses[0])
                request.writeEventTimeRows(rows, range, &times[0])
            }
        }
        check()
    }

    private mutating func check() {
        var (bytes, values) = reply.used
        for part in columns + statuses + times {
            if part.isRefused { return refuse() }
            let used = part.used
            bytes += used.bytes
            values += used.values
        }
        if bytes > reply.limits.bytesMax || values > reply.limits.valuesMax { refuse() }
    }

    private mutating func refuse() {
        reply.refuse()
        (columns, statuses, times) = ([], [], [])
    }

    /// The whole reply. Parts are given back as they are copied, so that nothing is there twice but one of them.
    mutating func end(position: Int64, time: Int64) -> ReplyWriter {
        if reply.isRefused { return reply }
        let (rowCount, columnCount) = (request.lookup.rowCount, request.plan.fields.count)
        let isByColumn = request.isByColumn
        func append(_ parts: inout [ReplyWriter], to reply: inout ReplyWriter) {
            for index in parts.indices {
                if isByColumn { reply.array(rowCount) }
                reply.encoded(parts[index])
                parts[index] = ReplyWriter()
            }
        }
        append(&columns, to: &reply)
        request.writeMiddle(&reply)
        if request.options.hasMeta {
            reply.bulk("status")
            reply.array(isByColumn ? columnCount : rowCount)
            append(&statuses, to: &reply)
            reply.bulk("event_time")
            reply.array(isByColumn ? columnCount : rowCount)
            append(&times, to: &reply)
            request.writeEnd(position: position, time: time, &reply)
        }
        return reply
    }
}
