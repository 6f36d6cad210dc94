import Crypto
package import PointInTime

/// The next rows of an input in which each row names its view.
package struct SharedRows: Sendable {
    package struct Part: Sendable {
        package var view: StoredView
        package var rows: ViewRows
        /// Each row's place among the input's rows of this call, ascending.
        package var offsets: [Int]

        package init(view: StoredView, rows: ViewRows, offsets: [Int]) {
            self.view = view
            self.rows = rows
            self.offsets = offsets
        }
    }

    /// All rows as they stand in the input, good or not.
    package var texts: TextValues
    /// One for each view that has rows here.
    package var parts: [Part]

    package init(texts: TextValues, parts: [Part]) {
        self.texts = texts
        self.parts = parts
    }
}

/// Takes the rows of one source into several views; each batch is one transaction, at one position for all views.
///
/// The checkpoint is the source's, not a view's (`asof.sources` has it under view 0): how many rows were consumed, and a
/// digest over their texts, since rows of several views have no columns in common.
package final class SharedIngestion {
    private let options: IngestionOptions
    private let clock: ServerClock
    private var queue: BatchQueue
    private var digest = SHA256()
    private var rowCount = 0

    /// As ``Ingestion/init(session:view:source:columns:options:)``.
    package init(
        session: Session,
        source: SourceIdentity?,
        options: IngestionOptions
    ) throws(StoreError) {
        self.options = options
        clock = try ServerClock(session)
        queue = try BatchQueue(session: session, sourceView: 0, source: source, options: options)
    }

    package var summary: IngestionSummary { queue.summary }
    package var resumesAt: Int { queue.start.rows }
    package var source: String { queue.start.source }

    /// PostgreSQL's clock in µs since 1970-01-01 UTC: the time of rows that have none.
    package var now: Int64 { clock.now }

    /// What is wrong with rows that are not stored already and may be set aside: for each its part, its row there, and why;
    /// ascending in a part. What stops a batch is for ``append(_:undecodable:faulty:)`` to find.
    package func faults(_ input: SharedRows) -> [(part: Int, fault: RowFault)] {
        let known = knownCount(input)
        return input.parts.enumerated().flatMap { index, part in
            checks(part.view).faults(part.rows).filter { part.offsets[$0.row] >= known && !$0.isStop }.map {
                (index, $0)
            }
        }
    }

    private func checks(_ view: StoredView) -> RowChecks {
        RowChecks(view: view, now: clock.now, refusesFuture: options.refusesFuture)
    }

    /// How many of the next rows lie before the checkpoint.
    private func knownCount(_ input: SharedRows) -> Int {
        queue.isVerified ? 0 : min(input.texts.count, queue.start.rows - rowCount)
    }

    /// Takes the next rows; writes a batch whenever one is full.
    ///
    /// - Parameters:
    ///   - undecodable: the places of rows that are in no part because they are set aside.
    ///   - faulty: rows of parts that are set aside, too.
    /// - Throws: ``StoreError/row(_:reason:)`` for the first row that cannot be stored.
    package func append(
        _ input: SharedRows,
        undecodable: [Int] = [],
        faulty: [(part: Int, fault: RowFault)] = []
    ) throws(StoreError) {
        let known = knownCount(input)
        let first = rowCount
        if !queue.isVerified {
            for part in input.parts {
                let seen = part.offsets.firstIndex { $0 >= known } ?? part.offsets.count
                if part.rows.slice(0..<seen).finerCount > 0 { try queue.seeFinerTimes() }
            }
            update(input.texts, 0..<known)
            guard rowCount == queue.start.rows else { return }
            try queue.verify(digestValue)
        }
        var good: [(view: StoredView, rows: ViewRows, tally: ExpectationTally)] = []
        var firstFault: RowFault?
        for (index, part) in input.parts.enumerated() {
            let start = part.offsets.firstIndex { $0 >= known } ?? part.offsets.count
            let refused = faulty.filter { $0.part == index && $0.fault.row >= start }.map(\.fault)
            let dropped = Set(refused.map(\.row))
            let kept = (start..<part.offsets.count).filter { !dropped.contains($0) }
            let rows = part.rows.removing(Array(0..<start) + dropped)
            let inspected = checks(part.view).inspect(rows)
            if let fault = inspected.faults.first {
                let offset = part.offsets[kept[fault.row]]
                if offset < firstFault?.row ?? .max { firstFault = RowFault(row: offset, reason: fault.reason) }
            }
            var tally = inspected.tally
            tally.locateWarnings { first + part.offsets[kept[$0]] + 1 }
            tally.addRefused(refused)
            good.append((part.view, rows, tally))
        }
        if let firstFault {
            try queue.settle()
            throw .row(first + firstFault.row + 1, reason: firstFault.reason)
        }
        for (view, rows, tally) in good { queue.append(rows, to: view, tally) }
        update(input.texts, known..<input.texts.count)
        queue.summary.rejected += undecodable.count { $0 >= known }
        queue.summary.rejected += faulty.count { input.parts[$0.part].offsets[$0.fault.row] >= known }
        if queue.isFull { try queue.flush(rowCount: rowCount, digest: digestValue) }
    }

    private func update(_ texts: TextValues, _ rows: Range<Int>) {
        for row in rows {
            withUnsafeBytes(of: UInt64(texts[row].count).littleEndian) { digest.update(bufferPointer: $0) }
            texts[row].withUnsafeBytes { digest.update(bufferPointer: $0) }
        }
        rowCount += rows.count
    }

    private var digestValue: [UInt8] { Array(digest.finalize()) }

    /// Writes what is pending, and waits until all is committed.
    package func finish() throws(StoreError) -> IngestionSummary {
        try queue.checkEnd(rowCount: rowCount)
        try queue.flush(rowCount: rowCount, digest: digestValue)
        try queue.settle()
        return summary
    }

    /// Waits for the batch under way, so that ``summary`` says all that is stored.
    package func settle() throws(StoreError) { try queue.settle() }
}
