import Features
import PointInTime
import Postgres
import Store
import Synchronization

/// The rows of a view's history that no file covers, read from PostgreSQL by COPY, as sorted runs in memory.
///
/// Rows that fit into the memory given are read once, by several sessions, and kept. More are read again for each block
/// of the spine, a run at a time, so that history is never held as a whole.
final class Tail {
    private let view: StoredView
    private let features: [FeatureDefinition]
    private let layout: HistoryColumns
    private let queries: [TailQuery]
    private let positions: BatchPositions
    private let needsKnownAt: Bool
    /// What the ledger says at most.
    let rowsExpected: Int
    /// What a row takes in PostgreSQL's tables, with what lies out of line; 0 where no value is of any length.
    let tableRowBytes: Int
    private let memory: Int
    private var kept: [MemoryRun]?
    /// Rows turned out to take more than they were thought to: texts that PostgreSQL compresses well.
    private var isTooLarge = false
    /// Being read for ``kept``.
    private var pending: [BackgroundWork<[MemoryRun]?>]?
    /// Read so far, each time counted.
    private let read = Mutex((rows: 0, bytes: 0))

    /// Rows of a piece of COPY.
    private static let blockRows = 65_536
    private static let blockBytes = 32 << 20

    /// - Parameters:
    ///   - rowsExpected: about how many rows there are.
    ///   - tableRowBytes: see ``tableRowBytes``.
    ///   - memory: bytes that runs may take.
    init(
        _ view: StoredView,
        features: [FeatureDefinition],
        queries: [TailQuery],
        positions: BatchPositions,
        needsKnownAt: Bool,
        rowsExpected: Int,
        tableRowBytes: Int,
        memory: Int
    ) {
        self.view = view
        self.features = features
        layout = HistoryColumns(view, features: features)
        self.queries = queries
        self.positions = positions
        self.needsKnownAt = needsKnownAt
        self.rowsExpected = rowsExpected
        self.tableRowBytes = tableRowBytes
        self.memory = memory
    }

    var isEmpty: Bool { queries.isEmpty }
    var rowsRead: Int { read.withLock { $0.rows } }
    var bytesRead: Int { read.withLock { $0.bytes } }

    /// Reads the rows that the tail has and gives them to `body` run by run.
    ///
    /// - Parameter body: gets whether the run stays; one that does not is gone with its return.
    func forEachRun(
        _ pool: SessionPool,
        _ body: (MemoryRun, _ stays: Bool) throws(ScanFailure) -> Void
    ) throws(ScanFailure) {
        if isSmall {
            prepare(pool)
            try finishReading()
        }
        if let kept {
            for run in kept { try body(run, true) }
            return
        }
        for query in queries {
            // Typed throws end at the closure; the failure comes out beside it.
            var failure: ScanFailure?
            let result = pool.use { session throws(StoreError) in
                try read(query, session, bytesMax: memory / 3) { run throws(StoreError) in
                    do throws(ScanFailure) { try body(run, false) } catch {
                        failure = error
                        throw .conflict("the scan was given up")
                    }
                }
            }
            if let failure { throw failure }
            if case .failure(let error) = result { throw .store(error) }
        }
    }

    /// All rows as runs that stay; `nil` where they do not fit into the memory.
    func keptRuns(_ pool: SessionPool) throws(ScanFailure) -> [MemoryRun]? {
        guard !isEmpty else { return [] }
        guard isSmall else { return nil }
        prepare(pool)
        try finishReading()
        return kept
    }

    /// About how many bytes a row of a run takes.
    private var rowBytes: Int {
        let typical = features.reduce(80) { $0 + $1.type.typicalBytes + 4 } + view.storageKeys.count * 24
        // Long texts and lists, of which the table's width tells.
        return max(typical, tableRowBytes)
    }

    /// Whether all rows fit by what is known of them.
    var isSmall: Bool { !isTooLarge && rowsExpected <= memory / rowBytes }
    /// Whether it is read for each block.
    var isReadAgain: Bool { !isEmpty && !isSmall }

    /// Begins to read rows that will be kept, and returns at once; the pool's sessions are in use then until
    /// ``forEachRun(_:_:)`` or ``settle()`` has returned.
    func prepare(_ pool: SessionPool) {
        guard isSmall, kept == nil, pending == nil else { return }
        pending = queries.map { query in
            // Safe: these threads touch nothing of the tail that changes, but for the counters, which are locked.
            nonisolated(unsafe) let tail = self
            return BackgroundWork<[MemoryRun]?> { () throws(StoreError) in
                let result = pool.use { session throws(StoreError) in try tail.readAll(query, session) }
                return try result.get()
            }
        }
    }

    /// Waits until nothing is read any more. What was read is kept; where that failed, whoever reads next begins again.
    func settle() { try? finishReading() }

