/// Rows of a key's history as they come, tombstones and all versions among them.
package struct LoadingEvents: Sendable {
    /// Records, each with its position and whether it is a tombstone behind it.
    private(set) var records: [UInt8] = []
    private(set) var bytes: [UInt8] = []

    static let extra = 9

    package init() {}

    /// - Returns: whether there is room for the row's bytes.
    package mutating func append(
        _ batch: EventBatch,
        _ row: Int,
        position: Int64,
        _ layout: EventLayout
    ) -> Bool {
        let start = records.count
        records += batch.records[row * layout.stride..<(row + 1) * layout.stride]
        records.append(word: position)
        records.append(batch.isDeleted[row] ? 1 : 0)
        for offset in layout.byteOffsets {
            let place = records.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start + offset, as: UInt32.self) }
            guard place != EventBytes.none else { continue }
            guard bytes.count <= layout.bytesMax else { return false }
            let moved = UInt32(bytes.count)
            batch.bytes.withUnsafeBytes { others in
                let value = KeyEvents.value(others, place)
                bytes.append(word: UInt32(value.count))
                bytes.append(contentsOf: value)
            }
            records.withUnsafeMutableBytes { $0.storeBytes(of: moved, toByteOffset: start + offset, as: UInt32.self) }
        }
        return true
    }

    /// - Returns: `nil` where they do not fit, see ``KeyEvents``.
    package func events(_ layout: EventLayout) -> KeyEvents? { KeyEvents(self, layout) }

    package var byteCount: Int { records.capacity + bytes.capacity }

    /// Rows of the last version of each event, unless it is a tombstone, in order.
    func inForce(_ layout: EventLayout) -> [Int] {
        let stride = layout.stride + Self.extra
        return records.withUnsafeBytes { records in
            bytes.withUnsafeBytes { bytes in
                func order(_ left: Int, _ right: Int) -> Int {
                    KeyEvents.order(
                        UnsafeRawBufferPointer(rebasing: records[left * stride..<(left + 1) * stride]),
                        bytes,
                        UnsafeRawBufferPointer(rebasing: records[right * stride..<(right + 1) * stride]),
                        bytes,
                        layout
                    )
                }
                func position(_ row: Int) -> Int64 {
                    records.loadUnaligned(fromByteOffset: row * stride + layout.stride, as: Int64.self)
                }
                var rows = Array(0..<records.count / stride)
                let isSorted = rows.dropFirst().allSatisfy { order($0 - 1, $0) < 0 }
                if !isSorted {
                    rows.sort { left, right in
                        let order = order(left, right)
                        return order == 0 ? position(left) < position(right) : order < 0
                    }
                }
                var kept: [Int] = []
                kept.reserveCapacity(rows.count)
                for (place, row) in rows.enumerated() {
                    if place + 1 < rows.count, order(row, rows[place + 1]) == 0 { continue }
                    if records[row * stride + stride - 1] == 0 { kept.append(row) }
                }
                return kept
            }
        }
    }
}
