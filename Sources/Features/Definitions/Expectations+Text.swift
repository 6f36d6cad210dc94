extension FeatureType {
    /// Whether `min` and `max` say something of the type's values.
    package var isOrdered: Bool {
        switch self {
        case .int32, .int64, .float32, .float64, .timestamp: true
        case .bool, .string, .bytes, .vector, .listInt64, .listString: false
        }
    }

    /// Whether a list of allowed values says something of the type. Not of floats: whether two are equal depends on how
    /// they were computed.
    package var isListable: Bool {
        switch self {
        case .bool, .int32, .int64, .string: true
        case .float32, .float64, .timestamp, .bytes, .vector, .listInt64, .listString: false
        }
    }

    /// A value as definitions spell it: a bound, or one of the allowed values.
    ///
    /// - Throws: where `text` is none, with the reason; ``ValueTextError/malformed`` also for types that have neither.
    package func expected(_ text: String) throws(ValueTextError) -> Value {
        let bytes = Array(text.utf8)
        switch self {
        case .bool: return .bool(try ValueText.bool(bytes.span))
        case .int32: return .int32(try ValueText.int32(bytes.span))
        case .int64: return .int64(try ValueText.int64(bytes.span))
        case .float32: return .float32(try ValueText.float32(bytes.span))
        case .float64: return .float64(try ValueText.float64(bytes.span))
        case .string:
            try ValueText.checkString(bytes.span)
            return .string(text)
        case .timestamp:
            return .timestamp(Timestamp(microseconds: try TimeReading().time(bytes.span).microseconds))
        case .bytes, .vector, .listInt64, .listString: throw .malformed
        }
    }
}

extension Expectations {
    /// `0 to 1`, `at least 0`, `one of "a", "b"`: what a value should be, for messages; nothing about nulls.
    package var rangeText: String? {
        var parts: [String] = []
        switch (min, max) {
        case (let low?, let high?): parts.append("\(low.text) to \(high.text)")
        case (let low?, nil): parts.append("at least \(low.text)")
        case (nil, let high?): parts.append("at most \(high.text)")
        case (nil, nil): break
        }
        if let allowed { parts.append("one of " + Self.list(allowed)) }
        return parts.isEmpty ? nil : parts.joined(separator: " and ")
    }

    /// The first ten of them.
    private static func list(_ values: [Value]) -> String {
        let more = values.count > 10 ? ", … (\(values.count) in all)" : ""
        return values.prefix(10).map(shown).joined(separator: ", ") + more
    }

    private static func shown(_ value: Value) -> String {
        guard case .string(let text) = value else { return value.text }
        return Value.quote(text.count > 60 ? text.prefix(60) + "…" : text)
    }

    /// `0 to 1, max_null 5%, action warn`: one line for plans and tables.
    package var text: String {
        ([rangeText, nullsMax.map { "max_null \($0.text)" }].compactMap(\.self) + ["action \(action.rawValue)"])
            .joined(separator: ", ")
    }

    /// Why a value that ``accepts(_:)`` refuses is refused, as a message says it.
    ///
    /// - Parameter isPII: whether the value is kept out of the message.
    package func refusal(of value: Value, feature: String, isPII: Bool) -> String {
        if case .null = value {
            return "feature '\(feature)': expected a value, got null (max_null 0%)"
        }
        let got = isPII ? Self.hiddenValue : Self.shown(value)
        return "feature '\(feature)': expected \(rangeText ?? "another value"), got \(got)"
    }

    /// What stands where a value of a feature with `pii: true` would.
    package static let hiddenValue = "a value that is not shown (pii)"
}
