package import Features
package import PointInTime

/// Single values from text, spelled as CSV spells them.
package enum TextColumn {
    /// A column of one row.
    ///
    /// - Parameters:
    ///   - text: the empty text is the empty string; there is no spelling of null.
    ///   - type: `bytes` are `\x` and hexadecimal digits, vectors and lists JSON arrays.
    ///   - times: how times are read.
    package static func column(
        _ text: Span<UInt8>,
        as type: FeatureType,
        times: TimeReading
    ) throws(ValueTextError) -> Column {
        var rows = TextColumnBuilder(type, times: times)
        try rows.append(text)
        return rows.finish()
    }
}

/// A column that grows by a value at a time, each as ``TextColumn`` spells it.
package struct TextColumnBuilder {
    private var builder: ColumnBuilder
    private let times: TimeReading

    package init(_ type: FeatureType, times: TimeReading) {
        builder = ColumnBuilder(type: type)
        self.times = times
    }

    package var rowCount: Int { builder.rowCount }

    /// Appends nothing where it throws.
    package mutating func append(_ text: Span<UInt8>) throws(ValueTextError) {
        switch builder.type {
        case .bool: builder.bools.append(try ValueText.bool(text))
        case .int32: builder.int32s.append(try ValueText.integer32(text))
        case .int64: builder.int64s.append(try ValueText.integer(text))
        case .float32: builder.floats.append(try ValueText.float32(text))
        case .float64: builder.doubles.append(try ValueText.float64(text))
        case .timestamp: builder.int64s.append(try times.time(text).microseconds)
        case .string, .bytes, .vector, .listInt64, .listString: try FieldDecoder.append(text, to: &builder)
        }
        builder.validity.append(true)
    }

    /// As ``append(_:)``, and the floats of a vector also as they lie in replies: little-endian, of their number.
    package mutating func append(_ text: Span<UInt8>, orFloatsOf dimensions: Int) throws(ValueTextError) {
        guard text.count == 4 * dimensions, !(text[0] == UInt8(ascii: "[") && text[text.count - 1] == UInt8(ascii: "]"))
        else { return try append(text) }
        text.withUnsafeBytes { bytes in
            for index in 0..<dimensions {
                let bits = bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
                builder.floats.append(Float(bitPattern: UInt32(littleEndian: bits)))
            }
        }
        builder.validity.append(true)
    }

    package mutating func appendNull() { builder.appendNull() }

    package consuming func finish() -> Column { builder.finish() }
}
