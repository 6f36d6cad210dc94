import Crypto
import Features
import PointInTime

/// A row of an input that could not be decoded and was set aside.
package struct UndecodableRow: Sendable {
    /// Its place among the rows that were read together, from 0, the decodable ones counted, too.
    package var offset: Int
    /// As it stands in the input.
    package var text: [UInt8]

    package init(offset: Int, text: [UInt8]) {
        self.offset = offset
        self.text = text
    }
}

/// What a checkpoint knows of an input: how many rows came, and a digest over all of them.
///
/// Decodable rows count by their values, whether they were stored or not; the others by their number and text. Without
/// any of these the digest is ``ContentDigest`` of the rows, so that an input which was read to its first bad row and no
/// further is known again when bad rows are skipped.
struct InputDigest {
    private var decoded: ContentDigest
    private var undecodable = SHA256()
    private var undecodableCount = 0

    init(columns: [(name: String, type: FeatureType)]) {
        decoded = ContentDigest(names: columns.map(\.name), types: columns.map(\.type))
    }

    var rowCount: Int { decoded.rowCount + undecodableCount }

    /// - Parameter columns: of the `count` decodable rows.
    mutating func update(_ columns: [Column], _ count: Int, _ others: some Sequence<UndecodableRow>) {
        let first = rowCount
        decoded.update(columns, rowCount: count)
        for other in others {
            undecodableCount += 1
            for number in [first + other.offset, other.text.count] {
                withUnsafeBytes(of: UInt64(number).littleEndian) { undecodable.update(bufferPointer: $0) }
            }
            undecodable.update(data: other.text)
        }
    }

    func value() -> [UInt8] {
        guard undecodableCount > 0 else { return decoded.value() }
        var both = SHA256()
        both.update(data: decoded.value())
        both.update(data: Array(undecodable.finalize()))
        return Array(both.finalize())
    }
}
