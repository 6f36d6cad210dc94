package import Features
import PointInTime
import Postgres

/// How an ingest writes.
package struct IngestionOptions: Sendable {
    /// Refuses event times more than ``Limits/futureUsMax`` ahead of PostgreSQL's clock.
    package var refusesFuture = true
    /// Reads the source from its start, whatever was read of it before.
    package var startsOver = false
    package var newPartitionsMax = Limits.newPartitionsMax
    package var batchRowsMax = Limits.batchRowsMax
    package var batchBytesMax = Limits.batchBytesMax
    /// The options that give the input its meaning, spelled out; a rerun must have the same.
    package var meaning = ""

    package init() {}
}

/// What an ingest did.
package struct IngestionSummary: Sendable {
    /// Input rows that this run stored or replaced by later rows of their batch.
    package var rows = 0
    package var counts = WriteCounts()
    /// Input rows that an earlier run had stored.
    package var resumedRows = 0
    package var batches = 0
    package var eventTimes: ClosedRange<Timestamp>?
    /// The state that the last batch made; `nil` where nothing was written.
    package var state: LedgerState?
    package var newPartitions = 0
}

/// Takes the rows of one source into one view, batch by batch; each batch is one transaction.
///
/// With a source, a rerun skips what is stored: the checkpoint moves in the batch's own transaction. Rows that were
/// consumed before are compared with the checkpoint's digest on the way.
package final class Ingestion {
    private let session: Session
    private let view: StoredView
    private let identity: SourceIdentity?
    private let options: IngestionOptions
    private let clock: ServerClock
    private var catalog: PartitionCatalog

    private var checkpoint: SourceCheckpoint
    /// Over every row that came in, stored before or now.
    private var digest: ContentDigest
    /// Whether the rows up to the checkpoint have come by and were the same.
    private var isVerified: Bool
    private var pending: ViewRows?
    package private(set) var summary = IngestionSummary()

    /// - Parameters:
    ///   - source: `nil` = input that nobody could recognize again: nothing is skipped.
    ///   - columns: names and types of every column of the rows that follow, in ``ViewRows`` order.
    /// - Throws: ``StoreError/source(_:)`` where the source was read before with other options.
    package init(
        session: Session,
        view: StoredView,
        source: SourceIdentity?,
        columns: [(name: String, type: FeatureType)],
        options: IngestionOptions
    ) throws(StoreError) {
        self.session = session
        self.view = view
        self.identity = source
        self.options = options
        clock = try ServerClock(session)
        catalog = PartitionCatalog(view: view)
        digest = ContentDigest(names: columns.map(\.name), types: columns.map(\.type))
        let start = SourceCheckpoint(source: "", rows: 0, digest: [], options: options.meaning)
        var found = start
        if let source { found = try SourceTable(view: view).find(source, options: options.meaning, session) }
        if options.startsOver {
            found = SourceCheckpoint(source: found.source, rows: 0, digest: [], options: options.meaning)
        }
        guard found.options == options.meaning else {
            throw .source(
                """
                source '\(found.source)' was read before with other options:
                  then: \(found.options.isEmpty ? "none" : found.options)
                  now:  \(options.meaning.isEmpty ? "none" : options.meaning)
                use the same options, or --again to read it from the start
                """
            )
        }
        checkpoint = found
        isVerified = found.rows == 0
    }

    /// Rows of the source that earlier runs stored.
    package var resumesAt: Int { checkpoint.rows }

    /// Takes rows; writes a batch whenever one is full.
    ///
    /// - Throws: ``StoreError/input(_:)`` for the first row that cannot be stored: rows before it that are not committed
    ///   yet are not lost, a rerun brings them again.
    package func append(_ rows: ViewRows) throws(StoreError) {
        var rows = rows
        let first = digest.rowCount
        if !isVerified {
            let known = min(rows.rowCount, checkpoint.rows - first)
            let part = rows.slice(0..<known)
            digest.update(part.columns, rowCount: known)
            guard digest.rowCount == checkpoint.rows else { return }
            try verify()
            if known == rows.rowCount { return }
            rows = rows.slice(known..<rows.rowCount)
        }
        try RowChecks(view: view, clock: clock, refusesFuture: options.refusesFuture).check(
            rows,
            firstRow: digest.rowCount + 1
        )
        digest.update(rows.columns, rowCount: rows.rowCount)
        if pending == nil { pending = rows } else { pending?.append(rows) }
        if let pending, pending.rowCount >= options.batchRowsMax || pending.byteCount >= options.batchBytesMax {
            try flush()
        }
    }

    private func verify() throws(StoreError) {
        guard digest.value() == checkpoint.digest else {
            throw .source(
                """
                source '\(checkpoint.source)' changed: its first \(checkpoint.rows) rows are not those that were stored; \
                nothing was written. Give it another name with --source, or store it from the start with --again
                """
            )
        }
        isVerified = true
        summary.resumedRows = checkpoint.rows
    }

    /// Writes what is pending.
    package func finish() throws(StoreError) -> IngestionSummary {
        guard isVerified else {
            throw .source(
                """
                source '\(checkpoint.source)' has only \(digest.rowCount) rows; \(checkpoint.rows) were stored of it \
                before. Give it another name with --source, or store it from the start with --again
                """
            )
        }
        try flush()
        return summary
    }

    private func flush() throws(StoreError) {
        guard let rows = pending, rows.rowCount > 0 else { return }
        try preparePartitions(rows)
        let next = SourceCheckpoint(
            source: checkpoint.source,
            rows: digest.rowCount,
            digest: digest.value(),
            options: options.meaning
        )
        var attempt = 0
        while true {
            do {
                try writeBatch(rows, next)
                break
            } catch {
                attempt += 1
                guard case .database(let cause) = error, cause.isRetryable, attempt <= Limits.retriesMax else {
                    throw error
                }
            }
        }
        checkpoint = next
        pending = nil
        if let low = rows.eventTimeValues.min(), let high = rows.eventTimeValues.max() {
            let range = Timestamp(microseconds: low)...Timestamp(microseconds: high)
            summary.eventTimes =
                summary.eventTimes.map {
                    min($0.lowerBound, range.lowerBound)...max($0.upperBound, range.upperBound)
                } ?? range
        }
    }

    private func preparePartitions(_ rows: ViewRows) throws(StoreError) {
        let times = rows.eventTimeValues
        let missing = try catalog.missing(catalog.partition(times).ranges, session)
        guard !missing.isEmpty else { return }
        guard summary.newPartitions + missing.count <= options.newPartitionsMax, let low = times.min(),
            let high = times.max()
        else {
            throw .input(
                """
                the event times from \(Timestamp(microseconds: times.min() ?? 0).text) to \
                \(Timestamp(microseconds: times.max() ?? 0).text) would open \
                \(summary.newPartitions + missing.count) new partitions of one \(view.definition.partition.rawValue) each; \
                \(options.newPartitionsMax) are allowed in one ingest. If the times are right, say \
                --new-partitions-max N; if not, check --time-unit
                """
            )
        }
        _ = (low, high)
        try catalog.make(missing, session)
        summary.newPartitions += missing.count
    }

    private func writeBatch(_ rows: ViewRows, _ next: SourceCheckpoint) throws(StoreError) {
        var isStored = false
        let sources = SourceTable(view: view)
        let transaction = try WriteTransaction(session: session, views: [view]) { session throws(StoreError) in
            guard let identity else { return }
            let now = try sources.lock(identity, checkpoint, session)
            if options.startsOver && summary.batches == 0 { return }
            if now.rows == next.rows && now.digest == next.digest {
                isStored = true
            } else if now.rows != checkpoint.rows || now.digest != checkpoint.digest {
                throw .conflict(
                    """
                    another ingest of source '\(checkpoint.source)' is under way: it has stored \(now.rows) rows, this one \
                    expected \(checkpoint.rows). Run the command again: it goes on where the other one ended
                    """
                )
            }
        }
        do {
            if isStored {
                transaction.rollBack()
                summary.resumedRows += rows.rowCount
                return
            }
            let counts = try transaction.write(rows, to: view, source: identity == nil ? nil : checkpoint.source)
            if identity != nil { try sources.move(to: next, batch: transaction.batch, session) }
            summary.state = try transaction.commit()
            summary.rows += rows.rowCount
            summary.batches += 1
            summary.counts.stored += counts.stored
            summary.counts.duplicates += counts.duplicates
            summary.counts.late += counts.late
        } catch {
            transaction.rollBack()
            throw error
        }
    }
}
