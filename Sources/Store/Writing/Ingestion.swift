package import Features
package import PointInTime

/// How an ingest writes.
package struct IngestionOptions: Sendable {
    /// Refuses event times more than ``Limits/futureUsMax`` ahead of PostgreSQL's clock.
    package var refusesFuture = true
    /// Reads the source from its start, whatever was read of it before.
    package var startsOver = false
    package var newPartitionsMax = Limits.newPartitionsMax
    package var batchRowsMax = Limits.batchRowsMax
    package var batchBytesMax = Limits.batchBytesMax
    /// How long a batch waits for each lock: for whoever changes or rebuilds the view, or ingests the same source.
    package var lockTimeoutMs = Limits.lockTimeoutMs
    /// The options that give the input its meaning, spelled out; a rerun must have the same.
    package var meaning = ""

    package init() {}
}

/// What an ingest did.
package struct IngestionSummary: Sendable {
    /// Input rows that this run stored or replaced by later rows of their batch.
    package var rows = 0
    package var counts = WriteCounts()
    /// Input rows that this run set aside.
    package var rejected = 0
    /// Of ``rows``, those with an event or known-at time finer than µs, which was rounded up.
    package var roundedUp = 0
    /// Input rows that an earlier run had consumed.
    package var resumedRows = 0
    package var batches = 0
    package var eventTimes: ClosedRange<Timestamp>?
    /// The state that the last batch made; `nil` where nothing was written.
    package var state: LedgerState?
    package var newPartitions = 0
    /// Of ``rows``, those of each view.
    package var rowsByView: [String: Int] = [:]
    /// How the rows of each view met its expectations; views that expect nothing are left out.
    package var tallies: [String: ExpectationTally] = [:]
    /// What was stored although it is not as expected.
    package var warnings: [String] = []

    package init() {}

    /// Values that are stored although they are not as expected.
    package var warned: Int { tallies.values.reduce(0) { $0 + $1.warned } }

    /// What is stored although it is not as expected, in words: of each feature how many values, and the first of them.
    package var expectationWarnings: [String] {
        let values = tallies.sorted { $0.key < $1.key }.flatMap { view, tally in
            tally.features.filter { $0.warned > 0 }.map { feature in
                let first = feature.firstWarning.map { ": the first in row \($0.row): \($0.text)" } ?? ""
                return
                    "view '\(view)': \(feature.warned) of \(feature.rows) values are not as expected, and stored\(first)"
            }
        }
        return values + warnings
    }

    mutating func add(_ outcome: BatchOutcome) {
        newPartitions += outcome.newPartitions
        guard let state = outcome.state else {
            resumedRows += outcome.rows
            return
        }
        self.state = state
        rows += outcome.rows
        rowsByView.merge(outcome.rowsByView) { $0 + $1 }
        for (view, tally) in outcome.tallies { tallies[view, default: ExpectationTally()].add(tally) }
        warnings += outcome.warnings
        batches += 1
        counts.add(outcome.counts)
        eventTimes =
            eventTimes.map {
                min($0.lowerBound, outcome.eventTimes.lowerBound)...max($0.upperBound, outcome.eventTimes.upperBound)
            } ?? outcome.eventTimes
    }
}

