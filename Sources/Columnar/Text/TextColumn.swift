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
        var builder = ColumnBuilder(type: type)
        switch type {
        case .bool: builder.bools.append(try ValueText.bool(text))
        case .int32: builder.int32s.append(try ValueText.int32(text))
        case .int64: builder.int64s.append(try ValueText.int64(text))
        case .float32: builder.floats.append(try ValueText.float32(text))
        case .float64: builder.doubles.append(try ValueText.float64(text))
        case .timestamp: builder.int64s.append(try times.time(text).microseconds)
        case .string, .bytes, .vector, .listInt64, .listString: try FieldDecoder.append(text, to: &builder)
        }
        builder.validity.append(true)
        return builder.finish()
    }
}
