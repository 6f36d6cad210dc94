package import Features
import Foundation
import Postgres

/// What a ledger row records.
package enum BatchKind: String, Sendable {
    case data, materialize, rebuild, forget, drop, definitions
    /// Of models: under ``LedgerEntry/noView``.
    case model
    /// Of users of the server: likewise.
    case users
}

/// A committed state of the store: position and uid together name it beyond doubt.
package struct LedgerState: Hashable, Sendable {
    package var position: Int64
    /// `nil` only for position 0, the store before its first commit.
    package var uid: String?
    /// µs since 1970-01-01 UTC; `nil` for position 0.
    package var committedAt: Int64?

    package init(position: Int64, uid: String? = nil, committedAt: Int64? = nil) {
        self.position = position
        self.uid = uid
        self.committedAt = committedAt
    }

    package static let beginning = LedgerState(position: 0, uid: nil, committedAt: nil)
}

/// One view's part of a transaction, for the ledger.
package struct LedgerEntry: Sendable {
    /// What concerns no view: releases from before a kind pass over entries under it.
    package static let noView: Int32 = -1

    /// ``StoredView/id``; 0 for the whole store, ``noView`` for what concerns none.
    package var view: Int32
    package var kind: BatchKind
    package var rows: Int
    /// Smallest and greatest event time; `nil` where no row was written.
    package var eventTimes: ClosedRange<Timestamp>?

    package init(view: Int32, kind: BatchKind, rows: Int, eventTimes: ClosedRange<Timestamp>? = nil) {
        self.view = view
        self.kind = kind
        self.rows = rows
        self.eventTimes = eventTimes
    }
}

