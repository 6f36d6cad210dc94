import Features
import PointInTime

/// A field that is no value of the type asked for.
struct DecodeFailure {
    /// Counted within the table of fields.
    var row: Int
    var field: Field
    var reason: Reason

    enum Reason: Equatable {
        case text(ValueTextError)
        /// A JSON value of a kind that the type is not written in.
        case kind
        case absent
    }
}

/// Appends one column of a table of fields to a builder: the loops that turn text into typed values.
///
/// A failed row gets a null. With `stopsAtFailure` the first failed row ends the loop and lowers ``rowLimit``, so that
/// over several columns the failure that remains is the one of the first bad row, and there of the first column.
struct FieldDecoder: ~Escapable {
    let bytes: Span<UInt8>
    let fields: Span<Field>
    let stride: Int
    let nullTexts: NullTexts
    /// As ``InputOptions/escape``.
    let escape: UInt8?
    let times: TimeReading
    let stopsAtFailure: Bool
    private(set) var rowLimit: Int
    private(set) var failures: [DecodeFailure] = []
    private var scratch: [UInt8] = []

    /// The column at work: its place in a row, the kinds of field its type is written in, what an absent key means.
    private var offset = 0
    private var accepted: UInt16 = 0
    private var absentIsNull = false
    /// Whether its type has no empty value, so that a quoted empty field of CSV is null, too.
    private var emptyIsNull = false
    /// Rows whose times were moved.
    private var moved: [(row: Int, ns: UInt16)] = []

    @_lifetime(copy bytes, copy fields)
    init(
        bytes: Span<UInt8>,
        fields: Span<Field>,
        stride: Int,
        rowCount: Int,
        nullTexts: NullTexts,
        escape: UInt8? = nil,
        times: TimeReading,
        stopsAtFailure: Bool
    ) {
        self.bytes = bytes
        self.fields = fields
        self.stride = stride
        self.nullTexts = nullTexts
        self.escape = escape
        self.times = times
        self.stopsAtFailure = stopsAtFailure
        rowLimit = rowCount
    }

    /// Decodes the fields at `offset` of each row below ``rowLimit``.
    mutating func decode(
        _ offset: Int,
        absentIsNull: Bool,
        rounding: TimeReading.Rounding = .down,
        into builder: inout ColumnBuilder
    ) {
        self.offset = offset
        self.absentIsNull = absentIsNull
        accepted = builder.passed.map(Self.acceptedKinds) ?? Self.acceptedKinds(builder.type)
        emptyIsNull = builder.passed == nil && builder.type != .string
        let base = builder.rowCount
        builder.validity.append(contentsOf: repeatElement(true, count: rowLimit))
        if builder.passed != nil {
            builder.nullCount += variable(&builder, base)
            return
        }
        var nulls = 0
        switch builder.type {
        case .bool: nulls = scalars(BoolParser(), &builder.bools, &builder.validity, base)
        case .int32: nulls = scalars(Int32Parser(), &builder.int32s, &builder.validity, base)
        case .int64: nulls = scalars(Int64Parser(), &builder.int64s, &builder.validity, base)
        case .timestamp:
            var reading = times
            reading.rounding = rounding
            moved = []
            nulls = scalars(TimestampParser(reading), &builder.int64s, &builder.validity, base)
            for (row, ns) in moved { builder.noteMoved(base + row, ns) }
        case .float32: nulls = scalars(FloatParser(), &builder.floats, &builder.validity, base)
        case .float64: nulls = scalars(DoubleParser(), &builder.doubles, &builder.validity, base)
        case .string, .bytes, .vector, .listInt64, .listString: nulls = variable(&builder, base)
        }
        builder.nullCount += nulls
    }

    /// The kinds of field that values of `type` are written in; those of CSV carry any type.
    private static func acceptedKinds(_ type: FeatureType) -> UInt16 {
        let csv = FieldKind.bare.bit | FieldKind.quoted.bit | FieldKind.quotedEscaped.bit
        let string = FieldKind.string.bit | FieldKind.stringEscaped.bit
        switch type {
        case .bool: return csv | FieldKind.true.bit | FieldKind.false.bit
        // Numbers also as strings: what JavaScript and protocol buffers do with integers of 64 bits, and all that JSON has
        // for NaN.
        case .int32, .int64, .float32, .float64, .timestamp: return csv | FieldKind.number.bit | string
        case .string, .bytes: return csv | string
        case .vector, .listInt64, .listString: return csv | FieldKind.array.bit | string
        }
    }

