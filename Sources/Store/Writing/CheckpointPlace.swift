import PointInTime
import Postgres

/// The checkpoint of an ingest's source, for one batch: in `asof.sources`, where a rerun waits for a predecessor's commit.
struct CheckpointPlace: SourcePlace {
    /// ``StoredView/id`` of the view that the source is read into; 0 = several views, each row names its own.
    let view: Int32
    let identity: SourceIdentity
    /// Where the rows of the batch begin, and where they end.
    let checkpoint: SourceCheckpoint
    let next: SourceCheckpoint
    /// Whether the source is read from its start, wherever its checkpoint is.
    let startsOver: Bool
    /// Once it is locked: whether another run of the source has stored this very batch.
    package private(set) var isStored = false

    init(
        view: Int32,
        _ identity: SourceIdentity,
        from checkpoint: SourceCheckpoint,
        to next: SourceCheckpoint,
        startsOver: Bool
    ) {
        self.view = view
        self.identity = identity
        self.checkpoint = checkpoint
        self.next = next
        self.startsOver = startsOver
    }

    mutating func lock(_ session: Session) throws(StoreError) {
        try session.query(
            """
            INSERT INTO asof.sources (view, source, name, head_bytes, head_digest, options)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            """,
            [
                .int32(view), .text(checkpoint.source), .text(identity.name), .int32(Int32(identity.head.count)),
                .bytes(ContentDigest.sha256(identity.head[...])), .text(checkpoint.options),
            ]
        )
        let found = try session.query(
            "SELECT rows, digest FROM asof.sources WHERE view = $1 AND source = $2 FOR UPDATE",
            [.int32(view), .text(checkpoint.source)]
        )
        let (rows, digest) = (Int(found.int64(0, 0) ?? 0), found.byteArray(0, 1) ?? [])
        if startsOver { return }
        if rows == next.rows && digest == next.digest {
            isStored = true
        } else if rows != checkpoint.rows || digest != checkpoint.digest {
            throw .conflict(
                """
                another ingest of source '\(checkpoint.source)' is under way: it has stored \(rows) rows, this one \
                expected \(checkpoint.rows). Run the command again: it goes on where the other one ended
                """
            )
        }
    }

    func move(to batch: Int64, _ session: Session) throws(StoreError) {
        try session.query(
            """
            UPDATE asof.sources SET rows = $3, digest = $4, options = $5, batch = $6, updated_at = clock_timestamp()
            WHERE view = $1 AND source = $2
            """,
            [
                .int32(view), .text(checkpoint.source), .int64(Int64(next.rows)), .bytes(next.digest),
                .text(next.options), .int64(batch),
            ]
        )
    }
}
