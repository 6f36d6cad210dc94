package import Features

extension Column {
    /// A column of one row.
    /// - Parameter value: null, or of `type`.
    package init(type: FeatureType, value: Value) {
        switch value {
        case .null: self.init(nullsOf: type, rowCount: 1)
        case .bool(let value): self.init(type: type, values: .bool([value]))
        case .int32(let value): self.init(type: type, values: .int32([value]))
        case .int64(let value): self.init(type: type, values: .int64([value]))
        case .float32(let value): self.init(type: type, values: .float32([value]))
        case .float64(let value): self.init(type: type, values: .float64([value]))
        case .string(let value): self.init(type: type, values: .text(TextValues([value])))
        case .bytes(let bytes):
            var texts = TextValues()
            texts.append(bytes)
            self.init(type: type, values: .text(texts))
        case .timestamp(let time): self.init(type: type, values: .int64([time.microseconds]))
        case .vector(let floats): self.init(type: type, values: .vector(dimensions: max(1, floats.count), floats))
        case .listInt64(let values):
            self.init(type: type, values: .listInt64(offsets: [0, values.count], values: values))
        case .listString(let texts):
            self.init(type: type, values: .listString(offsets: [0, texts.count], values: TextValues(texts)))
        }
    }
}
