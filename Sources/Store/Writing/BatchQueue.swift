import Features
import PointInTime

/// The rows of one source on their way into batches: the checkpoint they go on from, what is pending, what is under way.
///
/// A batch is written on a thread of its own while the caller decodes the next one; one batch at most is under way.
struct BatchQueue {
    private let options: IngestionOptions
    private let writer: BatchWriter
    let start: SourceCheckpoint
    /// Whether the checkpoint's rows, or rows since, have times finer than µs, rounded up.
    private var hasFinerTimes: Bool
    /// Whether the rows up to the checkpoint have come by and were the same.
    private(set) var isVerified: Bool
    private var pending: [ViewPart] = []
    /// Of what is pending, rows that were set aside included, by the views' ids.
    private var tallies: [Int32: (view: StoredView, tally: ExpectationTally)] = [:]
    private var underWay: BackgroundWork<BatchOutcome>?
    var summary = IngestionSummary()

    /// - Parameters:
    ///   - sourceView: the view whose source this is; 0 = several views take their rows from it.
    /// - Throws: ``StoreError/source(_:)`` where the source was read before with other options.
    init(
        session: Session,
        sourceView: Int32,
        source: SourceIdentity?,
        options: IngestionOptions
    ) throws(StoreError) {
        self.options = options
        var found = SourceCheckpoint(source: "", rows: 0, digest: [], options: options.meaning)
        if let source { found = try .find(source, of: sourceView, options: options.meaning, session) }
        // Stands behind a checkpoint's options where times were rounded, which versions before did the other way.
        hasFinerTimes = found.options.hasSuffix(Self.finerTimesMark)
        if hasFinerTimes { found.options.removeLast(Self.finerTimesMark.count) }
        if options.startsOver {
            hasFinerTimes = false
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
        start = found
        isVerified = found.rows == 0
        writer = BatchWriter(
            session: session,
            sourceView: sourceView,
            identity: source,
            checkpoint: found,
            options: options
        )
    }

    private static let finerTimesMark = " finer_times=up"

    /// Notes that rows up to the checkpoint have times finer than µs.
    /// - Throws: where they were stored by a version that rounded such times down.
    func seeFinerTimes() throws(StoreError) {
        guard !isVerified, !hasFinerTimes else { return }
        throw .source(
            """
            source '\(start.source)' has times finer than µs, and its first \(start.rows) rows were stored by a version of asof \
            that rounded them down; now they are rounded up, so that no row is seen before it was true. Nothing was \
            written. Store it from the start with --again
            """
        )
    }

    /// Compares what came by with the checkpoint.
    mutating func verify(_ digest: [UInt8]) throws(StoreError) {
        guard digest == start.digest else {
            throw .source(
                """
                source '\(start.source)' changed, or the view's features that it has did: its first \(start.rows) rows \
                are not those that were stored; nothing was written. Give it another name with --source, or store it from the \
                start with --again
                """
            )
        }
        isVerified = true
        summary.resumedRows = start.rows
    }

    /// Refuses an input that ended before its checkpoint.
    func checkEnd(rowCount: Int) throws(StoreError) {
        guard !isVerified else { return }
        throw .source(
            """
            source '\(start.source)' has only \(rowCount) rows; \(start.rows) were stored of it before. \
            Give it another name with --source, or store it from the start with --again
            """
        )
    }

    /// - Parameter tally: of the rows, and of others that are set aside.
    mutating func append(_ rows: ViewRows, to view: StoredView, _ tally: ExpectationTally) {
        if !tally.features.isEmpty {
            var all = tallies[view.id]?.tally ?? ExpectationTally()
            all.add(tally)
            tallies[view.id] = (view, all)
        }
        guard rows.rowCount > 0 else { return }
        let finer = rows.finerCount
        summary.roundedUp += finer
        if finer > 0 { hasFinerTimes = true }
        if let index = pending.firstIndex(where: { $0.view.id == view.id }) {
            pending[index].rows.append(rows)
        } else {
            pending.append(ViewPart(view: view, rows: rows))
            pending.sort { $0.view.id < $1.view.id }
        }
    }

    private var rowCount: Int { pending.reduce(0) { $0 + $1.rows.rowCount } }

    /// Whether a batch with so many rows more is no larger than it may be.
    func hasRoom(for rows: Int) -> Bool { rowCount + rows <= options.batchRowsMax }

    var isFull: Bool {
        rowCount >= options.batchRowsMax
            || pending.reduce(0) { $0 + $1.rows.byteCount } >= options.batchBytesMax
    }

    /// Starts to write what is pending.
    /// - Parameters:
    ///   - rowCount: input rows up to here.
    ///   - digest: over them.
    mutating func flush(rowCount: Int, digest: [UInt8]) throws(StoreError) {
        guard !pending.isEmpty else { return }
        let parts = pending
        let tallies = tallies.values.sorted { $0.view.id < $1.view.id }
        pending = []
        self.tallies = [:]
        try settle()
        var warnings: [String] = []
        for (view, tally) in tallies {
            warnings += try tally.warningsOfNulls(in: view.name, of: "batch", from: "input")
        }
        let meaning = options.meaning + (hasFinerTimes ? Self.finerTimesMark : "")
        let next = SourceCheckpoint(source: start.source, rows: rowCount, digest: digest, options: meaning)
        underWay = writer.start(parts, tallies, warnings: warnings, next)
    }

    /// Waits for the batch under way, so that ``summary`` says all that is stored.
    mutating func settle() throws(StoreError) {
        guard let work = underWay else { return }
        underWay = nil
        let outcome = try work.wait()
        summary.add(outcome)
    }
}

/// Rows for one view.
struct ViewPart: Sendable {
    var view: StoredView
    var rows: ViewRows
}
