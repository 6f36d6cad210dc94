import Features

/// A row group's keys next to the spine's entities. Concrete types, so that the merge is compiled for each.
protocol RowKeys {
    /// The keys of a row of the group against those of an entity: negative, zero, positive.
    func compare(_ row: Int, _ entity: Int) -> Int
}

/// Of views with one integer key.
struct IntegerKeys: RowKeys {
    let rows: UnsafeBufferPointer<Int64>
    let entities: UnsafeBufferPointer<Int64>

    @inline(__always)
    func compare(_ row: Int, _ entity: Int) -> Int {
        // Safe: the merge asks for rows of the group and entities of the spine only.
        let (left, right) = (rows[row], entities[entity])
        return left < right ? -1 : (left > right ? 1 : 0)
    }
}

/// Texts, and several keys.
struct AnyKeys: RowKeys {
    enum Part {
        case int64(rows: UnsafeBufferPointer<Int64>, entities: UnsafeBufferPointer<Int64>)
        case string(rows: Texts, entities: Texts)
    }

    struct Texts {
        let offsets: UnsafeBufferPointer<Int>
        let bytes: UnsafeBufferPointer<UInt8>

        subscript(row: Int) -> UnsafeBufferPointer<UInt8> {
            UnsafeBufferPointer(rebasing: bytes[offsets[row]..<offsets[row + 1]])
        }
    }

    let parts: [Part]

    func compare(_ row: Int, _ entity: Int) -> Int {
        for part in parts {
            switch part {
            case .int64(let rows, let entities):
                if rows[row] != entities[entity] { return rows[row] < entities[entity] ? -1 : 1 }
            case .string(let rows, let entities):
                let order = TextOrder.compare(rows[row], entities[entity])
                if order != 0 { return order }
            }
        }
        return 0
    }
}

/// The spine's entities in memory that does not move.
final class EntityKeys: @unchecked Sendable {
    // Sendable: nothing changes after `init`.
    private let columns: [Column]
    private var integers: [UnsafeMutableBufferPointer<Int64>] = []
    private var texts: [AnyKeys.Texts] = []
    private let entityCount: Int

    convenience init(_ spine: SortedSpine) { self.init(spine.keys, count: spine.entityCount) }

    /// - Parameter keys: one row an entity, ascending.
    init(_ keys: [Column], count: Int) {
        columns = keys
        entityCount = count
        for column in columns {
            switch column.values {
            case .text(let values):
                let offsets = UnsafeMutableBufferPointer<Int>.allocate(capacity: values.offsets.count)
                _ = offsets.initialize(fromContentsOf: values.offsets)
                let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, values.bytes.count))
                bytes.initialize(repeating: 0)
                _ = bytes.update(fromContentsOf: values.bytes)
                texts.append(AnyKeys.Texts(offsets: UnsafeBufferPointer(offsets), bytes: UnsafeBufferPointer(bytes)))
            default:
                let values = column.int64Values
                let copy = UnsafeMutableBufferPointer<Int64>.allocate(capacity: max(1, values.count))
                copy.initialize(repeating: 0)
                _ = copy.update(fromContentsOf: values)
                integers.append(copy)
            }
        }
    }

    deinit {
        for values in integers { values.deallocate() }
        for values in texts {
            values.offsets.deallocate()
            values.bytes.deallocate()
        }
    }

    /// The keys of a view with one integer key beside a group's; `nil` for all others.
    func integerKeys(_ order: GroupOrder) -> IntegerKeys? {
        guard order.keys.count == 1, case .int64(let rows) = order.keys[0], let entities = integers.first,
            texts.isEmpty
        else { return nil }
        return IntegerKeys(rows: rows, entities: UnsafeBufferPointer(entities))
    }

    func keys(_ order: GroupOrder) -> AnyKeys {
        var (nextInteger, nextText) = (0, 0)
        return AnyKeys(
            parts: order.keys.map { key in
                switch key {
                case .int64(let rows):
                    nextInteger += 1
                    return .int64(rows: rows, entities: UnsafeBufferPointer(integers[nextInteger - 1]))
                case .string(let offsets, let bytes):
                    nextText += 1
                    return .string(
                        rows: AnyKeys.Texts(offsets: offsets, bytes: bytes),
                        entities: texts[nextText - 1]
                    )
                }
            }
        )
    }

    /// The first entity whose keys are not before `keys`, and whether they are the same. Of more keys than entities have, the
    /// leading ones count.
    /// - Complexity: O(log *entities*).
    func find(_ keys: [Value]) -> (entity: Int, isEqual: Bool) {
        var (low, high) = (0, entityCount)
        while low < high {
            let middle = low + (high - low) / 2
            if compare(middle, keys) < 0 { low = middle + 1 } else { high = middle }
        }
        return (low, low < entityCount && compare(low, keys) == 0)
    }

    private func compare(_ entity: Int, _ keys: [Value]) -> Int {
        for (column, key) in zip(columns, keys) {
            switch (column.values, key) {
            case (.int64(let values), .int64(let other)):
                if values[entity] != other { return values[entity] < other ? -1 : 1 }
            case (.text(let values), .string(let other)):
                var other = other
                let order = other.withUTF8 { other in
                    values.bytes.withUnsafeBufferPointer { TextOrder.compare(values, $0, entity, other) }
                }
                if order != 0 { return order }
            default: preconditionFailure("a run's keys are of the spine's types")
            }
        }
        return 0
    }
}