    private func finishReading() throws(ScanFailure) {
        guard let pending else { return }
        self.pending = nil
        var runs: [MemoryRun] = []
        var failure: StoreError?
        for part in pending {
            do throws(StoreError) {
                if let part = try part.wait() { runs += part } else { isTooLarge = true }
            } catch {
                failure = error
            }
        }
        if let failure { throw .store(failure) }
        if !isTooLarge { kept = runs }
    }

    /// A statement's rows as one run; `nil` where they take more than their share of the memory.
    private func readAll(_ query: TailQuery, _ session: Session) throws(StoreError) -> [MemoryRun]? {
        var runs: [MemoryRun] = []
        do throws(StoreError) {
            try read(query, session, bytesMax: memory) { run throws(StoreError) in
                runs.append(run)
                if runs.count > 1 { throw .conflict("the rows past the segments do not fit") }
            }
        } catch {
            if runs.count > 1 { return nil }
            throw error
        }
        return runs
    }

    /// Runs one statement and gives its rows as runs of about `bytesMax`.
    private func read(
        _ query: TailQuery,
        _ session: Session,
        bytesMax: Int,
        _ body: (MemoryRun) throws(StoreError) -> Void
    ) throws(StoreError) {
        try session.begin(.read)
        do throws(StoreError) {
            if query.isSparse { try session.execute("SET LOCAL enable_seqscan = off") }
            let copy = try CopyOut(session, query: query.sql, types: layout.types)
            do throws(StoreError) {
                try collect(copy, bytesMax, body)
            } catch {
                copy.cancel()
                throw error
            }
            try session.commit()
        } catch {
            session.connection.rollBack()
            throw error
        }
    }

    private func collect(
        _ copy: CopyOut,
        _ bytesMax: Int,
        _ body: (MemoryRun) throws(StoreError) -> Void
    ) throws(StoreError) {
        var blocks: [[Column]] = []
        var byteCount = 0
        let blockRows = min(Self.blockRows, max(1, memory / 4 / rowBytes))
        while let block = try copy.next(rowsMax: blockRows, bytesMax: min(Self.blockBytes, max(1 << 16, memory / 4))) {
            let rows = try rowsOfState(block)
            guard rows[0].rowCount > 0 else { continue }
            blocks.append(rows)
            byteCount += MemoryRun.byteCount(ofColumns: rows)
            // A run's order and a second copy of its keys come on top.
            if byteCount * 5 / 4 > bytesMax {
                try body(run(&blocks))
                byteCount = 0
            }
        }
        if !blocks.isEmpty { try body(run(&blocks)) }
    }

    /// The rows of the state, their batches replaced by positions, and every known-at time set.
    private func rowsOfState(_ block: [Column]) throws(StoreError) -> [Column] {
        var block = block
        var places = block[layout.position].int64Values.map { positions.place($0) }
        let strangers = places.contains { $0 < 0 }
        if strangers {
            let rows = places.indices.filter { places[$0] >= 0 }.map { Int32($0) }
            places = rows.map { places[Int($0)] }
            block = block.map { $0.gather(rows) }
        }
        block[layout.position] = Column(type: .int64, values: .int64(places.map { positions.position($0) }))
        if let validity = block[layout.knownAt].validity {
            var values = block[layout.knownAt].int64Values
            for row in values.indices where !validity[row] { values[row] = positions.committedAt(places[row]) }
            block[layout.knownAt] = Column(type: .timestamp, values: .int64(values))
        }
        for index in 0..<layout.features {
            guard block[index].nullCount == 0 else {
                throw .conflict("history of view '\(view.name)' has a null where none may be")
            }
            block[index].validity = nil
        }
        let bytes = block.reduce(0) { $0 + $1.byteCount }
        read.withLock {
            $0.rows += places.count
            $0.bytes += bytes
        }
        return block
    }

    /// The blocks' rows as a run; there are no blocks then.
    private func run(_ blocks: inout [[Column]]) -> MemoryRun {
        let columns = layout.types.enumerated().map { index, type in
            Column(type: type, concatenating: blocks.map { $0[index] })
        }
        blocks = []
        return MemoryRun(
            name: "rows of view '\(view.name)' in PostgreSQL",
            keys: Array(columns[..<layout.keyCount]),
            times: columns[layout.eventTime],
            events: layout.event.map { columns[$0] },
            positions: columns[layout.position],
            knownAt: needsKnownAt ? columns[layout.knownAt] : nil,
            deleted: columns[layout.deleted],
            features: Array(columns[layout.features...])
        )
    }
}

/// Why a view could not be scanned.
enum ScanFailure: Error {
    /// A file is damaged: PostgreSQL has its rows.
    case run(HistoryRunError)
    case store(StoreError)
}
