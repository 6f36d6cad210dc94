import Postgres

/// A record that a stream set aside, as the store keeps it.
package struct StreamReject: Sendable, Hashable {
    package var record: RejectedRecord
    /// Of the value as it came; more than what is kept where it was cut. `nil` = it had none.
    package var valueBytes: Int64?
    /// µs since 1970-01-01 UTC.
    package var rejectedUs: Int64

    /// The newest of a stream, newest first.
    package static func newest(of stream: String, limit: Int, _ session: Session) throws(StoreError) -> [StreamReject] {
        let rows = try session.query(
            """
            SELECT partition, "offset", record_time, code, reason, key, value, value_bytes, rejected_at
            FROM asof.rejects WHERE stream = $1 ORDER BY rejected_at DESC, partition DESC, "offset" DESC LIMIT $2
            """,
            [.text(stream), .int64(Int64(limit))]
        )
        return (0..<rows.count).map { row in
            StreamReject(
                record: RejectedRecord(
                    partition: rows.int32(row, 0) ?? 0,
                    offset: rows.int64(row, 1) ?? 0,
                    timeUs: rows.timestamp(row, 2),
                    code: rows.text(row, 3).flatMap { RejectedRecord.Code(rawValue: $0) } ?? .row,
                    reason: rows.text(row, 4) ?? "",
                    key: rows.byteArray(row, 5),
                    value: rows.byteArray(row, 6)
                ),
                valueBytes: rows.int64(row, 7),
                rejectedUs: rows.timestamp(row, 8) ?? 0
            )
        }
    }

    /// How many are kept, by stream.
    package static func counts(_ session: Session) throws(StoreError) -> [String: Int] {
        let rows = try session.query("SELECT stream, count(*) FROM asof.rejects GROUP BY stream")
        var counts: [String: Int] = [:]
        for row in 0..<rows.count { counts[rows.text(row, 0) ?? ""] = Int(rows.int64(row, 1) ?? 0) }
        return counts
    }
}
