import Online
import Reading
import Serving

/// What commands that are not about features ask about keys `view:entity`.
extension FeatureReads {
    /// Entities with a row, expired ones included and tombstones not, in all views that are resident.
    package func entityCount() -> Int64 {
        source.catalog().views.reduce(0) { count, view in
            guard let figures = view.memory?.figures else { return count }
            return count + Int64(figures.rows - figures.tombstones)
        }
    }

    /// Bytes of an entity's row with its values of variable length; `nil` where no row is in memory.
    package func memoryUsage(of key: String) -> Int64? {
        let bytes = Array(key.utf8)
        guard let key = HashKey(bytes.span, in: source.catalog()), let memory = key.view.memory else { return nil }
        let rows = FoundRows(rowCount: 1, roleCount: 1)
        return memory.withReader { reader -> Int64? in
            key.keys.find(0, in: rows, reader.shared)
            guard let row = rows.found(0, role: 0) else { return nil }
            let layout = reader.layout
            let variable = layout.columns.indices.reduce(0) { sum, index in
                let column = layout.columns[index]
                return column.type.isVariableWidth && !row.isNull(index) ? sum + row.bytes(column.offset).count : sum
            }
            return Int64(layout.stride + variable)
        }
    }
}
