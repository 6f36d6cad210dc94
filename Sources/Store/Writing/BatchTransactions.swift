import Features
import PointInTime
import Postgres

/// Writes batches one after the other, each as one transaction that also moves the place of its source: makes the partitions
/// that it needs before, and tries again what a lock or a dropped partition was in the way of.
final class BatchTransactions {
    private let session: Session
    private let options: IngestionOptions
    private let partitionAdvice: String
    private var catalogs: [Int32: KnownPartitions] = [:]
    private var newPartitions = 0

    /// - Parameter partitionAdvice: what to do about times that would open too many partitions.
    init(
        _ session: Session,
        _ options: IngestionOptions,
        partitionAdvice: String = "If the times are right, say --new-partitions-max N; if not, check --time-unit"
    ) {
        self.session = session
        self.options = options
        self.partitionAdvice = partitionAdvice
    }

    /// Counts new partitions from 0 again: what is read for years may open some every month.
    func allowNewPartitions() { newPartitions = 0 }

    typealias ViewTally = (view: StoredView, tally: ExpectationTally)

    struct Written {
        /// How many were made for it.
        var newPartitions = 0
        var counts = WriteCounts()
        /// `nil` where the place says that it was stored before, or where there was nothing to store.
        var state: LedgerState?
    }

    /// - Parameters:
    ///   - parts: none empty, ascending by the views' ids; where there are none, the place alone is moved, at no position.
    ///   - source: what the ledger's details name.
    ///   - advice: what to do where it is not known that the batch was committed.
    ///   - place: made anew for each attempt; `nil` = nobody could recognize the source.
    func write<Place: SourcePlace>(
        _ parts: [ViewPart],
        _ tallies: [ViewTally],
        source: String?,
        advice: String,
        place: () -> Place?
    ) throws(StoreError) -> Written {
        var written = Written()
        var attempt = 0
        while true {
            do throws(StoreError) {
                written.newPartitions += try preparePartitions(parts)
                (written.counts, written.state) = try writeOnce(parts, tallies, source, advice, place())
                return written
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
                of one \(part.view.definition.partition.rawValue) each; \(options.newPartitionsMax) are allowed at once. \
                \(partitionAdvice)
                """
            )
        }
        try catalog.make(missing, session, lockTimeoutMs: options.lockTimeoutMs)
        newPartitions += missing.count
        return missing.count
    }

    /// One attempt.
    private func writeOnce(
        _ parts: [ViewPart],
        _ tallies: [ViewTally],
        _ source: String?,
        _ advice: String,
        _ place: (some SourcePlace)?
    ) throws(StoreError) -> (WriteCounts, LedgerState?) {
        var place = place
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
            guard !parts.isEmpty else {
                try place?.move(to: transaction.batch, session)
                try transaction.commitWithoutRows("batch \(transaction.batch)", advice: advice)
                return (WriteCounts(), nil)
            }
            var counts = WriteCounts()
            for part in parts { counts.add(try transaction.write(part.rows, to: part.view, source: source)) }
            for (view, tally) in tallies { transaction.keep(tally, of: view) }
            let state = try transaction.commit("batch \(transaction.batch)", advice: advice, moving: place)
            return (counts, state)
        } catch {
            transaction.rollBack()
            throw error
        }
    }
}
