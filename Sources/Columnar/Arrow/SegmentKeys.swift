import Features
import PointInTime

/// The keys of each row group's first and last row, as a text in the file's footer: statistics would only give bounds of
/// single columns.
///
/// Hexadecimal digits of: for each group, the first row's keys and the last row's; an int64 as 8 bytes, a string as its
/// length in 4 bytes and its bytes; numbers big-endian.
struct SegmentKeys {
    /// The footer's key.
    static let name = "asof.group_keys"

    private(set) var bytes: [UInt8] = []

    mutating func append(_ keys: [Column], row: Int) {
        for key in keys {
            switch key.values {
            case .int64(let values): withUnsafeBytes(of: values[row].bigEndian) { bytes.append(contentsOf: $0) }
            case .text(let texts):
                let text = texts[row]
                withUnsafeBytes(of: UInt32(text.count).bigEndian) { bytes.append(contentsOf: $0) }
                bytes.append(contentsOf: text)
            default: preconditionFailure("a key column is int64 or string, not \(key.type.text)")
            }
        }
    }

    var text: String {
        var digits: [UInt8] = []
        digits.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            digits.append(Self.digits[Int(byte >> 4)])
            digits.append(Self.digits[Int(byte & 15)])
        }
        return String(decoding: digits, as: UTF8.self)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    /// - Returns: one list of keys for each first and last row; `nil` where `text` is none of ours.
    static func parse(_ text: UnsafePointer<CChar>, keys: [KeyColumn], groupCount: Int) -> [[Value]]? {
        var bytes: [UInt8] = []
        var at = text
        while at.pointee != 0 {
            guard let high = digit(at[0]), let low = digit(at[1]) else { return nil }
            bytes.append(high << 4 | low)
            at += 2
        }
        var offset = 0
        func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard count <= bytes.count - offset else { return nil }
            defer { offset += count }
            return bytes[offset..<offset + count]
        }
        func number(_ count: Int) -> UInt64? { take(count)?.reduce(0) { $0 << 8 | UInt64($1) } }
        var rows: [[Value]] = []
        for _ in 0..<groupCount * 2 {
            var row: [Value] = []
            for key in keys {
                switch key.type {
                case .int64:
                    guard let value = number(8) else { return nil }
                    row.append(.int64(Int64(bitPattern: value)))
                case .string:
                    guard let count = number(4), let text = take(Int(count)) else { return nil }
                    row.append(.string(String(decoding: text, as: UTF8.self)))
                }
            }
            rows.append(row)
        }
        return offset == bytes.count ? rows : nil
    }

    private static func digit(_ character: CChar) -> UInt8? {
        switch UInt8(bitPattern: character) {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt8(bitPattern: character) - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt8(bitPattern: character) - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
