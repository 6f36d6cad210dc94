import Features
import PointInTime

/// Values of types that only spines have, as text formats write them and read them back.
///
/// Numbers are numbers: decimals with all digits of their scale, and integers whatever their width. Dates and times are
/// as ``PassedText`` has them, UUIDs in their usual form, bytes as those of features.
enum PassedBytes {
    static func appendCSV(_ values: Column.Values, _ type: PassedType, _ row: Int, to out: inout [UInt8]) {
        switch type {
        case .json, .sqlText, .momentText:
            guard case .text(let texts) = values else { return }
            TextWriter.appendCSV(texts[row], to: &out)
        case .list:
            var array: [UInt8] = []
            appendList(values, type, row, to: &array)
            TextWriter.appendCSV(array[...], to: &out)
        default: appendBare(values, type, row, to: &out)
        }
    }

    static func appendJSON(_ values: Column.Values, _ type: PassedType, _ row: Int, to out: inout [UInt8]) {
        switch type {
        case .json, .sqlText, .momentText:
            guard case .text(let texts) = values else { return }
            ValueBytes.appendJSON(string: texts[row], to: &out)
        case .list: appendList(values, type, row, to: &out)
        case .integer, .decimal: appendBare(values, type, row, to: &out)
        default:
            var text: [UInt8] = []
            appendBare(values, type, row, to: &text)
            let isNumber = (type == .float16 || type == .numeric) && text.last.map { $0 <= UInt8(ascii: "9") } == true
            if isNumber { out.append(contentsOf: text) } else { ValueBytes.appendJSON(string: text[...], to: &out) }
        }
    }

    /// A text that needs no quotes in CSV.
    private static func appendBare(_ values: Column.Values, _ type: PassedType, _ row: Int, to out: inout [UInt8]) {
        switch values {
        case .int32(let values): PassedText.append(Int64(values[row]), type, to: &out)
        case .int64(let values): PassedText.append(values[row], type, to: &out)
        case .float32(let values): ValueBytes.append(values[row], to: &out)
        case .text(let texts):
            switch type {
            case .decimal(_, _, let scale): ExactNumber.append(texts[row], fractionDigits: scale, to: &out)
            case .numeric: out.append(contentsOf: texts[row])
            case .uuid: appendUUID(texts[row], to: &out)
            default: ValueBytes.appendHex(texts[row], to: &out)
            }
        case .bool, .float64, .vector, .listInt64, .listString: preconditionFailure("no carrier of \(type.text)")
        }
    }

    private static func appendUUID(_ bytes: ArraySlice<UInt8>, to out: inout [UInt8]) {
        for (place, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(place) { out.append(UInt8(ascii: "-")) }
            for digit in [byte >> 4, byte & 15] {
                out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
    }

    private static func appendList(_ values: Column.Values, _ type: PassedType, _ row: Int, to out: inout [UInt8]) {
        guard case .listInt64(let offsets, let integers) = values else { return }
        out.append(UInt8(ascii: "["))
        for index in offsets[row]..<offsets[row + 1] {
            if index > offsets[row] { out.append(UInt8(ascii: ",")) }
            PassedText.append(integers[index], type, to: &out)
        }
        out.append(UInt8(ascii: "]"))
    }

    /// Appends the slot of a value to a builder of a passed type; not to its validity.
    static func append(
        _ text: Span<UInt8>,
        _ type: PassedType,
        to builder: inout ColumnBuilder
    ) throws(ValueTextError) {
        switch type {
        case .float16:
            builder.floats.append(try ValueText.float32(text))
        case .decimal, .numeric: builder.texts.append(try number(text, type))
        case .json, .sqlText:
            try ValueText.checkString(text)
            builder.texts.append(span: text)
        case .momentText:
            do throws(TimestampTextError) { _ = try RoundedTime(text: text, .down) } catch { throw .time(error) }
            builder.texts.append(span: text)
        case .uuid: builder.texts.append(try uuid(text))
        case .fixedBytes(let count):
            let bytes = try ValueText.bytes(text)
            guard bytes.count == count else { throw .dimensions(got: bytes.count) }
            builder.texts.append(bytes)
        case .null: throw .malformed
        case .list(_, _, let count):
            let before = builder.int64s.count
            try FieldDecoder.appendIntegers(text, to: &builder.int64s)
            if let count, builder.int64s.count - before != count {
                let got = builder.int64s.count - before
                builder.int64s.removeLast(got)
                throw .dimensions(got: got)
            }
            builder.offsets.append(builder.int64s.count)
        default:
            let value = try PassedText.value(text, type)
            if builder.type == .int32 {
                guard let narrow = Int32(exactly: value) else { throw .outOfRange }
                builder.int32s.append(narrow)
            } else {
                builder.int64s.append(value)
            }
        }
    }

    private static func number(_ text: Span<UInt8>, _ type: PassedType) throws(ValueTextError) -> [UInt8] {
        if let number = ExactNumber(text) {
            guard case .decimal(_, let precision, let scale) = type else { return number.text }
            // A scale greater than the precision leaves no digit before the point, which 0 does not need.
            let isHeld = number.fractionDigits <= max(scale, 0) && number.integerDigits <= max(precision - scale, 0)
            guard isHeld else { throw .outOfRange }
            return number.text
        }
        guard type == .numeric, let special = try? ValueText.float64(text) else { throw .malformed }
        return Array((special.isNaN ? "NaN" : special < 0 ? "-inf" : "inf").utf8)
    }

    private static func uuid(_ text: Span<UInt8>) throws(ValueTextError) -> [UInt8] {
        guard text.count == 36 else { throw .malformed }
        var digits = Array("\\x".utf8)
        for index in 0..<text.count {
            if [8, 13, 18, 23].contains(index) {
                guard text[index] == UInt8(ascii: "-") else { throw .malformed }
            } else {
                digits.append(text[index])
            }
        }
        return try ValueText.bytes(digits.span)
    }
}
