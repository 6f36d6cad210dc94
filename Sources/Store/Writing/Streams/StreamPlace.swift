import Postgres

/// How far the partitions of a stream's topic were taken, for one batch: in `asof.stream_positions`.
///
/// The rows move only from where the batch begins. Whoever else reads the same partitions and came first has moved them, and
/// then nothing of this batch is stored; so two readers never store a record twice, whatever a broker's group says.
struct StreamPlace: SourcePlace {
    let stream: String
    let origin: StreamOrigin
    /// Ascending by partition, each once.
    let moves: [StreamMove]
    let rejects: [RejectedRecord]

    mutating func lock(_ session: Session) throws(StoreError) {
        for move in moves where move.isNew {
            try session.query(
                """
                INSERT INTO asof.stream_positions (stream, partition, next, cluster, topic, writer)
                VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
                """,
                [
                    .text(stream), .int32(move.partition), .int64(move.first), .text(origin.cluster),
                    .text(origin.topic), .text(origin.writer),
                ]
            )
        }
        let partitions = moves.map { String($0.partition) }.joined(separator: ",")
        let found = try session.query(
            """
            SELECT partition, next, writer FROM asof.stream_positions
            WHERE stream = $1 AND partition = ANY ('{\(partitions)}') ORDER BY partition FOR UPDATE
            """,
            [.text(stream)]
        )
        var next: [Int32: (next: Int64, writer: String)] = [:]
        for row in 0..<found.count {
            guard let partition = found.int32(row, 0), let offset = found.int64(row, 1) else { continue }
            next[partition] = (offset, found.text(row, 2) ?? "")
        }
        for move in moves {
            let known = next[move.partition]
            guard known?.next != move.first else { continue }
            throw .streamMoved(
                partition: move.partition,
                expected: move.first,
                found: known?.next,
                writer: known?.writer ?? ""
            )
        }
    }

    func move(to batch: Int64, _ session: Session) throws(StoreError) {
        for move in moves {
            try session.query(
                """
                UPDATE asof.stream_positions SET next = $3, last_offset = coalesce($4, last_offset),
                    last_digest = coalesce($5, last_digest), last_time = coalesce($6, last_time), cluster = $7, topic = $8,
                    writer = $9, batch = $10, updated_at = clock_timestamp()
                WHERE stream = $1 AND partition = $2
                """,
                [
                    .text(stream), .int32(move.partition), .int64(move.next), .int64(move.last?.offset),
                    .bytes(move.last?.digest), .timestamp(microseconds: move.last?.timeUs), .text(origin.cluster),
                    .text(origin.topic), .text(origin.writer), .int64(batch),
                ]
            )
            // A partition that is only made known has no records yet.
            guard move.next > move.first else { continue }
            try session.query(
                """
                INSERT INTO asof.stream_batches (batch, stream, partition, first, next) VALUES ($1, $2, $3, $4, $5)
                """,
                [.int64(batch), .text(stream), .int32(move.partition), .int64(move.first), .int64(move.next)]
            )
        }
        for reject in rejects { try put(reject, batch, session) }
    }

    private func put(_ reject: RejectedRecord, _ batch: Int64, _ session: Session) throws(StoreError) {
        try session.query(
            """
            INSERT INTO asof.rejects
                (stream, partition, "offset", record_time, code, reason, key, value, value_bytes, batch)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING
            """,
            [
                .text(stream), .int32(reject.partition), .int64(reject.offset),
                .timestamp(microseconds: reject.timeUs), .text(reject.code.rawValue), .text(reject.reason),
                .bytes(reject.key.map { Array($0.prefix(Limits.rejectedBytesMax)) }),
                .bytes(reject.value.map { Array($0.prefix(Limits.rejectedBytesMax)) }),
                .int64(reject.value.map { Int64($0.count) }), .int64(batch),
            ]
        )
    }
}

/// Whose records they are, and who takes them.
package struct StreamOrigin: Sendable, Hashable {
    /// The broker's own name of itself; empty where it has none.
    package var cluster: String
    package var topic: String
    /// Host and process, for messages.
    package var writer: String

    package init(cluster: String, topic: String, writer: String) {
        self.cluster = cluster
        self.topic = topic
        self.writer = writer
    }
}

/// What a batch takes of one partition: the records from `first` up to `next`.
package struct StreamMove: Sendable, Hashable {
    /// The newest record that was taken, by which the topic is known again.
    package struct Last: Sendable, Hashable {
        package var offset: Int64
        /// See ``StreamMove/digest(key:value:timeUs:)``.
        package var digest: [UInt8]
        package var timeUs: Int64?

        package init(offset: Int64, digest: [UInt8], timeUs: Int64?) {
            self.offset = offset
            self.digest = digest
            self.timeUs = timeUs
        }
    }

    package var partition: Int32
    package var first: Int64
    /// Behind the last of them; offsets between may be missing, where transactions ended or the broker compacted.
    package var next: Int64
    /// `nil` where no record was taken.
    package var last: Last?
    /// Whether the store has no position of the partition yet.
    package var isNew: Bool

    package init(partition: Int32, first: Int64, next: Int64, last: Last?, isNew: Bool) {
        self.partition = partition
        self.first = first
        self.next = next
        self.last = last
        self.isNew = isNew
    }
}

/// A record that cannot be stored and is set aside.
package struct RejectedRecord: Sendable, Hashable {
    package enum Code: String, Sendable {
        /// It is not what the stream's format says.
        case format
        /// A value that is none of its column's type, or not there.
        case value
        /// A row that the view does not take: its time, its key, what is expected of its features.
        case row
    }

    package var partition: Int32
    package var offset: Int64
    package var timeUs: Int64?
    package var code: Code
    package var reason: String
    package var key: [UInt8]?
    package var value: [UInt8]?

    package init(
        partition: Int32,
        offset: Int64,
        timeUs: Int64?,
        code: Code,
        reason: String,
        key: [UInt8]?,
        value: [UInt8]?
    ) {
        self.partition = partition
        self.offset = offset
        self.timeUs = timeUs
        self.code = code
        self.reason = reason
        self.key = key
        self.value = value
    }
}
