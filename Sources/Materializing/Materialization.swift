package import Features
import PointInTime
import Postgres
package import Store

/// What a run of `asof materialize` asks for.
package struct MaterializationOptions: Sendable {
    /// `nil` = the watermark less the lateness; where there is no watermark, the earliest event time.
    package var from: Timestamp?
    /// `nil` = PostgreSQL's clock when the run starts.
    package var to: Timestamp?
    /// The length of each chunk; `nil` = whole days, as many as make a chunk of a good size.
    package var chunk: Interval?
    /// Counts the rows that the SQL gives, and writes nothing.
    package var isDryRun = false
    package var newPartitionsMax = Limits.newPartitionsMax

    package init() {}
}

/// Runs a batch view's SQL over a window of event times, chunk by chunk; each chunk is one transaction.
///
/// A chunk's rows, the online table and the watermark move in one commit, so that a run that is killed goes on with the
/// chunk it was at. Chunks end at multiples of their unit since 1970 UTC. The caller holds a ``MaterializationLock``.
package final class Materialization {
    private let session: Session
    private let view: StoredView
    private let query: MaterializationQuery
    private let options: MaterializationOptions
    private var watermark: Timestamp?
    private var catalog: KnownPartitions
    private var newPartitions = 0
    /// For partitions, which are made while the chunk's transaction is open.
    private var other: Session?
    /// Chunk lengths in units.
    private var units: Int64 = 1
    /// Event times from which the next chunk starts.
    private var next: Timestamp
    /// What is asked for; empty where there is nothing to do.
    package let window: Range<Timestamp>
    package private(set) var summary = Summary()

    /// What a run did so far.
    package struct Summary: Sendable {
        package var chunks = 0
        /// Rows that the SQL gave.
        package var rows = 0
        /// Of those, the ones that history had already.
        package var known = 0
        /// Further ones that history had with floats that differ within the view's tolerance: not stored.
        package var suppressed = 0
        /// How the new ones met the view's expectations; those that did not and are not stored are among ``rows``.
        package var tally = ExpectationTally()
        /// What was not stored, or stored although it is not as expected, in words: the first of each feature, and shares.
        package var warnings: [String] = []
        package var stored = 0
        package var late = 0
        /// The last state that the run made.
        package var state: LedgerState?
        package var watermark: Timestamp?
    }

    /// One chunk that was committed, or counted in a dry run.
    package struct Chunk: Sendable {
        package let window: Range<Timestamp>
        package let rows: Int
        package let stored: Int
        package let state: LedgerState?
        fileprivate var checked = CheckedStage()
    }

    /// Checks the SQL's columns and resolves the window.
    ///
    /// - Throws: ``StoreError/request(_:)`` for SQL that does not fit the view, and for a window that ends in the future.
    package init(_ session: Session, _ view: StoredView, _ options: MaterializationOptions) throws(StoreError) {
        self.session = session
        self.view = view
        self.options = options
        query = try MaterializationQuery(view, session)
        catalog = KnownPartitions(view: view)
        watermark = try Watermark(view).read(session)
        summary.watermark = watermark
        let now = Timestamp(microseconds: try ServerClock(session).now)
        let to = options.to ?? now
        guard to.microseconds <= now.microseconds + Limits.futureUsMax else {
            throw .request(
                "--to \(to.text) lies ahead of PostgreSQL's clock (\(now.text)): those rows are still to come"
            )
        }
        let lateness = view.definition.source?.lateness ?? .zero
        var from = options.from
        if from == nil, let watermark {
            from = Timestamp(
                microseconds: max(
                    watermark.microseconds.subtractingSaturating(lateness.microseconds),
                    Timestamp.earliest.microseconds
                )
            )
        }
        if from == nil, Timestamp.earliest < to {
            from = try query.count(Timestamp.earliest..<to, session).earliest.map { max($0, Timestamp.earliest) }
        }
        let start = from ?? to
        window = start < to ? start..<to : to..<to
        next = window.lowerBound
    }

    private var unitUs: Int64 { options.chunk?.microseconds ?? 86_400_000_000 }

    /// The chunk that comes next; `nil` at the window's end.
    package var nextWindow: Range<Timestamp>? {
        guard next < window.upperBound else { return nil }
        let start = next.microseconds.flooredQuotient(unitUs) * unitUs
        let (length, tooLong) = unitUs.multipliedReportingOverflow(by: units)
        let (end, tooLate) = start.addingReportingOverflow(length)
        let bound = tooLong || tooLate ? window.upperBound : Timestamp(microseconds: end)
        return next..<min(bound, window.upperBound)
    }

    /// Runs the next chunk.
    ///
    /// - Returns: `nil` where none is left.
    /// - Throws: what is wrong with the SQL or its rows, with view and chunk; chunks before it stay.
    package func runNext() throws(StoreError) -> Chunk? {
        guard let part = nextWindow else { return nil }
        let chunk: Chunk
        if options.isDryRun {
            let count = try query.count(part, session)
            chunk = Chunk(window: part, rows: count.rows, stored: 0, state: nil, checked: CheckedStage())
        } else {
            chunk = try write(part)
        }
        next = part.upperBound
        summary.chunks += 1
        summary.rows += chunk.rows
        summary.stored += chunk.stored
        summary.add(chunk.checked)
        if let state = chunk.state { summary.state = state }
        adapt(chunk.rows)
        return chunk
    }

    /// Where the user leaves it to us, a chunk grows while it is small and shrinks when it is large.
    private func adapt(_ rows: Int) {
        guard options.chunk == nil else { return }
        if rows * 2 <= MaterializingLimits.chunkRows {
            units = min(units * 2, Int64(MaterializingLimits.chunkUnitsMax))
        }
        if rows > MaterializingLimits.chunkRows * 2 { units = max(units / 2, 1) }
    }

    private func write(_ part: Range<Timestamp>) throws(StoreError) -> Chunk {
        var attempt = 0
        while true {
            do throws(StoreError) {
                return try writeOnce(part)
            } catch {
                attempt += 1
                guard case .database(let cause) = error, cause.isRetryable, attempt <= Limits.retriesMax else {
                    throw error
                }
            }
        }
    }

    private func writeOnce(_ part: Range<Timestamp>) throws(StoreError) -> Chunk {
        var staged: StagedRows?
        var transactionOptions = Connection.TransactionOptions.write
        transactionOptions.statementTimeoutMs = Limits.batchQueryTimeoutMs
        let transaction = try WriteTransaction(session: session, views: [view], options: transactionOptions) {
            (session: Session) throws(StoreError) -> Void in
            try prepare(session)
            try Watermark(view).lock(expecting: watermark, session)
            try query.fillStage(part, session)
            let rows = try StagedRows(query, part, session)
            try makePartitions(rows)
            staged = rows
        }
        do throws(StoreError) {
            guard let staged else { throw .conflict("the chunk has no rows to look at") }
            let known = try staged.removeKnown()
            let checked = try staged.checkExpectations(part)
            let count = staged.rowCount - known.equal - known.suppressed - checked.tally.refused
            var counts = WriteCounts()
            if count > 0 {
                transaction.keep(checked.tally, of: view)
                counts = try transaction.write(
                    staged,
                    rows: count,
                    suppressed: known.suppressed,
                    source: "sql \(part.text)"
                )
            }
            let moved = newWatermark(after: part)
            if let moved { try Watermark(view).move(to: moved, batch: count > 0 ? transaction.batch : nil, session) }
            var state: LedgerState?
            let subject = "the chunk \(part.text) of view '\(view.name)'"
            let advice = "Run the command again: it goes on where this one ended"
            if count > 0 {
                state = try transaction.commit(subject, advice: advice)
            } else {
                try transaction.commitWithoutRows(subject, advice: advice)
            }
            if let moved {
                watermark = moved
                summary.watermark = moved
            }
            summary.known += known.equal
            summary.suppressed += known.suppressed
            summary.late += counts.late
            return Chunk(
                window: part,
                rows: staged.rowCount,
                stored: counts.stored,
                state: state,
                checked: checked
            )
        } catch {
            transaction.rollBack()
            throw error
        }
    }

    private func prepare(_ session: Session) throws(StoreError) {
        var settings = "SELECT set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, "
        settings += "\(MaterializingLimits.workMiB * 1_024))::text || 'kB', true);"
        // Floats that are added up depend on the order of the rows: neither workers nor scans that start where another one
        // is may change it from run to run.
        settings += "SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL synchronize_seqscans = off;"
        // A client that is gone stops its query.
        if session.connection.serverVersion >= 140_000 {
            settings += "SET LOCAL enable_async_append = off; SET LOCAL client_connection_check_interval = '2s';"
        }
        try session.execute(settings)
    }

    /// Before the view is locked: whoever waits for an exclusive lock on it must not stand between the two sessions.
    private func makePartitions(_ rows: StagedRows) throws(StoreError) {
        let wanted = try rows.partitions()
        guard !wanted.isEmpty else { return }
        let other: Session
        if let made = self.other {
            other = made
        } else {
            other = try Session(conninfo: session.conninfo, interruption: session.interruption)
        }
        self.other = other
        let missing = try catalog.missing(wanted, other)
        guard !missing.isEmpty else { return }
        guard newPartitions + missing.count <= options.newPartitionsMax else {
            throw .input(
                """
                the sql of view '\(view.name)' gives event times from \(rows.eventTimes?.lowerBound.text ?? "") to \
                \(rows.eventTimes?.upperBound.text ?? ""), which would open \(newPartitions + missing.count) new partitions of \
                one \(view.definition.partition.rawValue) each; \(options.newPartitionsMax) are allowed in one run. If the \
                times are right, say --new-partitions-max N
                """
            )
        }
        try catalog.make(missing, other)
        newPartitions += missing.count
    }

    /// The watermark after a chunk: it never falls, and never leaps over event times that were not asked for.
    private func newWatermark(after part: Range<Timestamp>) -> Timestamp? {
        guard let watermark else { return part.upperBound }
        return part.lowerBound <= watermark && part.upperBound > watermark ? part.upperBound : nil
    }
}

extension Materialization {
    /// The part of the window that is done, from 0 to 1.
    package var done: Double {
        let length = Double(window.upperBound.microseconds) - Double(window.lowerBound.microseconds)
        guard length > 0, let next = nextWindow?.lowerBound else { return 1 }
        return (Double(next.microseconds) - Double(window.lowerBound.microseconds)) / length
    }
}

extension Materialization.Summary {
    fileprivate mutating func add(_ checked: CheckedStage) {
        tally.add(checked.tally)
        // The first of each kind says enough: further chunks' ones are counted.
        for warning in checked.warnings where warnings.count < MaterializingLimits.warningsMax {
            warnings.append(warning)
        }
    }
}