    private static func acceptedKinds(_ type: PassedType) -> UInt16 {
        let csv = FieldKind.bare.bit | FieldKind.quoted.bit | FieldKind.quotedEscaped.bit
        let string = FieldKind.string.bit | FieldKind.stringEscaped.bit
        switch type {
        case .integer, .decimal: return csv | FieldKind.number.bit
        case .float16, .numeric: return csv | FieldKind.number.bit | string
        case .list: return csv | FieldKind.array.bit
        default: return csv | string
        }
    }

    private enum Verdict {
        case value
        case null
        case failure(DecodeFailure.Reason)
    }

    @inline(__always)
    private func verdict(_ field: Field) -> Verdict {
        switch field.kind {
        case .bare:
            return nullTexts.isNull(field, in: bytes) ? .null : .value
        case .quoted where emptyIsNull && field.start == field.end: return .null
        case .null: return .null
        case .absent: return absentIsNull ? .null : .failure(.absent)
        default: return accepted & field.kind.bit != 0 ? .value : .failure(.kind)
        }
    }

    /// - Returns: whether the loop goes on.
    private mutating func fail(_ row: Int, _ field: Field, _ reason: DecodeFailure.Reason) -> Bool {
        failures.append(DecodeFailure(row: row, field: field, reason: reason))
        if stopsAtFailure {
            rowLimit = row
            return false
        }
        return true
    }

    /// - Returns: how many nulls were set in `validity`.
    private mutating func scalars<Parser: FieldParser>(
        _ parser: Parser,
        _ values: inout [Parser.Parsed],
        _ validity: inout [Bool],
        _ base: Int
    ) -> Int {
        var parser = parser
        values.append(contentsOf: repeatElement(parser.zero, count: rowLimit))
        var nulls = 0
        for row in 0..<rowLimit {
            let field = fields[row * stride + offset]
            var failure: DecodeFailure.Reason?
            switch verdict(field) {
            case .value:
                do throws(ValueTextError) {
                    let value: Parser.Parsed
                    if field.kind.isEscaped {
                        unescape(field)
                        value = try parser.parse(scratch.span)
                    } else {
                        value = try parser.parse(bytes.extracting(field.range))
                    }
                    values[base + row] = value
                    if parser.movedNs > 0 { moved.append((row, parser.movedNs)) }
                    continue
                } catch {
                    failure = .text(error)
                }
            case .null: break
            case .failure(let reason): failure = reason
            }
            validity[base + row] = false
            nulls += 1
            if let failure, !fail(row, field, failure) { break }
        }
        return nulls
    }

    private mutating func unescape(_ field: Field) {
        let text = bytes.extracting(field.range)
        if field.kind == .quotedEscaped {
            CSVSplitter.unescape(text, escape: escape, into: &scratch)
        } else {
            scratch.removeAll(keepingCapacity: true)
            JSONText.unescape(text, into: &scratch)
        }
    }

    /// Values of no fixed length, vectors, and whatever passes through.
    private mutating func variable(_ builder: inout ColumnBuilder, _ base: Int) -> Int {
        var nulls = 0
        for row in 0..<rowLimit {
            let field = fields[row * stride + offset]
            var failure: DecodeFailure.Reason?
            switch verdict(field) {
            case .value:
                do throws(ValueTextError) {
                    if field.kind.isEscaped {
                        unescape(field)
                        try Self.append(scratch.span, to: &builder)
                    } else {
                        try Self.append(bytes.extracting(field.range), to: &builder)
                    }
                    continue
                } catch {
                    failure = .text(error)
                }
            case .null: break
            case .failure(let reason): failure = reason
            }
            builder.appendNullSlot()
            builder.validity[base + row] = false
            nulls += 1
            if let failure, !fail(row, field, failure) { break }
        }
        return nulls
    }
}
