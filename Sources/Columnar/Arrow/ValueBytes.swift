import Features
import PointInTime

/// Values as the bytes that text formats write, appended without a string in between.
enum ValueBytes {
    static func append(_ value: Int64, to out: inout [UInt8]) {
        if value < 0 { out.append(UInt8(ascii: "-")) }
        var magnitude = value.magnitude
        let start = out.count
        repeat {
            out.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10))
            magnitude /= 10
        } while magnitude > 0
        var low = start
        var high = out.count - 1
        while low < high {
            out.swapAt(low, high)
            low += 1
            high -= 1
        }
    }

    /// The shortest text that reads back as `value`; `NaN`, `inf` and `-inf` in `quote`s where it is not 0.
    static func append(_ value: Double, quote: UInt8 = 0, to out: inout [UInt8]) {
        if value.isFinite {
            out.append(contentsOf: value.description.utf8)
        } else {
            appendSpecial(isNaN: value.isNaN, isNegative: value < 0, quote, to: &out)
        }
    }

    static func append(_ value: Float, quote: UInt8 = 0, to out: inout [UInt8]) {
        if value.isFinite {
            out.append(contentsOf: value.description.utf8)
        } else {
            appendSpecial(isNaN: value.isNaN, isNegative: value < 0, quote, to: &out)
        }
    }

    private static func appendSpecial(isNaN: Bool, isNegative: Bool, _ quote: UInt8, to out: inout [UInt8]) {
        if quote != 0 { out.append(quote) }
        if isNaN {
            out.append(contentsOf: "NaN".utf8)
        } else {
            out.append(contentsOf: (isNegative ? "-inf" : "inf").utf8)
        }
        if quote != 0 { out.append(quote) }
    }

    /// `\x` and hexadecimal digits; `isEscaped` writes the backslash as JSON does.
    static func appendHex(_ bytes: ArraySlice<UInt8>, isEscaped: Bool = false, to out: inout [UInt8]) {
        if isEscaped { out.append(UInt8(ascii: "\\")) }
        out.append(UInt8(ascii: "\\"))
        out.append(UInt8(ascii: "x"))
        for byte in bytes {
            out.append(hexDigits[Int(byte >> 4)])
            out.append(hexDigits[Int(byte & 15)])
        }
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)

    /// A JSON string of valid UTF-8, with its quotes.
    static func appendJSON(string: ArraySlice<UInt8>, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        for byte in string {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                out.append(UInt8(ascii: "\\"))
                out.append(byte)
            case UInt8(ascii: "\n"): out.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\r"): out.append(contentsOf: "\\r".utf8)
            case UInt8(ascii: "\t"): out.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                out.append(contentsOf: "\\u00".utf8)
                out.append(hexDigits[Int(byte >> 4)])
                out.append(hexDigits[Int(byte & 15)])
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
    }

    /// A vector's or a list's row as a JSON array.
    static func appendArray(_ values: Column.Values, row: Int, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "["))
        switch values {
        case .vector(let dimensions, let floats):
            for index in row * dimensions..<(row + 1) * dimensions {
                if index > row * dimensions { out.append(UInt8(ascii: ",")) }
                append(floats[index], quote: UInt8(ascii: "\""), to: &out)
            }
        case .listInt64(let offsets, let integers):
            for index in offsets[row]..<offsets[row + 1] {
                if index > offsets[row] { out.append(UInt8(ascii: ",")) }
                append(integers[index], to: &out)
            }
        case .listString(let offsets, let texts):
            for index in offsets[row]..<offsets[row + 1] {
                if index > offsets[row] { out.append(UInt8(ascii: ",")) }
                appendJSON(string: texts[index], to: &out)
            }
        case .bool, .int32, .int64, .float32, .float64, .text: preconditionFailure("not a list")
        }
        out.append(UInt8(ascii: "]"))
    }
}
