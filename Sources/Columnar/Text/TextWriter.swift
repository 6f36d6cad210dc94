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
    private let shapes: [Shape]
    /// The type of each column that passes through, see ``PassedBytes``.
    private let passed: [PassedType?]
    private var out: [UInt8] = []

    /// What tells types of one storage apart.
    private enum Shape {
        case plain
        case time
        case hex
        /// Of a type that only spines have.
        case passed
    }

    private static let flushBytes = 1 << 20

    init(file: OutputFile, format: FileFormat, columns: [WrittenColumn]) throws(ColumnarError) {
        self.file = file
        isJSON = format == .jsonLines
        passed = columns.map(\.passed)
        shapes = columns.map { column in
            if column.passed != nil { return .passed }
            return switch column.type {
            case .timestamp: .time
            case .bytes: .hex
            default: .plain
            }
        }
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
        // The buffer is a local while rows are written, so that the loops touch no object.
        var rows = out
        out = []
        defer { out = rows }
        for row in 0..<batch.rowCount {
            for index in shapes.indices {
                rows.append(contentsOf: prefixes[index])
                if shapes[index] == .passed {
                    appendPassed(batch.columns[index], index, row, to: &rows)
                } else if isJSON {
                    Self.appendJSON(batch.columns[index], shapes[index], row, to: &rows)
                } else {
                    Self.appendCSV(batch.columns[index], shapes[index], row, to: &rows)
                }
            }
            if isJSON { rows.append(contentsOf: (shapes.isEmpty ? "{}" : "}").utf8) }
            rows.append(UInt8(ascii: "\n"))
            if rows.count >= Self.flushBytes {
                try file.write(rows)
                rows.removeAll(keepingCapacity: true)
            }
        }
    }

    func finish() throws(ColumnarError) {
        try file.write(out)
        out = []
        try file.finish()
    }

    private func appendPassed(_ column: borrowing Column, _ index: Int, _ row: Int, to out: inout [UInt8]) {
        guard let type = passed[index] else { return }
        if let validity = column.validity, !validity[row] {
            if isJSON { out.append(contentsOf: "null".utf8) }
        } else if isJSON {
            PassedBytes.appendJSON(column.values, type, row, to: &out)
        } else {
            PassedBytes.appendCSV(column.values, type, row, to: &out)
        }
    }

    @inline(__always)
    private static func appendCSV(_ column: borrowing Column, _ shape: Shape, _ row: Int, to out: inout [UInt8]) {
        if let validity = column.validity, !validity[row] { return }
        switch column.values {
        case .bool(let values): out.append(contentsOf: (values[row] ? "true" : "false").utf8)
        case .int32(let values): ValueBytes.append(Int64(values[row]), to: &out)
        case .int64(let values):
            if shape == .time {
                Timestamp(microseconds: values[row]).write(to: &out)
            } else {
                ValueBytes.append(values[row], to: &out)
            }
        case .float32(let values): ValueBytes.append(values[row], to: &out)
        case .float64(let values): ValueBytes.append(values[row], to: &out)
        case .text(let texts):
            if shape == .hex {
                ValueBytes.appendHex(texts[row], to: &out)
            } else {
                appendCSV(texts[row], to: &out)
            }
        case .vector, .listInt64, .listString:
            var array: [UInt8] = []
            ValueBytes.appendArray(column.values, row: row, to: &array)
            appendCSV(array[...], to: &out)
        }
    }

    @inline(__always)
    private static func appendJSON(_ column: borrowing Column, _ shape: Shape, _ row: Int, to out: inout [UInt8]) {
        if let validity = column.validity, !validity[row] {
            out.append(contentsOf: "null".utf8)
            return
        }
        let quote = UInt8(ascii: "\"")
        switch column.values {
        case .bool(let values): out.append(contentsOf: (values[row] ? "true" : "false").utf8)
        case .int32(let values): ValueBytes.append(Int64(values[row]), to: &out)
        case .int64(let values):
            guard shape == .time else { return ValueBytes.append(values[row], to: &out) }
            out.append(quote)
            Timestamp(microseconds: values[row]).write(to: &out)
            out.append(quote)
        case .float32(let values): ValueBytes.append(values[row], quote: quote, to: &out)
        case .float64(let values): ValueBytes.append(values[row], quote: quote, to: &out)
        case .text(let texts):
            guard shape == .hex else { return ValueBytes.appendJSON(string: texts[row], to: &out) }
            out.append(quote)
            ValueBytes.appendHex(texts[row], isEscaped: true, to: &out)
            out.append(quote)
        case .vector, .listInt64, .listString: ValueBytes.appendArray(column.values, row: row, to: &out)
        }
    }

    /// A text as a CSV field; the empty one in quotes, because without them it is null.
    static func appendCSV(_ text: ArraySlice<UInt8>, to out: inout [UInt8]) {
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
