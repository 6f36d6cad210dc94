import Features

/// The rows of a spine that can match something, in the order of their keys and label times.
///
/// It is made once for all views that are asked by the same columns. A *place* is a row's number in this order.
package struct SortedSpine: Sendable {
    /// The rows in all, also those with a null key or time, which match nothing and have no place.
    package let rowCount: Int
    /// The spine's row at each place.
    package let rows: [Int32]
    /// Label times, µs, one a place.
    package let labels: [Int64]
    /// The ledger position that each place reads; `nil` = all read the same state.
    package let positions: [Int64]?
    /// The entity of each place: they are numbered from 0 in the order of their keys.
    package let entities: [Int32]
    /// The first place of each entity, and after the last one the number of places.
    package let entityStarts: [Int32]
    /// The entities' keys, one row an entity.
    package let keys: [Column]

    /// - Parameters:
    ///   - keys: the key columns, `int64` or `string`; none for a view of one entity.
    ///   - labelTimes: timestamps.
    ///   - positions: int64, see ``positions``.
    /// - Complexity: O(*n*) for integers, and the sort of the distinct ones for texts.
    package init(keys: [Column], labelTimes: Column, positions: Column? = nil) {
        rowCount = labelTimes.rowCount
        let storageKeys =
            keys.isEmpty
            ? [Column(type: .int64, values: .int64([Int64](repeating: 0, count: labelTimes.rowCount)))] : keys
        let numbers = KeyRanks.numbers(storageKeys)
        let sorted = RadixOrder.rows(numbers + [RadixOrder.numbers(labelTimes.int64Values)], rowCount: rowCount)
        let needed = storageKeys + [labelTimes] + (positions.map { [$0] } ?? [])
        let validities = needed.compactMap(\.validity)
        let rows =
            validities.isEmpty ? sorted : sorted.filter { row in validities.allSatisfy { $0[Int(row)] } }
        let times = labelTimes.int64Values
        labels = rows.map { times[Int($0)] }
        self.positions = positions.map { column in
            let values = column.int64Values
            return rows.map { values[Int($0)] }
        }
        var entities = [Int32](repeating: 0, count: rows.count)
        var starts: [Int32] = []
        var firstRows: [Int32] = []
        for place in rows.indices {
            let row = Int(rows[place])
            var isNew = place == 0
            if place > 0 {
                let previous = Int(rows[place - 1])
                for column in numbers where column[row] != column[previous] { isNew = true }
            }
            if isNew {
                starts.append(Int32(place))
                firstRows.append(rows[place])
            }
            entities[place] = Int32(starts.count - 1)
        }
        starts.append(Int32(rows.count))
        self.rows = rows
        self.entities = entities
        entityStarts = starts
        self.keys = storageKeys.map { column in
            Column(type: column.type, values: column.gather(firstRows).values)
        }
    }

    package var placeCount: Int { rows.count }
    package var entityCount: Int { entityStarts.count - 1 }
}
