import Features
import PointInTime

/// How a column of a Parquet or IPC file is read.
///
/// Arrow's values mostly are those that are asked for, or become them in CArrow. Others are texts or numbers that CSV would
/// have as well, which then go by the rules of text: strings and decimals as numbers, times and lists, floats as times, UUIDs
/// as their text.
struct ColumnReading {
    /// What Arrow's values are read as.
    let type: FeatureType
    let passed: PassedType?
    private let request: ColumnRequest
    private let step: Step

    private enum Step {
        case none
        /// Of strings, and of decimals, whose carrier is their text.
        case texts
        /// Of floats, as times.
        case numbers
        /// Of UUIDs, as their text.
        case spellings
    }

    /// - Parameters:
    ///   - natural: the type that keeps every value of the column; `nil` = none does.
    ///   - kept: the passed type that the column has, if it has one.
    ///   - hasUnit: whether times may be numbers.
    init(_ request: ColumnRequest, natural: FeatureType?, kept: PassedType?, hasUnit: Bool) {
        self.request = request
        guard request.passed == nil else {
            (type, passed, step) = (request.type, request.passed, .none)
            return
        }
        let isTime = request.type == .timestamp
        switch (natural, kept) {
        case (_, .uuid?) where request.type == .string: (type, passed, step) = (.bytes, kept, .spellings)
        case (_, .decimal?) where Self.isNumber(request.type) || (isTime && hasUnit):
            (type, passed, step) = (.string, kept, .texts)
        case (.string?, nil) where request.type != .string && request.type != .bytes:
            (type, passed, step) = (.string, nil, .texts)
        case (.float32?, _) where isTime && hasUnit, (.float64?, _) where isTime && hasUnit:
            (type, passed, step) = (.float64, nil, .numbers)
        default: (type, passed, step) = (request.type, nil, .none)
        }
    }

    private static func isNumber(_ type: FeatureType) -> Bool {
        [.int32, .int64, .float32, .float64].contains(type)
    }

    /// A value that is none of the type asked for.
    struct Failure {
        var row: Int
        var text: String
        var reason: String
    }

    /// What was asked for, of a column that was read as ``type``; up to the first bad row.
    func finish(_ column: Column, times: TimeReading) -> (column: Column, failure: Failure?) {
        switch step {
        case .none: return (column, nil)
        case .spellings:
            var texts = TextValues()
            for row in 0..<column.rowCount {
                var text: [UInt8] = []
                if let passed, !column.isNull(row) { PassedBytes.appendCSV(column.values, passed, row, to: &text) }
                texts.append(text)
            }
            return (Column(type: .string, validity: column.validity, values: .text(texts)), nil)
        case .numbers:
            guard case .float64(let values) = column.values else { return (column, nil) }
            var texts = TextValues()
            var text: [UInt8] = []
            for row in 0..<column.rowCount {
                text.removeAll(keepingCapacity: true)
                // The shortest text that is this float: what a program would print, not the bits behind it.
                if !column.isNull(row) { ValueBytes.append(values[row], to: &text) }
                texts.append(text)
            }
            return parse(texts, column.validity, times)
        case .texts:
            guard case .text(let texts) = column.values else { return (column, nil) }
            return parse(texts, column.validity, times)
        }
    }

    /// Texts of so many bytes are decoded at a time, since fields count bytes in 32 bits.
    private static let partBytes = 1 << 30

    private func parse(_ texts: TextValues, _ validity: [Bool]?, _ times: TimeReading) -> (Column, Failure?) {
        var builder = ColumnBuilder(type: request.type)
        var first = 0
        while first < texts.count {
            let start = texts.offsets[first]
            var fields: [Field] = []
            while first + fields.count < texts.count {
                let row = first + fields.count
                let (from, to) = (texts.offsets[row] - start, texts.offsets[row + 1] - start)
                guard fields.isEmpty || to <= Self.partBytes else { break }
                let kind: FieldKind = validity?[row] == false ? .null : .quoted
                fields.append(Field(start: UInt32(from), end: UInt32(to), kind: kind))
            }
            let part = texts.bytes[start..<start + Int(fields[fields.count - 1].end)]
            var decoder = FieldDecoder(
                bytes: part.span,
                fields: fields.span,
                stride: 1,
                rowCount: fields.count,
                nullTexts: NullTexts([]),
                times: times,
                stopsAtFailure: true
            )
            decoder.decode(0, absentIsNull: false, rounding: request.rounding, into: &builder)
            if let failure = decoder.failures.last {
                let row = first + failure.row
                builder.truncate(to: row)
                let reason =
                    if case .text(let error) = failure.reason { error.reason } else { "it is a text" }
                return (
                    builder.finish(),
                    Failure(row: row, text: ColumnarError.shown(texts[row]), reason: reason)
                )
            }
            first += fields.count
        }
        return (builder.finish(), nil)
    }
}
