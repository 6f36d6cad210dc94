import Features
import Postgres
package import Store

/// Which version a name stands for, and which answer no more.
extension ModelRegistry {
    /// Has an alias stand for a version.
    /// - Parameters:
    ///   - ifCurrent: what it stands for now: another one is a conflict; `nil` = whatever it is.
    ///   - allowsUnproven: whether a version without golden rows may be meant.
    /// - Returns: the state that the commit made, and the version before.
    @discardableResult
    package func setAlias(
        _ model: String,
        _ alias: String,
        to target: ModelTarget,
        ifCurrent: Int? = nil,
        allowsUnproven: Bool = false,
        reason: String? = nil
    ) throws(ModelsError) -> (from: ModelTarget?, state: LedgerState) {
        if let refusal = Name.refusal(of: alias) { throw .request("the alias '\(alias)' \(refusal)") }
        let version = target.version
        try check(model, target)
        var from: ModelTarget?
        var refusal: ModelsError?
        do {
            let state = try change("alias '\(alias)' of \(model)") { batch throws(StoreError) in
                from = try current(model, alias)
                if let ifCurrent, from?.version != ifCurrent { return .conflict(from?.version) }
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
                try put(alias, model, target, batch)
                try event("alias", model, alias: alias, from: from, to: target, reason: reason, batch)
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
    ///
    /// Of a version that learns, a publish may be gone back to: then the version stays as good as it was, and goes on learning.
    @discardableResult
    package func rollBack(
        _ model: String,
        to wanted: ModelTarget? = nil,
        reason: String
    ) throws(ModelsError) -> (from: ModelTarget, to: ModelTarget, state: LedgerState) {
        var (from, to) = (ModelTarget(0), ModelTarget(0))
        if let wanted { try check(model, wanted) }
        var refusal: ModelsError?
        do {
            let state = try change("rollback of \(model)") { batch throws(StoreError) in
                guard let now = try current(model, Self.champion) else {
                    refusal = .noAlias(model: model, alias: Self.champion)
                    return .refused
                }
                var target = wanted
                if target == nil { target = try previous(model, before: now.version).map { ModelTarget($0) } }
                guard let target else {
                    refusal = .request("\(model) has no good version before \(now.text) to go back to; --to names one")
                    return .refused
                }
                let (state, isProven) = try standing(model, target.version)
                let wasChampion = try session.query(
                    "SELECT EXISTS (SELECT FROM asof.model_events WHERE model = $1 AND alias = $2 AND to_version = $3)",
                    [.text(model), .text(Self.champion), .int32(Int32(clamping: target.version))]
                ).bool(0, 0)
                guard let state, state != .retired, target != now, isProven || wasChampion == true else {
                    refusal = .request(
                        "version \(target.text) of \(model) is retired, unknown, unproven, or the champion already"
                    )
                    return .refused
                }
                (from, to) = (now, target)
                try put(Self.champion, model, target, batch)
                if now.version != target.version { try setState(.rolledBack, model, now.version) }
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
        var held: [String] = []
        do {
            return try change("version \(version) of \(model)") { batch throws(StoreError) in
                let rows = try session.query(
                    "SELECT alias FROM asof.model_aliases WHERE model = $1 AND version = $2 ORDER BY alias",
                    [.text(model), .int32(Int32(version))]
                )
                if rows.count > 0 {
                    held = (0..<rows.count).compactMap { rows.text($0, 0) }
                    return .refused
                }
                try setState(.retired, model, version)
                let left = ModelTarget(version)
                try event("retire", model, alias: nil, from: left, to: nil, reason: nil, batch)
                return .done
            } conflict: { _ in
                .request("not retired")
            }
        } catch {
            guard !held.isEmpty else { throw error }
            let names = held.map { "'\($0)'" }.joined(separator: " and its ")
            let moves = held.map { "`asof models alias \(model) \($0) VERSION`" }.joined(separator: " and ")
            throw .request("version \(version) of \(model) is its \(names); move that first, by \(moves)")
        }
    }

    /// - Throws: where there is no such version, or no such publish of it.
    private func check(_ model: String, _ target: ModelTarget) throws(ModelsError) {
        _ = try version(model, target.version)
        guard let number = target.publish else { return }
        let (found, newest): (ModelPublish?, ModelPublish?)
        do throws(StoreError) {
            found = try publish(model, target.version, number)
            newest = try publish(model, target.version)
        } catch {
            throw .store(error)
        }
        if let found {
            // Its state may be kept no more.
            _ = try learnedSlots(model, target.version, seq: found.seq)
            return
        }
        throw .request(
            newest.map { "\(model)@\(target.version) has publishes 1-\($0.number), not \(number)" }
                ?? "\(model)@\(target.version) has published nothing; `asof learn` publishes"
        )
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

    func put(_ alias: String, _ model: String, _ target: ModelTarget, _ batch: Int64) throws(StoreError) {
        let version = target.version
        try session.query(
            """
            INSERT INTO asof.model_aliases (model, alias, version, batch, publish, publish_batch)
            VALUES ($1, $2, $3, $4, $5, $4) ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version,
                batch = excluded.batch, publish = excluded.publish, publish_batch = excluded.publish_batch
            """,
            [
                .text(model), .text(alias), .int32(Int32(version)), .int64(batch),
                .int32(target.publish.map { Int32($0) }),
            ]
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
}
