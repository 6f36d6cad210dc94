import Features
package import Learning
import Postgres
package import Store

/// Learners: what they have seen, and the weights that they have.
extension ModelRegistry {
    /// - Returns: `nil` where the version has not begun to learn.
    package func learner(_ version: ModelVersion) throws(StoreError) -> LearnerRecord? {
        let rows = try session.query(
            """
            SELECT seq, position, uid, committed_at, point_position, point_at, labels::text, sums::text
            FROM asof.learners WHERE model = $1 AND version = $2
            """,
            [.text(version.model), .int32(Int32(version.version))]
        )
        guard rows.count > 0 else { return nil }
        var record = LearnerRecord(
            labels: try JSONDocument.decode(ModelDefinition.LabelSource.self, from: rows.text(0, 6) ?? "")
        )
        record.seq = rows.int64(0, 0) ?? 0
        record.state = LedgerState(
            position: rows.int64(0, 1) ?? 0,
            uid: rows.uuid(0, 2),
            committedAt: rows.timestamp(0, 3)
        )
        if let position = rows.int64(0, 4), let us = rows.timestamp(0, 5) { record.point = (position, us) }
        record.sums = try JSONDocument.decode(LearnerSums.self, from: rows.text(0, 7) ?? "")
        return record
    }

    /// Puts a learner where there is none yet; does nothing where there is one.
    package func beginLearner(_ version: ModelVersion, _ record: LearnerRecord) throws(ModelsError) {
        try transaction("the learner of \(version.model)@\(version.version)") { () throws(StoreError) in
            try session.query(
                """
                INSERT INTO asof.learners (model, version, seq, position, labels, sums) VALUES ($1, $2, 0, 0, $3, $4)
                ON CONFLICT DO NOTHING
                """,
                [
                    .text(version.model), .int32(Int32(version.version)),
                    .jsonb(try JSONDocument.encode(record.labels)), .jsonb(try JSONDocument.encode(record.sums)),
                ]
            )
        }
    }

    /// Stores what was learned since the last commit: position and weights in one transaction, which takes no position.
    ///
    /// - Parameters:
    ///   - record: as it is after it, with the ``LearnerRecord/seq`` that it is compared with.
    ///   - slots: what changed, or all that was learned.
    ///   - keepUs: what was published in so many µs before the learner's position can be loaded for ever after.
    /// - Returns: the record with its new number.
    /// - Throws: ``ModelsError/request(_:)`` where another learner has committed meanwhile.
    package func commitLearning(
        _ version: ModelVersion,
        _ record: LearnerRecord,
        _ slots: [FTRL.Slot],
        isWhole: Bool,
        keepUs: Int64
    ) throws(ModelsError) -> LearnerRecord {
        var next = record
        next.seq += 1
        let (model, number) = (Parameter.text(version.model), Parameter.int32(Int32(version.version)))
        var isOurs = false
        try transaction("what \(version.model)@\(version.version) learned") { () throws(StoreError) in
            let rows = try session.query(
                """
                UPDATE asof.learners SET seq = seq + 1, position = $4, uid = $5::text::uuid, committed_at = $6,
                    point_position = $7, point_at = $8, sums = $9
                WHERE model = $1 AND version = $2 AND seq = $3 RETURNING seq
                """,
                [
                    model, number, .int64(record.seq), .int64(record.state.position), .text(record.state.uid),
                    .timestamp(microseconds: record.state.committedAt),
                    .int64(record.point?.position), .timestamp(microseconds: record.point?.us),
                    .jsonb(try JSONDocument.encode(record.sums)),
                ]
            )
            isOurs = rows.count == 1
            guard isOurs else { return }
            try session.query(
                "INSERT INTO asof.learner_states (model, version, seq, is_whole, slots) VALUES ($1, $2, $3, $4, $5)",
                [model, number, .int64(next.seq), .bool(isWhole), .bytes(FTRL.bytes(slots))]
            )
            if isWhole {
                // Kept: from the last whole state at or before the oldest publish that is still wanted.
                try session.query(
                    """
                    DELETE FROM asof.learner_states WHERE model = $1 AND version = $2 AND seq < (
                        SELECT max(s.seq) FROM asof.learner_states s
                        WHERE s.model = $1 AND s.version = $2 AND s.is_whole AND s.seq <= (
                            SELECT min(p.seq) FROM asof.model_publishes p WHERE p.model = $1 AND p.version = $2 AND (
                                p.committed_at >= $3::timestamptz - $4::bigint * interval '1 microsecond'
                                OR EXISTS (SELECT FROM asof.model_aliases a WHERE a.model = $1 AND a.version = $2
                                    AND a.publish = p.publish AND a.publish_batch = a.batch)
                                OR p.publish = (SELECT max(publish) FROM asof.model_publishes
                                    WHERE model = $1 AND version = $2))))
                    """,
                    [model, number, .timestamp(microseconds: record.state.committedAt), .int64(keepUs)]
                )
            }
        }
        guard isOurs else {
            throw .request(
                "another learner of \(version.model)@\(version.version) has gone on meanwhile; this one ends, and nothing is lost"
            )
        }
        return next
    }

