import Features
import Online
import Postgres
import Store

/// Parts of the statements that read rows which are not in memory.
extension ServedView {
    /// SQL: what is read of a row: its keys, event time, whether it is a tombstone, the features of ``layout``, its size.
    func rowList(_ alias: String) -> String {
        let columns =
            [stored.keyList(alias), "\(alias)._event_time", "\(alias)._deleted"]
            + layout.columns.map { "\(alias).\(SQLText.identifier($0.feature))" }
        let size = ValueSizes.row(
            layout.columns.map { ($0.feature, $0.type) } + stored.storageKeys.map { ($0.name, $0.type.featureType) },
            alias
        )
        return columns.joined(separator: ", ") + ", \(size) AS _size"
    }
}

extension StoredView {
    /// SQL: that the keys are those which a request gave, as `k.k0`, `k.k1`, …
    ///
    /// What is given has the database's collation: by it an index of ours could not be used.
    /// - Parameter count: of a global view, which is asked for without keys, 0.
    func keysGiven(_ alias: String, count: Int) -> [String] {
        storageKeys.prefix(count).enumerated().map { index, key in
            "\(alias).\(SQLText.identifier(key.name)) = k.k\(index)\(key.type == .string ? " COLLATE \"C\"" : "")"
        }
    }
}
