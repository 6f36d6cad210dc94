import Postgres
import Store

extension Doctor {
    /// What learners of models keep: states for as long as `publish.keep` says, at most three times what is learned beside them.
    func learners() throws(StoreError) -> [Finding] {
        let rows = try session.query(
            """
            SELECT l.model, l.version, coalesce(s.bytes, 0)::bigint, coalesce(p.daily, 0)::bigint
            FROM asof.learners l
            LEFT JOIN LATERAL (SELECT sum(octet_length(slots)) AS bytes FROM asof.learner_states s
                WHERE s.model = l.model AND s.version = l.version) s ON true
            LEFT JOIN LATERAL (SELECT count(*) AS daily FROM asof.model_publishes p
                WHERE p.model = l.model AND p.version = l.version
                    AND p.committed_at > l.committed_at - interval '1 day') p ON true
            ORDER BY l.model, l.version
            """
        )
        return (0..<rows.count).map { row in
            let name = "\(rows.text(row, 0) ?? "")@\(rows.int32(row, 1) ?? 0)"
            let (bytes, daily) = (rows.int64(row, 2) ?? 0, rows.int64(row, 3) ?? 0)
            return Finding(
                .ok,
                "learners",
                "\(name) keeps \(bytes >> 10) KiB of states for publish.keep, and published \(daily) times, "
                    + "about \(daily * 2) KiB beside its states, in the last day of its labels"
            )
        }
    }
}