    /// The slots of a learner's state; `after` = of an earlier state that is known already, what changed since, or `nil`.
    ///
    /// - Throws: ``ModelsError/request(_:)`` where the state is not there whole any more.
    package func learnedSlots(
        _ model: String,
        _ version: Int,
        seq: Int64,
        after known: Int64? = nil
    ) throws(ModelsError) -> [FTRL.Slot] {
        if seq == 0 { return [] }
        let rows: Rows
        do throws(StoreError) {
            rows = try session.query(
                """
                SELECT seq, is_whole, slots FROM asof.learner_states WHERE model = $1 AND version = $2 AND seq <= $3
                    AND seq >= coalesce($4::bigint + 1, (SELECT max(seq) FROM asof.learner_states
                        WHERE model = $1 AND version = $2 AND seq <= $3 AND is_whole), 1)
                ORDER BY seq
                """,
                [.text(model), .int32(Int32(version)), .int64(seq), .int64(known)]
            )
        } catch {
            throw .store(error)
        }
        var slots: [Int32: FTRL.Slot] = [:]
        var expected = known.map { $0 + 1 } ?? rows.int64(0, 0) ?? 1
        let isWhole = rows.count > 0 && (known != nil || expected == 1 || rows.bool(0, 1) == true)
        for row in 0..<rows.count {
            guard isWhole, rows.int64(row, 0) == expected,
                let changed = rows.byteArray(row, 2).flatMap({ FTRL.slots($0) })
            else { break }
            for slot in changed { slots[slot.slot] = slot }
            expected += 1
        }
        guard expected == seq + 1 else {
            throw .request(
                "the state \(seq) of the learner of \(model)@\(version) is not there whole any more: it was kept for as long as publish.keep says"
            )
        }
        return slots.values.sorted { $0.slot < $1.slot }
    }

    /// Bytes of the states since a version's last whole one.
    package func deltaBytes(_ version: ModelVersion) throws(StoreError) -> Int {
        let rows = try session.query(
            """
            SELECT coalesce(sum(octet_length(slots)), 0)::bigint FROM asof.learner_states WHERE model = $1 AND version = $2
                AND seq > (SELECT max(seq) FROM asof.learner_states WHERE model = $1 AND version = $2 AND is_whole)
            """,
            [.text(version.model), .int32(Int32(version.version))]
        )
        return Int(rows.int64(0, 0) ?? 0)
    }

    /// A transaction that takes no position.
    private func transaction(_ subject: String, _ body: () throws(StoreError) -> Void) throws(ModelsError) {
        do throws(StoreError) { try session.transaction(.write, of: subject, body) } catch { throw .store(error) }
    }
}

extension ModelVersion {
    /// What its learner is set to.
    package var learning: FTRL.Parameters {
        get throws(StoreError) {
            struct Manifest: Decodable { var parameters: [String: String] }
            let given = try JSONDocument.decode(Manifest.self, from: manifest).parameters
            let standard = FTRL.Parameters()
            func number(_ name: String, _ standard: Double) -> Double { given[name].flatMap(Double.init) ?? standard }
            return FTRL.Parameters(
                alpha: number("alpha", standard.alpha),
                beta: number("beta", standard.beta),
                l1: number("l1", standard.l1),
                l2: number("l2", standard.l2)
            )
        }
    }
}
