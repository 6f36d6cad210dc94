import Postgres

/// How far one partition of a stream was taken.
package struct StreamPosition: Sendable, Hashable {
    /// The first record that is not taken.
    package var next: Int64
    package var last: StreamMove.Last?
    package var origin: StreamOrigin
    /// µs since 1970-01-01 UTC.
    package var updatedUs: Int64

    /// Of each partition that a stream has taken something of.
    package static func all(of stream: String, _ session: Session) throws(StoreError) -> [Int32: StreamPosition] {
        let rows = try session.query(
            """
            SELECT partition, next, last_offset, last_digest, last_time, cluster, topic, writer, updated_at
            FROM asof.stream_positions WHERE stream = $1
            """,
            [.text(stream)]
        )
        var positions: [Int32: StreamPosition] = [:]
        for row in 0..<rows.count {
            guard let partition = rows.int32(row, 0), let next = rows.int64(row, 1) else { continue }
            var last: StreamMove.Last?
            if let offset = rows.int64(row, 2), let digest = rows.byteArray(row, 3) {
                last = StreamMove.Last(offset: offset, digest: digest, timeUs: rows.timestamp(row, 4))
            }
            positions[partition] = StreamPosition(
                next: next,
                last: last,
                origin: StreamOrigin(
                    cluster: rows.text(row, 5) ?? "",
                    topic: rows.text(row, 6) ?? "",
                    writer: rows.text(row, 7) ?? ""
                ),
                updatedUs: rows.timestamp(row, 8) ?? 0
            )
        }
        return positions
    }
}
