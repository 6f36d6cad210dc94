import Features
import PointInTime

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

    /// Of rows before they are written.
    init(_ parts: [ViewPart]) {
        let low = Timestamp(microseconds: parts.compactMap { $0.rows.eventTimeValues.min() }.min() ?? 0)
        let high = Timestamp(microseconds: parts.compactMap { $0.rows.eventTimeValues.max() }.max() ?? 0)
        rows = parts.reduce(0) { $0 + $1.rows.rowCount }
        eventTimes = low...high
        newPartitions = 0
        for part in parts { rowsByView[part.view.name] = part.rows.rowCount }
    }
}

/// Writes the batches of one source, each as one transaction that also moves the source's checkpoint.
final class BatchWriter: @unchecked Sendable {
    // Sendable: used by one thread at a time; `BatchQueue` starts a batch only when the one before has ended.
    private let transactions: BatchTransactions
    /// As in ``CheckpointPlace``.
    private let sourceView: Int32
    private let identity: SourceIdentity?
    private let options: IngestionOptions
    private var checkpoint: SourceCheckpoint
    private var hasWritten = false

    init(
        session: Session,
        sourceView: Int32,
        identity: SourceIdentity?,
        checkpoint: SourceCheckpoint,
        options: IngestionOptions
    ) {
        transactions = BatchTransactions(session, options)
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
        var outcome = BatchOutcome(parts)
        let written = try transactions.write(
            parts,
            tallies,
            source: identity == nil ? nil : checkpoint.source,
            advice: identity == nil
                ? "Without a source it is not known to the next run: ingest the missing rows alone"
                : "Run the command again: it stores what is missing"
        ) {
            identity.map {
                CheckpointPlace(
                    view: sourceView,
                    $0,
                    from: checkpoint,
                    to: next,
                    startsOver: options.startsOver && !hasWritten
                )
            }
        }
        outcome.newPartitions = written.newPartitions
        outcome.counts = written.counts
        outcome.state = written.state
        if outcome.state != nil { for (view, tally) in tallies { outcome.tallies[view.name] = tally } }
        checkpoint = next
        hasWritten = true
        return outcome
    }
}
