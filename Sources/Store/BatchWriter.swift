import Features
import PointInTime
import Postgres

/// What became of one batch.
struct BatchOutcome: Sendable {
    /// Input rows of the batch.
    var rows: Int
    var counts = WriteCounts()
    var eventTimes: ClosedRange<Timestamp>
    var newPartitions: Int
    /// The state that the batch made; `nil` where another run had stored it already.
    var state: LedgerState?
}

/// Writes the batches of one source, each as one transaction that also moves the source's checkpoint.
final class BatchWriter: @unchecked Sendable {
    // Sendable: used by one thread at a time; `Ingestion` starts a batch only when the one before has ended.
    private let session: Session
    private let view: StoredView
    private let identity: SourceIdentity?
    private let options: IngestionOptions
    private var catalog: PartitionCatalog
    private var checkpoint: SourceCheckpoint
    private var newPartitions = 0
    private var hasWritten = false

    init(
        session: Session,
        view: StoredView,
        identity: SourceIdentity?,
        checkpoint: SourceCheckpoint,
        options: IngestionOptions
    ) {
        self.session = session
        self.view = view
        self.identity = identity
        self.checkpoint = checkpoint
        self.options = options
        catalog = PartitionCatalog(view: view)
    }

    /// Writes a batch on a thread of its own.
    /// - Parameter next: the checkpoint after it.
    func start(_ rows: ViewRows, _ next: SourceCheckpoint) -> BackgroundWork<BatchOutcome> {
        BackgroundWork { [self] () throws(StoreError) in try write(rows, next) }
    }

    private func write(_ rows: ViewRows, _ next: SourceCheckpoint) throws(StoreError) -> BatchOutcome {
        let times = rows.eventTimeValues
        let low = Timestamp(microseconds: times.min() ?? 0)
        let high = Timestamp(microseconds: times.max() ?? 0)
        var outcome = BatchOutcome(rows: rows.rowCount, eventTimes: low...high, newPartitions: 0)
        outcome.newPartitions = try preparePartitions(times, outcome.eventTimes)
        var attempt = 0
        while true {
            do throws(StoreError) {
                (outcome.counts, outcome.state) = try writeOnce(rows, next)
                break
            } catch {
                attempt += 1
                guard case .database(let cause) = error, cause.isRetryable, attempt <= Limits.retriesMax else {
                    throw error
                }
            }
        }
        checkpoint = next
        hasWritten = true
        return outcome
    }

    /// - Returns: how many were made.
    private func preparePartitions(_ times: [Int64], _ range: ClosedRange<Timestamp>) throws(StoreError) -> Int {
        let missing = try catalog.missing(catalog.partition(times).ranges, session)
        guard !missing.isEmpty else { return 0 }
        guard newPartitions + missing.count <= options.newPartitionsMax else {
            throw .input(
                """
                the event times from \(range.lowerBound.text) to \(range.upperBound.text) would open \
                \(newPartitions + missing.count) new partitions of one \(view.definition.partition.rawValue) each; \
                \(options.newPartitionsMax) are allowed in one ingest. If the times are right, say \
                --new-partitions-max N; if not, check --time-unit
                """
            )
        }
        try catalog.make(missing, session)
        newPartitions += missing.count
        return missing.count
    }

    /// One attempt. The state is `nil` where another run of the same source has stored this very batch.
    private func writeOnce(_ rows: ViewRows, _ next: SourceCheckpoint) throws(StoreError) -> (WriteCounts, LedgerState?)
    {
        var isStored = false
        let sources = SourceTable(view: view)
        let transaction = try WriteTransaction(session: session, views: [view]) { session throws(StoreError) in
            guard let identity else { return }
            let now = try sources.lock(identity, checkpoint, session)
            if options.startsOver && !hasWritten { return }
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
        do throws(StoreError) {
            if isStored {
                transaction.rollBack()
                return (WriteCounts(), nil)
            }
            let counts = try transaction.write(rows, to: view, source: identity == nil ? nil : checkpoint.source)
            if identity != nil { try sources.move(to: next, batch: transaction.batch, session) }
            return (counts, try commit(transaction))
        } catch {
            transaction.rollBack()
            throw error
        }
    }

    /// Commits; where the connection ends meanwhile, says whether the batch is stored.
    private func commit(_ transaction: WriteTransaction) throws(StoreError) -> LedgerState {
        do throws(StoreError) {
            return try transaction.commit()
        } catch {
            // A server that shuts down still says so, and the connection ends behind it: then COMMIT may have happened, too.
            guard case .database(let cause) = error, !session.connection.isAlive else { throw error }
            let outcome = transaction.outcome()
            throw .conflict(
                """
                the connection to PostgreSQL was lost while batch \(transaction.batch) was committed (\(cause.message)); \
                \(outcome.text)\(identity == nil ? "" : ". Run the command again: it stores what is missing")
                """
            )
        }
    }
}
