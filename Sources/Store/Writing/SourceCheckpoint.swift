import Features
import PointInTime
import Postgres

/// Which input an ingest reads, so that a rerun can tell that it saw it before.
package struct SourceIdentity: Sendable, Hashable {
    /// The file's name without folders, or what `--source` says.
    package let name: String
    /// The first bytes of the input, at most ``Limits/sourceHeadBytesMax``; empty where a name was given.
    package let head: [UInt8]

    package init(name: String, head: [UInt8] = []) {
        self.name = name
        self.head = head
    }
}

/// How far a source of a view was read, and by what options.
package struct SourceCheckpoint: Sendable, Hashable {
    /// The row's key in `asof.sources`.
    package var source: String
    /// Input rows consumed.
    package var rows: Int
    /// ``ContentDigest`` over the decoded values of those rows.
    package var digest: [UInt8]
    /// The options that give the input its meaning, spelled out.
    package var options: String
    /// When it moved last, µs since 1970-01-01 UTC; `nil` = it is new.
    package var updatedAt: Int64?
}

extension SourceCheckpoint {
    /// The checkpoint of a source, or a new one at row 0.
    ///
    /// A file that grew begins with the bytes it began with before; a file of the same name that begins otherwise is
    /// another source.
    /// - Parameter view: ``StoredView/id`` of the view that the source is read into; 0 = several views, each row names its own.
    static func find(
        _ identity: SourceIdentity,
        of view: Int32,
        options: String,
        _ session: Session
    ) throws(StoreError) -> SourceCheckpoint {
        let rows = try session.query(
            """
            SELECT source, rows, digest, options, head_bytes, head_digest, updated_at FROM asof.sources
            WHERE view = $1 AND name = $2 ORDER BY head_bytes DESC, updated_at DESC
            """,
            [.int32(view), .text(identity.name)]
        )
        for row in 0..<rows.count {
            guard let length = rows.int32(row, 4), length <= identity.head.count else { continue }
            // A source that was given its name is not the file that happens to be called so.
            guard (length == 0) == identity.head.isEmpty else { continue }
            guard rows.byteArray(row, 5) == ContentDigest.sha256(identity.head.prefix(Int(length))) else { continue }
            return SourceCheckpoint(
                source: rows.text(row, 0) ?? identity.name,
                rows: Int(rows.int64(row, 1) ?? 0),
                digest: rows.byteArray(row, 2) ?? [],
                options: rows.text(row, 3) ?? "",
                updatedAt: rows.timestamp(row, 6)
            )
        }
        return SourceCheckpoint(source: source(identity), rows: 0, digest: [], options: options)
    }

    private static func source(_ identity: SourceIdentity) -> String {
        guard !identity.head.isEmpty else { return identity.name }
        return identity.name + "#" + ContentDigest.hex(Array(ContentDigest.sha256(identity.head[...]).prefix(8)))
    }
}
