import Foundation
import Postgres
package import Store

/// A row of the log.
package struct LoggedPrediction: Sendable {
    package var servedUs: Int64
    /// Of the rows that its server answered.
    package var number: Int64
    package var version: Int
    /// Of a version that learns, whose weights answered; `nil` = its file's.
    package var publish: Int?
    package var position: Int64
    package var isExact: Bool
    package var timeUs: Int64
    package var isTimed: Bool
    /// Values as texts; `nil` = null.
    package var keys: [String: String?]
    package var fields: [String: String?]
    package var overrides: [String: String?]
    package var isCut: Bool
    package var status: String
    package var fallback: String?
    package var score: [Float]
    package var marks: [UInt8]

    package var keyText: String {
        keys.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value ?? "null")" }.joined(separator: " ")
    }
}

extension PredictionLog {
    /// Rows of a model, drawn by chance: the same ones for the same seed, as long as the log has them.
    ///
    /// - Parameters:
    ///   - version: `nil` = of all versions.
    ///   - from: by the time of serving, µs; `nil` = no bound.
    ///   - to: before this time.
    /// - Complexity: one scan of the days between.
    package func sample(
        of model: String,
        version: Int?,
        from: Int64?,
        to: Int64?,
        count: Int,
        seed: UInt64
    ) throws(StoreError) -> [LoggedPrediction] {
        let rows = try session.query(
            """
            SELECT served_at, number, version, position, is_exact, time, is_timed, keys::text, request::text, overrides::text,
                is_cut, status, fallback, score::text, marks, publish
            FROM asof.predictions
            WHERE model = $1 AND ($2::int4 IS NULL OR version = $2) AND ($3::timestamptz IS NULL OR served_at >= $3)
                AND ($4::timestamptz IS NULL OR served_at < $4)
            ORDER BY hashtextextended(server::text || number, $5), server, number LIMIT $6
            """,
            [
                .text(model), .int32(version.map { Int32(clamping: $0) }), .timestamp(microseconds: from),
                .timestamp(microseconds: to), .int64(Int64(bitPattern: seed)), .int64(Int64(count)),
            ]
        )
        var logged: [LoggedPrediction] = []
        logged.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            logged.append(
                LoggedPrediction(
                    servedUs: rows.timestamp(row, 0) ?? 0,
                    number: rows.int64(row, 1) ?? 0,
                    version: Int(rows.int32(row, 2) ?? 0),
                    publish: rows.int32(row, 15).map { Int($0) },
                    position: rows.int64(row, 3) ?? 0,
                    isExact: rows.bool(row, 4) ?? false,
                    timeUs: rows.timestamp(row, 5) ?? 0,
                    isTimed: rows.bool(row, 6) ?? false,
                    keys: Self.texts(rows.text(row, 7)),
                    fields: Self.texts(rows.text(row, 8)),
                    overrides: Self.texts(rows.text(row, 9)),
                    isCut: rows.bool(row, 10) ?? false,
                    status: rows.text(row, 11) ?? "",
                    fallback: rows.text(row, 12),
                    score: Self.floats(rows.text(row, 13)),
                    marks: rows.byteArray(row, 14) ?? []
                )
            )
        }
        return logged
    }

    private static func texts(_ document: String?) -> [String: String?] {
        let object = document.flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) }
        return (object as? [String: Any] ?? [:]).mapValues { $0 as? String }
    }

    /// PostgreSQL's text of an array of real, which reads back to the same bits.
    static func floats(_ text: String?) -> [Float] {
        (text ?? "{}").dropFirst().dropLast().split(separator: ",").map { Float($0) ?? .nan }
    }
}
