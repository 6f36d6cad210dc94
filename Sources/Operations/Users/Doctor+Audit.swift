import Postgres
import Store

extension Doctor {
    /// What the audit takes, of which whole years are dropped by the owner.
    func audit() throws(StoreError) -> [Finding] {
        let rows = try session.query(
            """
            SELECT (SELECT sum(pg_total_relation_size(i.inhrelid))::bigint FROM pg_inherits i
                    WHERE i.inhparent = 'asof.audit'::regclass),
                (SELECT count(*) FROM asof.audit), (SELECT min(a.at) FROM asof.audit a),
                extract(epoch FROM clock_timestamp() - (SELECT min(a.at) FROM asof.audit a))::float8 / 86400
            """
        )
        let bytes = rows.int64(0, 0) ?? 0
        guard let count = rows.int64(0, 1), count > 0, let days = rows.double(0, 3) else {
            return [Finding(.ok, "audit", "nothing is noted yet")]
        }
        return [
            Finding(
                .ok,
                "audit",
                "\(count) lines take \(bytes >> 10) KiB, about \(Int(Double(bytes) / max(days, 1)) >> 10) KiB a day; "
                    + "kept until the owner drops a year, as DROP TABLE asof.audit_2026"
            )
        ]
    }
}
