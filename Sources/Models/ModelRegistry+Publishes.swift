import Features
package import Forest
import Learning
import Postgres
package import Store

/// What learners publish: the states that their versions answer by.
extension ModelRegistry {
    /// Has a learner's last state be what its version answers by.
    ///
    /// - Parameter record: of the learner; its ``LearnerRecord/seq`` is what is published.
    /// - Throws: ``ModelsError/request(_:)`` where another learner has gone on, or the state is published already.
    package func publish(
        _ version: ModelVersion,
        _ record: LearnerRecord,
        digest: [UInt8],
        margins: [Float]
    ) throws(ModelsError) -> (number: Int, state: LedgerState) {
        var number = 0
        let state = try change("publish of \(version.model)@\(version.version)") { batch throws(StoreError) in
            let (model, own) = (Parameter.text(version.model), Parameter.int32(Int32(version.version)))
            let rows = try session.query(
                """
                SELECT coalesce(max(publish), 0) + 1, coalesce(max(seq), 0),
                    (SELECT seq FROM asof.learners WHERE model = $1 AND version = $2)
                FROM asof.model_publishes WHERE model = $1 AND version = $2
                """,
                [model, own]
            )
            guard let next = rows.int32(0, 0), rows.int64(0, 1) ?? 0 < record.seq, rows.int64(0, 2) == record.seq
            else { return .refused }
            number = Int(next)
            try session.query(
                """
                INSERT INTO asof.model_publishes
                    (model, version, publish, seq, position, committed_at, digest, margins, sums, batch)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                [
                    model, own, .int32(next), .int64(record.seq), .int64(record.state.position),
                    .timestamp(microseconds: record.state.committedAt), .bytes(digest),
                    .bytes(GoldenRows.bytes(margins)), .jsonb(try JSONDocument.encode(record.sums)), .int64(batch),
                ]
            )
            try event(
                "publish",
                version.model,
                alias: nil,
                from: nil,
                to: ModelTarget(version.version, publish: number),
                reason: nil,
                batch
            )
            return .done
        } conflict: { _ in
            .request(
                "the state \(record.seq) of the learner of \(version.model)@\(version.version) is published, or another learner has gone on"
            )
        }
        return (number, state)
    }

    private static let publishColumns = """
        SELECT p.model, p.version, p.publish, p.seq, p.position, p.digest, p.margins, p.sums::text, b.position
        FROM asof.model_publishes p JOIN asof.batches b ON b.batch = p.batch AND b.view = -1
        """

    /// - Parameters:
    ///   - number: `nil` = the newest.
    ///   - position: of the ledger, up to which publishes count; `nil` = all do.
    package func publish(
        _ model: String,
        _ version: Int,
        _ number: Int? = nil,
        at position: Int64? = nil
    ) throws(StoreError) -> ModelPublish? {
        let rows = try session.query(
            """
            \(Self.publishColumns) WHERE p.model = $1 AND p.version = $2 AND ($3::integer IS NULL OR p.publish = $3)
                AND ($4::bigint IS NULL OR b.position <= $4) ORDER BY p.publish DESC LIMIT 1
            """,
            [.text(model), .int32(Int32(version)), .int32(number.map { Int32($0) }), .int64(position)]
        )
        return try publishes(rows).first
    }

    /// Newest first.
    package func publishes(of version: ModelVersion, limit: Int) throws(StoreError) -> [ModelPublish] {
        let rows = try session.query(
            """
            \(Self.publishColumns) WHERE p.model = $1 AND p.version = $2 ORDER BY p.publish DESC LIMIT $3
            """,
            [.text(version.model), .int32(Int32(version.version)), .int64(Int64(limit))]
        )
        return try publishes(rows)
    }

    private func publishes(_ rows: Rows) throws(StoreError) -> [ModelPublish] {
        var found: [ModelPublish] = []
        for row in 0..<rows.count {
            guard let model = rows.text(row, 0), let version = rows.int32(row, 1), let number = rows.int32(row, 2)
            else {
                continue
            }
            found.append(
                ModelPublish(
                    model: model,
                    version: Int(version),
                    number: Int(number),
                    seq: rows.int64(row, 3) ?? 0,
                    position: rows.int64(row, 4) ?? 0,
                    digest: rows.byteArray(row, 5) ?? [],
                    margins: GoldenRows.values(rows.byteArray(row, 6) ?? []),
                    sums: try JSONDocument.decode(LearnerSums.self, from: rows.text(row, 7) ?? ""),
                    publishedAt: rows.int64(row, 8) ?? 0
                )
            )
        }
        return found
    }

    /// The number of the newest publish of each version that has one, by model and version.
    package func newestPublishes() throws(StoreError) -> [String: [Int: Int]] {
        let rows = try session.query(
            "SELECT model, version, max(publish) FROM asof.model_publishes GROUP BY model, version"
        )
        var newest: [String: [Int: Int]] = [:]
        for row in 0..<rows.count {
            guard let model = rows.text(row, 0), let version = rows.int32(row, 1), let number = rows.int32(row, 2)
            else {
                continue
            }
            newest[model, default: [:]][Int(version)] = Int(number)
        }
        return newest
    }

    /// What a version answers by at a publish: its file's model with the weights of that state.
    ///
    /// - Parameters:
    ///   - base: what the file of the version gives.
    ///   - known: a publish of the same version and its model, from which only what changed since is read.
    /// - Throws: ``ModelsError/notReady(_:)`` where the margins are not those that were published.
    package func published(
        _ publish: ModelPublish,
        of version: ModelVersion,
        base: Forest,
        known: (seq: Int64, model: SparseModel)? = nil
    ) throws(ModelsError) -> Forest {
        guard var model = base.sparse else {
            throw .request("\(publish.name) is no model that learns from one example after the other")
        }
        let parameters: FTRL.Parameters
        do throws(StoreError) { parameters = try version.learning } catch { throw .store(error) }
        let from = known.flatMap { $0.seq <= publish.seq ? $0 : nil }
        model.weights = from?.model.weights ?? [Double](repeating: 0, count: model.layout.slotCount)
        let slots: [FTRL.Slot]
        do {
            slots =
                from?.seq == publish.seq
                ? [] : try learnedSlots(publish.model, publish.version, seq: publish.seq, after: from?.seq)
        } catch {
            // What changed since may be gone, where all of it is not.
            guard from != nil else { throw error }
            return try published(publish, of: version, base: base)
        }
        for slot in slots {
            guard slot.isPossible(model.layout.slotCount) else {
                throw .notReady("\(publish.name) has a state that is none of its model's")
            }
            model.weights[Int(slot.slot)] = parameters.weight(z: slot.z, root: slot.n.squareRoot())
        }
        let forest = Forest(model)
        let golden: GoldenRows?
        do throws(StoreError) { golden = try self.golden(version) } catch { throw .store(error) }
        if var golden {
            golden.margins = publish.margins
            if let difference = golden.difference(forest) { throw .notReady("\(publish.name) \(difference)") }
        }
        return forest
    }

    /// What a version answers by, with its golden rows compared.
    ///
    /// - Parameters:
    ///   - number: of a publish; `nil` = the newest, or where there is none the version's file.
    ///   - position: of the ledger, up to which publishes count; `nil` = all do.
    package func forest(
        _ version: ModelVersion,
        _ number: Int? = nil,
        at position: Int64? = nil
    ) throws(ModelsError) -> (forest: Forest, publish: ModelPublish?) {
        let base: Forest
        do { base = try Forest(bytes: try file(version)) } catch let error as ForestError {
            throw .artifact(error)
        } catch let error as ModelsError {
            throw error
        } catch {
            throw .request("\(error)")
        }
        let (golden, publish): (GoldenRows?, ModelPublish?)
        do throws(StoreError) {
            golden = try self.golden(version)
            publish = try self.publish(version.model, version.version, number, at: position)
        } catch {
            throw .store(error)
        }
        if let difference = golden?.difference(base) {
            throw .notReady("version \(version.version) of \(version.model) \(difference)")
        }
        if let publish { return (try published(publish, of: version, base: base), publish) }
        guard number == nil else {
            throw .request("\(version.model)@\(version.version) has no publish \(number ?? 0)")
        }
        return (base, nil)
    }
}