/// The ledger `asof.batches`: the commit order of everything that was ever written.
package struct Ledger {
    package let session: Session

    package init(_ session: Session) { self.session = session }

    /// Takes a batch number and the transaction's id, by which an uncertain COMMIT can be looked up.
    package func takeBatch() throws(StoreError) -> (batch: Int64, transaction: String) {
        let rows = try session.query("SELECT nextval('asof.batch_numbers'), pg_current_xact_id()::text")
        guard let batch = rows.int64(0, 0), let transaction = rows.text(0, 1) else {
            throw .conflict("the sequence asof.batch_numbers gave no number")
        }
        return (batch, transaction)
    }

    /// Ends the transaction: takes the ledger's lock, appends the batch, commits.
    ///
    /// The three go in one network message, so that a client that stalls cannot hold the lock. The INSERT is a new
    /// statement after the lock, so it sees the last committed position: the transaction is READ COMMITTED. Whether this
    /// binary may write is asked again there: also a number that was raised by hand, without a migration's lock, counts.
    /// - Parameters:
    ///   - uid: names the state; chosen before, so that it can be looked for where the COMMIT was not answered.
    ///   - lockTimeoutMs: how long to wait for the ledger's lock; `nil` = as for every other lock of the transaction.
    ///   - tallies: what the rows of each view were found to be like.
    /// - Returns: the state that this commit made.
    package func commit(
        batch: Int64,
        _ entries: [LedgerEntry],
        uid: String = Self.newUID(),
        lockTimeoutMs: Int? = nil,
        tallies: [(view: Int32, tally: ExpectationTally)] = []
    ) throws(StoreError) -> LedgerState {
        if batch % Limits.ledgerTotalsBatches == 0 {
            try keepTotals()
            try ExpectationCounts.dropOld(session)
        }
        let values = entries.map { entry in
            let low = entry.eventTimes.map { "'\($0.lowerBound.text)'::timestamptz" } ?? "NULL::timestamptz"
            let high = entry.eventTimes.map { "'\($0.upperBound.text)'::timestamptz" } ?? "NULL::timestamptz"
            return "(\(entry.view), '\(entry.kind.rawValue)', \(entry.rows)::bigint, \(low), \(high))"
        }
        let patience = lockTimeoutMs.map { "SET LOCAL lock_timeout = \($0); " } ?? ""
        // Before the lock, which others wait for.
        let counts = ExpectationCounts.statement(batch: batch, tallies).map { "\($0); " } ?? ""
        let results = try session.execute(
            """
            \(counts)\(patience)SELECT pg_catalog.pg_advisory_xact_lock(\(AdvisoryLock.space), \(AdvisoryLock.ledger));
            \(WriterAdmission.statement);
            WITH last AS MATERIALIZED (
                SELECT position, committed_at, batch_high FROM asof.batches ORDER BY position DESC LIMIT 1
            ), head AS MATERIALIZED (
                SELECT coalesce((SELECT position FROM last), 0) + 1 AS position,
                    greatest((SELECT committed_at FROM last) + interval '1 microsecond', clock_timestamp()) AS committed_at,
                    greatest((SELECT batch_high FROM last), \(batch)) AS batch_high,
                    '\(uid)'::uuid AS uid
            )
            INSERT INTO asof.batches
                (position, batch, view, kind, rows, min_event_time, max_event_time, committed_at, uid, batch_high)
            SELECT head.position, \(batch), entry.*, head.committed_at, head.uid, head.batch_high
            FROM head, (VALUES \(values.joined(separator: ", "))) AS entry
            RETURNING position, uid::text, committed_at::text;
            NOTIFY asof;
            COMMIT
            """,
            cancels: false
        )
        // The row stands before the results of NOTIFY and COMMIT.
        guard results.count >= 4, case let row = results[results.count - 3],
            let position = row.text(0, 0).flatMap({ Int64($0) }),
            let committedAt = row.text(0, 2).flatMap({ try? Timestamp(text: $0) })
        else { throw .conflict("the ledger did not say which position the commit took") }
        return LedgerState(position: position, uid: row.text(0, 1), committedAt: committedAt.microseconds)
    }

    /// Does what a commit does, within a transaction that has begun, and rolls it back: it fails where a commit would.
    ///
    /// Its row is longer than a page, so that a table has to grow, which a full disk does not let it.
    package func rehearse() throws(StoreError) {
        try session.execute(
            """
            SELECT pg_catalog.pg_advisory_xact_lock(\(AdvisoryLock.space), \(AdvisoryLock.ledger));
            INSERT INTO asof.batch_details (batch, view, source)
            SELECT pg_catalog.nextval('asof.batch_numbers'), \(LedgerEntry.noView), (
                SELECT pg_catalog.string_agg(pg_catalog.md5(pg_catalog.random()::text), '')
                FROM pg_catalog.generate_series(1, 1000));
            ROLLBACK
            """
        )
    }

    /// As the other one; where the COMMIT is not answered, the error says what became of it.
    ///
    /// - Parameters:
    ///   - subject: what is committed, as `the rebuild of view 'stats'`.
    ///   - transactionID: as ``takeBatch()`` gave it.
    package func commit(
        _ subject: String,
        batch: Int64,
        transactionID: String,
        _ entries: [LedgerEntry],
        advice: String = "Run the command again"
    ) throws(StoreError) -> LedgerState {
        let uid = Self.newUID()
        do { return try commit(batch: batch, entries, uid: uid) } catch {
            throw CommitInquiry(session, transactionID: transactionID, entry: (batch, uid))
                .explaining(error, subject, on: session, advice: advice)
        }
    }

    /// A random uuid as PostgreSQL spells it.
    package static func newUID() -> String { UUID().uuidString.lowercased() }

    /// The newest committed state.
    package func head() throws(StoreError) -> LedgerState {
        try state("ORDER BY position DESC LIMIT 1", []) ?? .beginning
    }

    /// The state at a position.
    /// - Throws: ``StoreError/position(_:)`` where the ledger has not come that far.
    package func state(at position: Int64) throws(StoreError) -> LedgerState {
        if position == 0 { return .beginning }
        if let state = try state("WHERE position = $1 LIMIT 1", [.int64(position)]) { return state }
        throw .position("no position \(position) in this store; the newest is \(try head().position)")
    }

    /// The last state that was committed at `time` or before.
    package func state(committedBy time: Timestamp) throws(StoreError) -> LedgerState {
        let now = try session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
        guard time.microseconds <= now else {
            throw .position(
                "\(time.text) is later than now (\(Timestamp(microseconds: now).text)): what will be committed by then is "
                    + "not known yet"
            )
        }
        let found = try state(
            "WHERE committed_at <= $1 ORDER BY committed_at DESC, position DESC LIMIT 1",
            [.timestamp(microseconds: time.microseconds)]
        )
        if let found { return found }
        guard let first = try state("ORDER BY position LIMIT 1", []), let start = first.committedAt else {
            return .beginning
        }
        throw .position(
            "nothing was committed by \(time.text); the store's first commit is of \(Timestamp(microseconds: start).text)"
        )
    }

    private func state(_ clause: String, _ parameters: [Parameter]) throws(StoreError) -> LedgerState? {
        let rows = try session.query("SELECT position, uid, committed_at FROM asof.batches \(clause)", parameters)
        guard rows.count > 0, let position = rows.int64(0, 0) else { return nil }
        return LedgerState(position: position, uid: rows.uuid(0, 1), committedAt: rows.timestamp(0, 2))
    }

    /// Turns a position into a condition on history rows' `_batch`, see ``PinnedState``.
    package func pin(_ state: LedgerState) throws(StoreError) -> PinnedState {
        let rows = try session.query(
            """
            WITH pinned AS MATERIALIZED (
                SELECT coalesce((SELECT batch_high FROM asof.batches WHERE position = $1 LIMIT 1), 0) AS batch_high,
                    coalesce((SELECT max(position) FROM asof.batches), 0) AS newest
            )
            SELECT batch_high, newest, ARRAY(
                SELECT DISTINCT b.batch FROM asof.batches b
                WHERE b.batch < b.batch_high AND b.position > $1 AND b.position <= pinned.newest
                    AND b.batch <= pinned.batch_high ORDER BY b.batch),
                ARRAY(SELECT DISTINCT b.view::bigint FROM asof.batches b WHERE b.batch < b.batch_high AND b.position <= $1)
            FROM pinned
            """,
            [.int64(state.position)]
        )
        guard let batchMax = rows.int64(0, 0), let newest = rows.int64(0, 1), let overtaken = rows.int64Array(0, 2),
            let views = rows.int64Array(0, 3)
        else {
            throw .conflict("the ledger gave no batch for position \(state.position)")
        }
        return PinnedState(
            state: state,
            batchMax: batchMax,
            resolvedAt: newest,
            overtaken: overtaken,
            overtakenViews: Set(views)
        )
    }
}

