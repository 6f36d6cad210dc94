import Features
import PointInTime
import Postgres

/// What became of one batch.
struct BatchOutcome: Sendable {
    /// Input rows of the batch.
    var rows: Int
    var rowsByView: [String: Int] = [:]
    /// Of the rows of each view that expects something.
    var tallies: [String: ExpectationTally] = [:]
    /// What is stored with it although it is not as expected.
    var warnings: [String] = []
    var counts = WriteCounts()
    var eventTimes: ClosedRange<Timestamp>
    var newPartitions: Int
    /// The state that the batch made; `nil` where another run had stored it already.
    var state: LedgerState?
}

/// Writes the batches of one source, each as one transaction that also moves the source's checkpoint.
final class BatchWriter: @unchecked Sendable {
    // Sendable: used by one thread at a time; `BatchQueue` starts a batch only when the one before has ended.
    private let session: Session
    /// As in ``CheckpointPlace``.
    private let sourceView: Int32
    private let identity: SourceIdentity?
    private let options: IngestionOptions
    private var catalogs: [Int32: KnownPartitions] = [:]
    private var checkpoint: SourceCheckpoint
    private var newPartitions = 0
    private var hasWritten = false

    init(
        session: Session,
        sourceView: Int32,
        identity: SourceIdentity?,
        checkpoint: SourceCheckpoint,
        options: IngestionOptions
    ) {
        self.session = session
        self.sourceView = sourceView
        self.identity = identity
        self.checkpoint = checkpoint
        self.options = options
    }

    /// Writes a batch on a thread of its own.
    /// - Parameters:
    ///   - parts: none empty, ascending by the views' ids.
    ///   - tallies: of the rows of each view that expects something, those set aside included.
    ///   - warnings: what the outcome says of the batch.
    ///   - next: the checkpoint after it.
    func start(
        _ parts: [ViewPart],
        _ tallies: [ViewTally],
        warnings: [String],
        _ next: SourceCheckpoint
    ) -> BackgroundWork<BatchOutcome> {
        BackgroundWork { [self] () throws(StoreError) in
            var outcome = try write(parts, tallies, next)
            outcome.warnings = warnings
            return outcome
        }
    }

    typealias ViewTally = (view: StoredView, tally: ExpectationTally)

    private func write(
        _ parts: [ViewPart],
        _ tallies: [ViewTally],
        _ next: SourceCheckpoint
    ) throws(StoreError) -> BatchOutcome {
        let low = Timestamp(microseconds: parts.compactMap { $0.rows.eventTimeValues.min() }.min() ?? 0)
        let high = Timestamp(microseconds: parts.compactMap { $0.rows.eventTimeValues.max() }.max() ?? 0)
        let rowCount = parts.reduce(0) { $0 + $1.rows.rowCount }
        var outcome = BatchOutcome(rows: rowCount, eventTimes: low...high, newPartitions: 0)
        for part in parts { outcome.rowsByView[part.view.name] = part.rows.rowCount }
        var attempt = 0
        while true {
            do throws(StoreError) {
                outcome.newPartitions += try preparePartitions(parts)
                (outcome.counts, outcome.state) = try writeOnce(parts, tallies, next)
                break
            } catch {
                attempt += 1
                guard case .database(let cause) = error, cause.isRetryable || cause.sqlState == SQLState.checkViolation
                else { throw error }
                guard attempt <= Limits.retriesMax else {
                    throw cause.sqlState == SQLState.lockNotAvailable ? waitedTooLong(parts, attempt) : error
                }
                // A partition was dropped since we looked.
                if cause.sqlState == SQLState.checkViolation { catalogs = [:] }
            }
        }
        if outcome.state != nil { for (view, tally) in tallies { outcome.tallies[view.name] = tally } }
        checkpoint = next
        hasWritten = true
        return outcome
    }

    private func waitedTooLong(_ parts: [ViewPart], _ attempts: Int) -> StoreError {
        .conflict(
            """
            view '\(parts.map(\.view.name).joined(separator: "' or '"))' was locked by another session for \(attempts) × \(options.lockTimeoutMs) ms: its \
            definition is changed, its online table rebuilt, or the same source ingested. This batch is not stored; run \
            the command again
            """
        )
    }

    /// - Returns: how many were made.
    private func preparePartitions(_ parts: [ViewPart]) throws(StoreError) -> Int {
        var made = 0
        for part in parts { made += try preparePartitions(part) }
        return made
    }

    private func preparePartitions(_ part: ViewPart) throws(StoreError) -> Int {
        let times = part.rows.eventTimeValues
        var catalog = catalogs[part.view.id] ?? KnownPartitions(view: part.view)
        defer { catalogs[part.view.id] = catalog }
        let missing = try catalog.missing(catalog.partition(times).ranges, session)
        guard !missing.isEmpty else { return 0 }
        guard newPartitions + missing.count <= options.newPartitionsMax else {
            let low = Timestamp(microseconds: times.min() ?? 0)
            let high = Timestamp(microseconds: times.max() ?? 0)
            throw .input(
                """
                the event times from \(low.text) to \(high.text) would open \(newPartitions + missing.count) new partitions \
                of one \(part.view.definition.partition.rawValue) each; \(options.newPartitionsMax) are allowed in one \
                ingest. If the times are right, say --new-partitions-max N; if not, check --time-unit
                """
            )
        }
        try catalog.make(missing, session, lockTimeoutMs: options.lockTimeoutMs)
        newPartitions += missing.count
        return missing.count
    }

    /// One attempt. The state is `nil` where another run of the same source has stored this very batch.
    private func writeOnce(
        _ parts: [ViewPart],
        _ tallies: [ViewTally],
        _ next: SourceCheckpoint
    ) throws(StoreError) -> (WriteCounts, LedgerState?) {
        var place = identity.map {
            CheckpointPlace(
                view: sourceView,
                $0,
                from: checkpoint,
                to: next,
                startsOver: options.startsOver && !hasWritten
            )
        }
        let transaction = try WriteTransaction(
            session: session,
            views: parts.map(\.view),
            options: Connection.TransactionOptions(
                isReadOnly: false,
                lockTimeoutMs: options.lockTimeoutMs,
                statementTimeoutMs: Limits.boundedStatementMs
            ),
            place: &place
        )
        do throws(StoreError) {
            if place?.isStored == true {
                transaction.rollBack()
                return (WriteCounts(), nil)
            }
            var counts = WriteCounts()
            for part in parts {
                let source = identity == nil ? nil : checkpoint.source
                counts.add(try transaction.write(part.rows, to: part.view, source: source))
            }
            for (view, tally) in tallies { transaction.keep(tally, of: view) }
            let state = try transaction.commit(
                "batch \(transaction.batch)",
                advice: identity == nil
                    ? "Without a source it is not known to the next run: ingest the missing rows alone"
                    : "Run the command again: it stores what is missing",
                moving: place
            )
            return (counts, state)
        } catch {
            transaction.rollBack()
            throw error
        }
    }
}
