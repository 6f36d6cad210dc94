import Features
import PointInTime

/// Writes CSV or JSON Lines.
///
/// CSV: a header, LF line ends, null = nothing, an empty string = `""`, quotes where the text needs them. JSON Lines:
/// nulls are explicit, NaN and infinities are strings. Both: RFC 3339 times, `\x…` bytes, vectors and lists as JSON
/// arrays. Read back with the same types the values are identical.
final class TextWriter {
    private let file: OutputFile
    private let isJSON: Bool
    /// What comes before each value of a row: `,`, or the key with its punctuation.
    private let prefixes: [[UInt8]]
    private let types: [FeatureType]
    private var out: [UInt8] = []

    private static let flushBytes = 1 << 20

    init(file: OutputFile, format: FileFormat, columns: [(name: String, type: FeatureType)]) throws(ColumnarError) {
        self.file = file
        isJSON = format == .jsonLines
        types = columns.map(\.type)
        var prefixes: [[UInt8]] = []
        for (index, column) in columns.enumerated() {
            var prefix: [UInt8] = []
            if index > 0 { prefix.append(UInt8(ascii: ",")) }
            let name = Array(column.name.utf8)
            if isJSON {
                if index == 0 { prefix.append(UInt8(ascii: "{")) }
                ValueBytes.appendJSON(string: name[...], to: &prefix)
                prefix.append(UInt8(ascii: ":"))
            } else {
                out.append(contentsOf: prefix)
                Self.appendCSV(name[...], to: &out)
            }
            prefixes.append(prefix)
        }
        self.prefixes = prefixes
        if !isJSON { out.append(UInt8(ascii: "\n")) }
    }

    func write(_ batch: ColumnBatch) throws(ColumnarError) {
        for row in 0..<batch.rowCount {
            for index in types.indices {
                out.append(contentsOf: prefixes[index])
                appendValue(batch.columns[index], row)
            }
            if isJSON { out.append(contentsOf: (types.isEmpty ? "{}" : "}").utf8) }
            out.append(UInt8(ascii: "\n"))
            if out.count >= Self.flushBytes { try flush() }
        }
    }

    func finish() throws(ColumnarError) {
        try flush()
        try file.finish()
    }

    private func flush() throws(ColumnarError) {
        try file.write(out)
        out.removeAll(keepingCapacity: true)
    }

    private func appendValue(_ column: borrowing Column, _ row: Int) {
        if let validity = column.validity, !validity[row] {
            if isJSON { out.append(contentsOf: "null".utf8) }
            return
        }
        let quote = isJSON ? UInt8(ascii: "\"") : 0
        switch column.values {
        case .bool(let values): out.append(contentsOf: (values[row] ? "true" : "false").utf8)
        case .int32(let values): ValueBytes.append(Int64(values[row]), to: &out)
        case .int64(let values):
            if column.type == .timestamp {
                if isJSON { out.append(quote) }
                Timestamp(microseconds: values[row]).write(to: &out)
                if isJSON { out.append(quote) }
            } else {
                ValueBytes.append(values[row], to: &out)
            }
        case .float32(let values): ValueBytes.append(values[row], quote: quote, to: &out)
        case .float64(let values): ValueBytes.append(values[row], quote: quote, to: &out)
        case .text(let texts):
            if column.type == .bytes {
                if isJSON { out.append(quote) }
                ValueBytes.appendHex(texts[row], isEscaped: isJSON, to: &out)
                if isJSON { out.append(quote) }
            } else if isJSON {
                ValueBytes.appendJSON(string: texts[row], to: &out)
            } else {
                Self.appendCSV(texts[row], to: &out)
            }
        case .vector, .listInt64, .listString:
            if isJSON {
                ValueBytes.appendArray(column.values, row: row, to: &out)
            } else {
                var array: [UInt8] = []
                ValueBytes.appendArray(column.values, row: row, to: &array)
                Self.appendCSV(array[...], to: &out)
            }
        }
    }

    /// A text as a CSV field; the empty one in quotes, because without them it is null.
    private static func appendCSV(_ text: ArraySlice<UInt8>, to out: inout [UInt8]) {
        var needsQuotes = text.isEmpty
        for byte in text where byte <= UInt8(ascii: ",") {
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"): needsQuotes = true
            default: continue
            }
        }
        guard needsQuotes else {
            out.append(contentsOf: text)
            return
        }
        out.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") { out.append(byte) }
            out.append(byte)
        }
        out.append(UInt8(ascii: "\""))
    }
}