/// A position as a condition on `_batch`, which short statements use one after the other without a common snapshot.
///
/// A row belongs to the state if its batch is at most the greatest batch that was committed by then, and is none of
/// those that took a smaller number but committed later. The latter are `overtaken` as far as they had committed when
/// the position was resolved; each statement looks up the ones that have committed since.
package struct PinnedState: Sendable {
    package let state: LedgerState
    package let batchMax: Int64
    package let resolvedAt: Int64
    package let overtaken: [Int64]
    /// Ids of the views in which the order of batches is not the order of positions.
    package let overtakenViews: Set<Int64>

    /// Whether ties between a view's rows must be decided by looking up positions.
    package func isOvertaken(_ view: StoredView) -> Bool { overtakenViews.contains(Int64(view.id)) }

    /// SQL: whether the row that `alias` names belongs to this state.
    package func condition(_ alias: String) -> String {
        let known = overtaken.map(String.init).joined(separator: ",")
        return """
            \(alias)._batch <= \(batchMax) AND \(alias)._batch <> ALL ('{\(known)}'::bigint[] || ARRAY(
                SELECT batch FROM asof.batches
                WHERE batch < batch_high AND position > \(resolvedAt) AND batch <= \(batchMax)))
            """
    }

    /// SQL: whether the row that `alias` names came after this state.
    package func exclusion(_ alias: String) -> String {
        let known = overtaken.map(String.init).joined(separator: ",")
        return """
            (\(alias)._batch > \(batchMax) OR \(alias)._batch = ANY ('{\(known)}'::bigint[] || ARRAY(
                SELECT batch FROM asof.batches
                WHERE batch < batch_high AND position > \(resolvedAt) AND batch <= \(batchMax))))
            """
    }
}