/// Takes the rows of one source into one view, batch by batch; each batch is one transaction.
///
/// With a source, a rerun skips what is stored: the checkpoint moves in the batch's own transaction. Rows that were
/// consumed before are compared with the checkpoint's digest on the way.
package final class Ingestion {
    private let view: StoredView
    private let options: IngestionOptions
    private let clock: ServerClock
    /// The features that the source has. Those it lacks are not compared, so that the view may get more of them.
    private let ownFeatures: [Int]
    /// Over every row that came in, stored before or now.
    private var digest: InputDigest
    private var queue: BatchQueue

    package var summary: IngestionSummary { queue.summary }

    /// - Parameters:
    ///   - session: not to be used by anybody else until ``finish()`` has returned or something has thrown.
    ///   - source: `nil` = input that nobody could recognize again: nothing is skipped.
    ///   - columns: names and types of the columns that the source has, in ``ViewRows`` order; the rows that follow have
    ///     nulls for features that are not among them.
    /// - Throws: ``StoreError/source(_:)`` where the source was read before with other options.
    package init(
        session: Session,
        view: StoredView,
        source: SourceIdentity?,
        columns: [(name: String, type: FeatureType)],
        options: IngestionOptions
    ) throws(StoreError) {
        self.view = view
        self.options = options
        clock = try ServerClock(session)
        digest = InputDigest(columns: columns)
        ownFeatures = view.definition.features.indices.filter { index in
            columns.contains { $0.name == view.definition.features[index].name }
        }
        queue = try BatchQueue(session: session, sourceView: view.id, source: source, options: options)
    }

    /// Rows of the source that earlier runs consumed.
    package var resumesAt: Int { queue.start.rows }

    /// What names the source in the store; empty for input that nobody could recognize.
    package var source: String { queue.start.source }

    /// What is wrong with the decodable rows of the next part of the input, as far as they are not stored already and may
    /// be set aside: what stops a batch is for ``append(_:undecodable:faulty:)`` to find.
    package func faults(_ rows: ViewRows, undecodable: [UndecodableRow] = []) -> [RowFault] {
        let known = split(rows, undecodable).rows
        let checks = RowChecks(view: view, now: clock.now, refusesFuture: options.refusesFuture)
        guard known > 0 else { return checks.faults(rows).filter { !$0.isStop } }
        return checks.faults(rows.slice(known..<rows.rowCount)).filter { !$0.isStop }.map { fault in
            var fault = fault
            fault.row += known
            return fault
        }
    }

    /// How much of the next part of the input lies before the checkpoint.
    private func split(_ rows: ViewRows, _ undecodable: [UndecodableRow]) -> (rows: Int, undecodable: Int) {
        guard !queue.isVerified else { return (0, 0) }
        let known = min(rows.rowCount + undecodable.count, queue.start.rows - digest.rowCount)
        let others = undecodable.count { $0.offset < known }
        return (known - others, others)
    }

    /// Takes the next rows of the input; writes a batch whenever one is full.
    ///
    /// - Parameters:
    ///   - undecodable: the rows between them that are set aside, ascending.
    ///   - faulty: those of `rows` that are set aside, too, ascending; of rows before the checkpoint none matters.
    /// - Throws: ``StoreError/row(_:reason:)`` for the first row that cannot be stored: rows before it that are not committed
    ///   yet are not lost, a rerun brings them again. Also what went wrong with a batch before.
    package func append(
        _ rows: ViewRows,
        undecodable: [UndecodableRow] = [],
        faulty: [RowFault] = []
    ) throws(StoreError) {
        var rows = rows
        var undecodable = undecodable[...]
        var faulty = faulty
        if !queue.isVerified {
            let known = split(rows, Array(undecodable))
            let seen = rows.slice(0..<known.rows)
            if seen.finerCount > 0 { try queue.seeFinerTimes() }
            digest.update(compared(seen), known.rows, undecodable.prefix(known.undecodable))
            guard digest.rowCount == queue.start.rows else { return }
            try queue.verify(digest.value())
            guard known.rows < rows.rowCount || known.undecodable < undecodable.count else { return }
            let consumed = known.rows + known.undecodable
            rows = rows.slice(known.rows..<rows.rowCount)
            undecodable = undecodable.dropFirst(known.undecodable)
            for index in undecodable.indices { undecodable[index].offset -= consumed }
            faulty = faulty.filter { $0.row >= known.rows }
            for index in faulty.indices { faulty[index].row -= known.rows }
        }
        let good = rows.removing(faulty.map(\.row))
        let checks = RowChecks(view: view, now: clock.now, refusesFuture: options.refusesFuture)
        let inspected = checks.inspect(good)
        let number = { [before = digest.rowCount] (row: Int) in
            let row = Self.place(of: row, beside: faulty.map(\.row))
            return before + Self.place(of: row, beside: undecodable.map(\.offset)) + 1
        }
        if let first = inspected.faults.first {
            try queue.settle()
            throw .row(number(first.row), reason: first.reason)
        }
        var tally = inspected.tally
        tally.locateWarnings(number)
        tally.addRefused(faulty)
        digest.update(compared(rows), rows.rowCount, undecodable)
        queue.summary.rejected += undecodable.count + faulty.count
        queue.append(good, to: view, tally)
        if queue.isFull { try queue.flush(rowCount: digest.rowCount, digest: digest.value()) }
    }

    /// Where a row stands among all, if it is one of those that are not among `others`, which ascend.
    private static func place(of row: Int, beside others: [Int]) -> Int {
        others.reduce(row) { $1 <= $0 ? $0 + 1 : $0 }
    }

    private func compared(_ rows: ViewRows) -> [Column] {
        rows.keys + [rows.eventTimes] + [rows.knownAt, rows.isDeleted].compactMap(\.self)
            + ownFeatures.map { rows.features[$0] }
    }

    /// Writes what is pending, and waits until all is committed.
    package func finish() throws(StoreError) -> IngestionSummary {
        try queue.checkEnd(rowCount: digest.rowCount)
        try queue.flush(rowCount: digest.rowCount, digest: digest.value())
        try queue.settle()
        return summary
    }

    /// Waits for the batch under way, so that ``summary`` says all that is stored.
    package func settle() throws(StoreError) { try queue.settle() }
}
