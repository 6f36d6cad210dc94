import Crypto
import Features
import Forest
import Foundation
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

    // MARK: Writing

    /// Registers a version.
    /// - Parameters:
    ///   - alias: that is to stand for it from then on, where it stands for `ifCurrent` now; `nil` = none.
    ///   - ifCurrent: `nil` = the alias is not there yet.
    /// - Returns: its number, and the state that the commit made.
    @discardableResult
    package func register(
        _ new: NewModelVersion,
        alias: String? = nil,
        ifCurrent: Int? = nil,
        reason: String? = nil
    ) throws(ModelsError) -> (version: Int, state: LedgerState) {
        let forest: Forest
        do { forest = try Forest(bytes: new.file) } catch { throw .artifact(error) }
        try Self.check(new, forest)
        let sha256 = Array(SHA256.hash(data: new.file))
        var version = 0
        let state = try change("version of \(new.model)") { batch throws(StoreError) in
            let rows = try session.query(
                "SELECT coalesce(max(version), 0) + 1 FROM asof.model_versions WHERE model = $1",
                [.text(new.model)]
            )
            version = Int(rows.int32(0, 0) ?? 1)
            try putArtifact(new.file, sha256)
            try session.query(
                """
                INSERT INTO asof.model_versions (model, version, service, service_version, fingerprint, rules, algorithm,
                    artifact, artifact_bytes, signature, base, manifest, metrics, state, batch)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::double precision[], $12, $13, $14, $15)
                """,
                [
                    .text(new.model), .int32(Int32(version)), .text(new.service), .int32(Int32(new.serviceVersion)),
                    .text(new.fingerprint), .text(new.rules), .text(new.algorithm), .bytes(sha256),
                    .int64(Int64(new.file.count)), .jsonb(try JSONDocument.encode(new.signature)),
                    .text("{\(new.base.map { "\($0)" }.joined(separator: ","))}"), .jsonb(new.manifest),
                    .jsonb(new.metrics),
                    .text((new.golden == nil ? ModelVersion.State.unproven : .ready).rawValue), .int64(batch),
                ]
            )
            if let golden = new.golden {
                try session.query(
                    "INSERT INTO asof.model_golden (model, version, inputs, margins) VALUES ($1, $2, $3, $4)",
                    [
                        .text(new.model), .int32(Int32(version)), .bytes(GoldenRows.bytes(golden.inputs)),
                        .bytes(GoldenRows.bytes(golden.margins)),
                    ]
                )
            }
            try event("register", new.model, alias: nil, from: nil, to: version, reason: reason, batch)
            if let alias {
                let found = try current(new.model, alias)
                guard found == ifCurrent else { return .conflict(found) }
                try put(alias, new.model, version, batch)
                try event("alias", new.model, alias: alias, from: found, to: version, reason: reason, batch)
            }
            return .done
        } conflict: { found in
            .conflict(model: new.model, alias: alias ?? "", found: found, expected: ifCurrent)
        }
        return (version, state)
    }

    private static func check(_ new: NewModelVersion, _ forest: Forest) throws(ModelsError) {
        let signature = new.signature
        guard forest.width == signature.width, forest.outputs == signature.outputs else {
            throw .request(
                """
                the model has \(forest.width) inputs and \(forest.outputs) outputs, the service '\(new.service)' version \
                \(new.serviceVersion) gives \(signature.width) inputs for \(signature.outputs) outputs
                """
            )
        }
        if let names = forest.featureNames, names != signature.featureNames {
            let first = zip(names, signature.featureNames).first { $0 != $1 }
            throw .request(
                "the model's input '\(first?.0 ?? "")' stands where the service has '\(first?.1 ?? "")': it was trained on other columns, or in another order"
            )
        }
        guard new.base.count == signature.outputs, new.base.allSatisfy(\.isFinite) else {
            throw .request("a base value is to be a finite number for each output")
        }
        if let difference = new.golden?.difference(forest) { throw .request("the model \(difference)") }
    }

    private func putArtifact(_ file: [UInt8], _ sha256: [UInt8]) throws(StoreError) {
        let size = ModelsLimits.artifactPartBytes
        for part in 0..<max((file.count + size - 1) / size, 1) {
            try session.query(
                "INSERT INTO asof.model_artifacts (sha256, part, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                [
                    .bytes(sha256), .int32(Int32(part)),
                    .bytes(Array(file[part * size..<min((part + 1) * size, file.count)])),
                ]
            )
        }
    }

    /// Has an alias stand for a version.
    /// - Parameters:
    ///   - ifCurrent: what it stands for now: another one is a conflict; `nil` = whatever it is.
    ///   - allowsUnproven: whether a version without golden rows may be meant.
    /// - Returns: the state that the commit made, and the version before.
    @discardableResult
    package func setAlias(
        _ model: String,
        _ alias: String,
        to version: Int,
        ifCurrent: Int? = nil,
        allowsUnproven: Bool = false,
        reason: String? = nil
    ) throws(ModelsError) -> (from: Int?, state: LedgerState) {
        if let refusal = Name.refusal(of: alias) { throw .request("the alias '\(alias)' \(refusal)") }
        _ = try self.version(model, version)
        var from: Int?
        var refusal: ModelsError?
        do {
            let state = try change("alias '\(alias)' of \(model)") { batch throws(StoreError) in
                from = try current(model, alias)
                if let ifCurrent, from != ifCurrent { return .conflict(from) }
                // Under the lock, which whoever retires a version takes, too.
                let (state, isProven) = try standing(model, version)
                if state == .retired {
                    refusal = .notReady("version \(version) of \(model) is retired")
                } else if !isProven, !allowsUnproven {
                    refusal = .notReady(
                        "version \(version) of \(model) is unproven: nobody said which margins its trainer had; --unproven takes it all the same"
                    )
                }
                guard refusal == nil else { return .refused }
                try put(alias, model, version, batch)
                try event("alias", model, alias: alias, from: from, to: version, reason: reason, batch)
                return .done
            } conflict: { found in
                .conflict(model: model, alias: alias, found: found, expected: ifCurrent)
            }
            return (from, state)
        } catch {
            throw refusal ?? error
        }
    }

    /// Has the champion be the last good version that it was before, or `version`, and marks the one that is left.
    ///
    /// Versions that were left so before are not gone back to: a second rollback goes further back.
    @discardableResult
    package func rollBack(
        _ model: String,
        to version: Int? = nil,
        reason: String
    ) throws(ModelsError) -> (from: Int, to: Int, state: LedgerState) {
        var (from, to) = (0, 0)
        var refusal: ModelsError?
        do {
            let state = try change("rollback of \(model)") { batch throws(StoreError) in
                guard let now = try current(model, Self.champion) else {
                    refusal = .noAlias(model: model, alias: Self.champion)
                    return .refused
                }
                var target = version
                if target == nil { target = try previous(model, before: now) }
                guard let target else {
                    refusal = .request("\(model) has no good version before \(now) to go back to; --to names one")
                    return .refused
                }
                let (state, isProven) = try standing(model, target)
                let wasChampion = try session.query(
                    "SELECT EXISTS (SELECT FROM asof.model_events WHERE model = $1 AND alias = $2 AND to_version = $3)",
                    [.text(model), .text(Self.champion), .int32(Int32(clamping: target))]
                ).bool(0, 0)
                guard let state, state != .retired, target != now, isProven || wasChampion == true else {
                    refusal = .request(
                        "version \(target) of \(model) is retired, unknown, unproven, or the champion already"
                    )
                    return .refused
                }
                (from, to) = (now, target)
                try put(Self.champion, model, target, batch)
                try setState(.rolledBack, model, now)
                try event("rollback", model, alias: Self.champion, from: now, to: target, reason: reason, batch)
                return .done
            } conflict: { _ in
                .request("nothing to roll back")
            }
            return (from, to, state)
        } catch {
            throw refusal ?? error
        }
    }

    /// Has a version answer no more; names must not stand for it.
    package func retire(_ model: String, _ version: Int) throws(ModelsError) -> LedgerState {
        _ = try self.version(model, version)
        var held: String?
        do {
            return try change("version \(version) of \(model)") { batch throws(StoreError) in
                let rows = try session.query(
                    "SELECT alias FROM asof.model_aliases WHERE model = $1 AND version = $2 ORDER BY alias",
                    [.text(model), .int32(Int32(version))]
                )
                if rows.count > 0 {
                    held = rows.text(0, 0)
                    return .refused
                }
                try setState(.retired, model, version)
                try event("retire", model, alias: nil, from: version, to: nil, reason: nil, batch)
                return .done
            } conflict: { _ in
                .request("not retired")
            }
        } catch {
            guard let held else { throw error }
            throw .request(
                "version \(version) of \(model) is its '\(held)'; move that first, by `asof models alias \(model) \(held) VERSION`"
            )
        }
    }

    private enum Verdict {
        case done
        case conflict(Int?)
        case refused
    }

    /// A transaction that takes a position, unless `body` says no.
    private func change(
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

    private func current(_ model: String, _ alias: String) throws(StoreError) -> Int? {
        let rows = try session.query(
            "SELECT version FROM asof.model_aliases WHERE model = $1 AND alias = $2",
            [.text(model), .text(alias)]
        )
        return rows.count > 0 ? rows.int32(0, 0).map { Int($0) } : nil
    }

    /// The newest champion before the current one that was not left by a rollback and is not retired.
    private func previous(_ model: String, before now: Int) throws(StoreError) -> Int? {
        let rows = try session.query(
            """
            SELECT e.to_version FROM asof.model_events e
            JOIN asof.model_versions v ON v.model = e.model AND v.version = e.to_version
            WHERE e.model = $1 AND e.alias = $2 AND e.to_version <> $3 AND v.state IN ('ready', 'unproven')
            ORDER BY e.id DESC LIMIT 1
            """,
            [.text(model), .text(Self.champion), .int32(Int32(now))]
        )
        return rows.count > 0 ? rows.int32(0, 0).map { Int($0) } : nil
    }

    /// What a version is, and whether it has golden rows; `nil` = there is none.
    private func standing(_ model: String, _ version: Int) throws(StoreError) -> (ModelVersion.State?, isProven: Bool) {
        let rows = try session.query(
            """
            SELECT v.state, g.version IS NOT NULL FROM asof.model_versions v
            LEFT JOIN asof.model_golden g ON g.model = v.model AND g.version = v.version
            WHERE v.model = $1 AND v.version = $2
            """,
            [.text(model), .int32(Int32(clamping: version))]
        )
        guard rows.count > 0 else { return (nil, false) }
        return (rows.text(0, 0).flatMap(ModelVersion.State.init(rawValue:)), rows.bool(0, 1) == true)
    }

    private func put(_ alias: String, _ model: String, _ version: Int, _ batch: Int64) throws(StoreError) {
        try session.query(
            """
            INSERT INTO asof.model_aliases (model, alias, version, batch) VALUES ($1, $2, $3, $4)
            ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version, batch = excluded.batch
            """,
            [.text(model), .text(alias), .int32(Int32(version)), .int64(batch)]
        )
        // A version that somebody chooses again is as good again as it was.
        let isProven = try standing(model, version).isProven
        try session.query(
            "UPDATE asof.model_versions SET state = $3 WHERE model = $1 AND version = $2 AND state = $4",
            [
                .text(model), .int32(Int32(version)),
                .text((isProven ? ModelVersion.State.ready : .unproven).rawValue),
                .text(ModelVersion.State.rolledBack.rawValue),
            ]
        )
    }

    private func setState(_ state: ModelVersion.State, _ model: String, _ version: Int) throws(StoreError) {
        try session.query(
            "UPDATE asof.model_versions SET state = $3 WHERE model = $1 AND version = $2",
            [.text(model), .int32(Int32(version)), .text(state.rawValue)]
        )
    }

    private func event(
        _ kind: String,
        _ model: String,
        alias: String?,
        from: Int?,
        to: Int?,
        reason: String?,
        _ batch: Int64
    ) throws(StoreError) {
        try session.query(
            """
            INSERT INTO asof.model_events (model, kind, alias, from_version, to_version, reason, batch)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            """,
            [
                .text(model), .text(kind), .text(alias), .int32(from.map { Int32($0) }), .int32(to.map { Int32($0) }),
                .text(reason.map { String($0.prefix(ModelsLimits.reasonMax)) }), .int64(batch),
            ]
        )
    }
}
