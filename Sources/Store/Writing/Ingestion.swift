import PointInTime

/// Takes the rows of one source, batch by batch; each batch is one transaction, at one position for all views.
///
/// With a source, a rerun skips what is stored: the checkpoint moves in the batch's own transaction. Rows that were
/// consumed before are compared with the checkpoint's digest on the way.
package final class Ingestion {
    package let form: InputForm
    private let options: IngestionOptions
    private let clock: ServerClock
    /// Over every row that came in, stored before or now.
    private var digest: InputDigest
    /// Over those before the checkpoint, by the names and types that features had when it moved last; `nil` = they have them still.
    private var past: InputDigest?
    private var queue: BatchQueue

    /// - Parameters:
    ///   - session: not to be used by anybody else until ``finish()`` has returned or something has thrown.
    ///   - source: `nil` = input that nobody could recognize again: nothing is skipped.
    /// - Throws: ``StoreError/source(_:)`` where the source was read before with other options.
    package init(
        session: Session,
        source: SourceIdentity?,
        form: InputForm,
        options: IngestionOptions
    ) throws(StoreError) {
        self.form = form
        self.options = options
        clock = try ServerClock(session)
        digest = InputDigest(form)
        queue = try BatchQueue(session: session, sourceView: form.view?.id ?? 0, source: source, options: options)
        past = queue.start.updatedAt.flatMap { InputDigest(form, asOf: $0) }
    }

    package var summary: IngestionSummary { queue.summary }

    /// Rows of the source that earlier runs consumed.
    package var resumesAt: Int { queue.start.rows }

    /// What names the source in the store; empty for input that nobody could recognize.
    package var source: String { queue.start.source }

    /// PostgreSQL's clock in µs since 1970-01-01 UTC: the time of rows that have none.
    package var now: Int64 { clock.now }

    /// Checks the next rows of the input, as far as they are not stored already.
    package func check(_ input: InputRows) -> CheckedInput {
        CheckedInput(input, knownCount: queue.isVerified ? 0 : min(input.count, queue.start.rows - digest.rowCount)) {
            RowChecks(view: $0, now: clock.now, refusesFuture: options.refusesFuture)
        }
    }

    /// Takes the next rows of the input; writes a batch whenever one is full.
    ///
    /// - Parameter checked: what ``check(_:)`` said of them.
    /// - Throws: ``StoreError/row(_:reason:)`` for the first row that cannot be stored, or set aside: rows before it that are
    ///   not committed yet are not lost, a rerun brings them again. Also what went wrong with a batch before.
    package func append(_ checked: CheckedInput) throws(StoreError) {
        let (input, known) = (checked.input, checked.knownCount)
        let before = digest.rowCount
        if !queue.isVerified {
            if input.parts.contains(where: { $0.rows(in: 0..<known).finerCount > 0 }) { try queue.seeFinerTimes() }
            digest.update(input, 0..<known)
            past?.update(input, 0..<known)
            guard digest.rowCount == queue.start.rows else { return }
            try queue.verify((past ?? digest).value())
            past = nil
            guard known < input.count else { return }
        }
        if let fault = checked.refusal(skipsBadRows: options.skipsBadRows) {
            try queue.settle()
            throw .row(before + fault.row + 1, reason: fault.reason)
        }
        if !queue.hasRoom(for: checked.parts.reduce(0) { $0 + $1.rows.rowCount }) {
            try queue.flush(rowCount: digest.rowCount, digest: digest.value())
        }
        for (part, rows) in zip(input.parts, checked.parts) {
            var tally = rows.tally
            let first = part.offsets.count - rows.checkedCount
            tally.locateWarnings { before + part.offsets[first + $0] + 1 }
            queue.append(rows.rows, to: part.view, tally)
            queue.summary.rejected += rows.faults.count
        }
        queue.summary.rejected += input.undecodable.count { $0.offset >= known }
        digest.update(input, known..<input.count)
        if queue.isFull { try queue.flush(rowCount: digest.rowCount, digest: digest.value()) }
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
