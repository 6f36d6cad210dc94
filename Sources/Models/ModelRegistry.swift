import Features
import Forest
import Foundation
import Hashing
import Postgres
package import Store
import Training

/// Versions of models and the names that stand for them, in the store.
///
/// Each change is one transaction with one entry of the ledger, kind `model`: servers see it in order with everything else,
/// and "which version was champion at position N" has an answer for ever.
package struct ModelRegistry {
    let session: Session

    package init(_ session: Session) { self.session = session }

    /// The name that stands for the version that answers where none is asked for.
    package static let champion = "champion"

    enum Verdict {
        case done
        case conflict(Int?)
        case refused
    }

    /// A transaction that takes a position, unless `body` says no.
    func change(
        _ subject: String,
        _ body: (Int64) throws(StoreError) -> Verdict,
        conflict: (Int?) -> ModelsError
    ) throws(ModelsError) -> LedgerState {
        var verdict = Verdict.done
        do throws(StoreError) {
            try session.begin(.write)
            do throws(StoreError) {
                try session.lock(AdvisoryLock.models)
                let ledger = Ledger(session)
                let (batch, transactionID) = try ledger.takeBatch()
                verdict = try body(batch)
                if case .done = verdict {
                    return try ledger.commit(
                        subject,
                        batch: batch,
                        transactionID: transactionID,
                        [LedgerEntry(view: LedgerEntry.noView, kind: .model, rows: 0)]
                    )
                }
                session.connection.rollBack()
            } catch {
                session.connection.rollBack()
                throw error
            }
        } catch {
            throw .store(error)
        }
        if case .conflict(let found) = verdict { throw conflict(found) }
        throw conflict(nil)
    }

    func current(_ model: String, _ alias: String) throws(StoreError) -> ModelTarget? {
        let rows = try session.query(
            "SELECT version, \(Self.publishOfAlias) FROM asof.model_aliases WHERE model = $1 AND alias = $2",
            [.text(model), .text(alias)]
        )
        guard rows.count > 0, let version = rows.int32(0, 0) else { return nil }
        return ModelTarget(Int(version), publish: rows.int32(0, 1).map { Int($0) })
    }

    /// SQL: the publish that an alias stands for; a release from before moved the name without it.
    static let publishOfAlias = "CASE WHEN publish_batch = batch THEN publish END"

    func event(
        _ kind: String,
        _ model: String,
        alias: String?,
        from: ModelTarget?,
        to: ModelTarget?,
        reason: String?,
        _ batch: Int64
    ) throws(StoreError) {
        try session.query(
            """
            INSERT INTO asof.model_events
                (model, kind, alias, from_version, to_version, reason, batch, from_publish, to_publish)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            [
                .text(model), .text(kind), .text(alias), .int32(from.map { Int32($0.version) }),
                .int32(to.map { Int32($0.version) }),
                .text(reason.map { String($0.prefix(ModelsLimits.reasonMax)) }), .int64(batch),
                .int32(from?.publish.map { Int32($0) }), .int32(to?.publish.map { Int32($0) }),
            ]
        )
    }
}
