import Features
import Postgres
import Store

/// SQL that bounds results by the bytes of their values, so that they never have to be fetched to be found too large.
enum ValueSizes {
    /// SQL: what a row's columns take in this process, in bytes, at least as much as they are; nothing is decompressed for
    /// it but lists.
    static func row(_ columns: [(name: String, type: FeatureType)], _ alias: String) -> String {
        var fixed = 0
        var terms: [String] = []
        for column in columns {
            let name = "\(alias).\(SQLText.identifier(column.name))"
            fixed += ServingLimits.valueOverheadBytes
            switch column.type {
            case .bool, .int32, .int64, .float32, .float64, .timestamp: fixed += 8
            case .vector(let dimensions): fixed += 8 * dimensions
            case .string, .bytes: terms.append("coalesce(pg_catalog.octet_length(\(name)), 0)::bigint")
            case .listInt64: terms.append("12 * coalesce(pg_catalog.cardinality(\(name)), 0)::bigint")
            case .listString:
                terms.append(
                    "coalesce(pg_catalog.octet_length(pg_catalog.array_to_string(\(name), '')), 0)::bigint"
                        + " + \(ServingLimits.valueOverheadBytes) * coalesce(pg_catalog.cardinality(\(name)), 0)::bigint"
                )
            }
        }
        return "(\(([String(fixed)] + terms).joined(separator: " + ")))::bigint"
    }

    /// SQL: rows of `query`, which has the column `_size`, until those before have more than `bytesMax`.
    /// - Parameter order: as an ORDER BY has it, over columns of `query`.
    static func bounded(_ query: String, order: String, bytesMax: Int) -> String {
        """
        SELECT * FROM (
            SELECT q.*,
                (pg_catalog.sum(q._size) OVER (ORDER BY \(order) ROWS UNBOUNDED PRECEDING))::bigint - q._size AS _before
            FROM (\(query)) q) bounded
        WHERE _before < \(bytesMax) ORDER BY \(order)
        """
    }
}
