package import Features
package import PointInTime

/// The canonical bytes of an entity's key, for views whose key is not one int64.
///
/// One string key is its own UTF-8 bytes. Of several keys, in the view's order, an int64 is 8 little-endian bytes, and a
/// string its length as 4 little-endian bytes, then its UTF-8 bytes. So two entities never share their bytes.
package struct EntityKey: Sendable {
    package private(set) var bytes: [UInt8] = []
    private let isComposite: Bool

    package init(_ keys: [KeyColumn]) { isComposite = keys.count > 1 }

    /// Forgets the key, to take another one without allocating.
    package mutating func reset() { bytes.removeAll(keepingCapacity: true) }

    package mutating func append(_ value: Int64) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ text: some Collection<UInt8>) {
        if isComposite { withUnsafeBytes(of: UInt32(text.count).littleEndian) { bytes.append(contentsOf: $0) } }
        bytes.append(contentsOf: text)
    }

    package mutating func append(_ text: Span<UInt8>) {
        text.withUnsafeBufferPointer { append($0) }
    }

    /// A row of a key column.
    package mutating func append(_ column: Column, _ row: Int) {
        switch column.values {
        case .int64(let values): append(values[row])
        case .text(let values): append(values[row])
        default: preconditionFailure("a key column is int64 or string, not \(column.type.text)")
        }
    }

    /// - Parameter values: int64 and string, in the view's order.
    package mutating func append(_ values: [Value]) {
        for value in values {
            switch value {
            case .int64(let value): append(value)
            case .string(let value): append(value.utf8)
            default: preconditionFailure("a key is int64 or string")
            }
        }
    }

    /// The keys' values again.
    static func values(_ bytes: UnsafeRawBufferPointer, _ keys: [KeyColumn]) -> [Value] {
        guard keys.count > 1 else { return [.string(String(decoding: bytes, as: UTF8.self))] }
        var offset = 0
        return keys.map { key in
            switch key.type {
            case .int64:
                offset += 8
                return .int64(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset - 8, as: Int64.self)))
            case .string:
                let count = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                let text = bytes[offset + 4..<offset + 4 + count]
                offset += 4 + count
                return .string(String(decoding: text, as: UTF8.self))
            }
        }
    }
}
