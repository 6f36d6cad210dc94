package import Features
package import PointInTime

extension Column {
    /// A column of boxed values, each of which is null or of `type`.
    package init(type: FeatureType, _ boxed: [Value]) {
        var column = Column(emptyOf: type)
        for value in boxed {
            let one: Values
            switch value {
            case .null:
                column.append(Column(nullsOf: type, rowCount: 1))
                continue
            case .bool(let value): one = .bool([value])
            case .int32(let value): one = .int32([value])
            case .int64(let value): one = .int64([value])
            case .float32(let value): one = .float32([value])
            case .float64(let value): one = .float64([value])
            case .string(let value): one = .text(TextValues([value]))
            case .bytes(let value):
                var texts = TextValues()
                texts.append(value)
                one = .text(texts)
            case .timestamp(let value): one = .int64([value.microseconds])
            case .vector(let value): one = .vector(dimensions: value.count, value)
            case .listInt64(let value): one = .listInt64(offsets: [0, value.count], values: value)
            case .listString(let value): one = .listString(offsets: [0, value.count], values: TextValues(value))
            }
            column.append(Column(type: type, values: one))
        }
        self = column
    }

    package var boxed: [Value] { (0..<rowCount).map { value($0) } }
}
