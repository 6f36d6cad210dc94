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
    package init(
        keys: [Column],
        labelTimes: Column,
        positions: Column? = nil,
        workers: Workers = Workers(1)
    ) {
        rowCount = labelTimes.rowCount
        let storageKeys =
            keys.isEmpty
            ? [Column(type: .int64, values: .int64([Int64](repeating: 0, count: labelTimes.rowCount)))] : keys
        let numbers = KeyRanks.numbers(storageKeys)
        let sorted = RadixOrder.rows(numbers + [labelTimes.int64Values], rowCount: rowCount, workers)
        let needed = storageKeys + [labelTimes] + (positions.map { [$0] } ?? [])
        let validities = needed.compactMap(\.validity)
        let rows =
            validities.isEmpty ? sorted : sorted.filter { row in validities.allSatisfy { $0[Int(row)] } }
        labels = Self.gather(labelTimes.int64Values, rows, workers)
        self.positions = positions.map { Self.gather($0.int64Values, rows, workers) }
        let isNew = Self.made(rows.count, workers) { place in
            place == 0 || numbers.contains { $0[Int(rows[place])] != $0[Int(rows[place - 1])] }
        }
        var entities: [Int32] = []
        entities.reserveCapacity(rows.count)
        var starts: [Int32] = []
        var firstRows: [Int32] = []
        for place in rows.indices {
            if isNew[place] {
                starts.append(Int32(place))
                firstRows.append(rows[place])
            }
            entities.append(Int32(starts.count - 1))
        }
        starts.append(Int32(rows.count))
        self.rows = rows
        self.entities = entities
        entityStarts = starts
        self.keys = storageKeys.map { column in
            Column(type: column.type, values: column.gather(firstRows).values)
        }
    }

    private static func gather(_ values: [Int64], _ rows: [Int32], _ workers: Workers) -> [Int64] {
        values.withUnsafeBufferPointer { values in
            // Safe: read only, and rows are the values' own.
            nonisolated(unsafe) let values = values
            return made(rows.count, workers) { values[Int(rows[$0])] }
        }
    }

    /// One value a place, made in pieces side by side.
    private static func made<Element: BitwiseCopyable & Sendable>(
        _ count: Int,
        _ workers: Workers,
        _ make: @Sendable (Int) -> Element
    ) -> [Element] {
        let pieceRows = 65_536
        return [Element](unsafeUninitializedCapacity: count) { out, initialized in
            // Safe: each piece writes places of its own, and all of them are written.
            nonisolated(unsafe) let out = out
            workers.each((count + pieceRows - 1) / pieceRows) { piece in
                for place in piece * pieceRows..<min(count, (piece + 1) * pieceRows) {
                    out.initializeElement(at: place, to: make(place))
                }
            }
            initialized = count
        }
    }

    package var placeCount: Int { rows.count }
    package var entityCount: Int { entityStarts.count - 1 }
}
