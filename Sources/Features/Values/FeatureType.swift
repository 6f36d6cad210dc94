/// The type of a feature's values.
///
/// The text form (`init(text:)`, ``text``) is what features.yaml, manifests and fingerprints carry.
package enum FeatureType: Hashable, Sendable {
    case bool
    case int32
    case int64
    case float32
    case float64
    case string
    case bytes
    /// µs since 1970-01-01 UTC.
    case timestamp
    /// `n` float32 values: an embedding.
    case vector(Int)
    case listInt64
    case listString

    /// The spellings that features.yaml accepts, for error messages.
    package static let spellings =
        "bool, int32, int64, float32, float64, string, bytes, timestamp, vector(n), list(int64), list(string)"

    /// - Returns: `nil` where `text` is none of ``spellings``.
    package init?(text: String) {
        switch text {
        case "bool": self = .bool
        case "int32": self = .int32
        case "int64": self = .int64
        case "float32": self = .float32
        case "float64": self = .float64
        case "string": self = .string
        case "bytes": self = .bytes
        case "timestamp": self = .timestamp
        case "list(int64)": self = .listInt64
        case "list(string)": self = .listString
        default:
            guard text.hasPrefix("vector("), text.hasSuffix(")") else { return nil }
            let digits = text.dropFirst("vector(".count).dropLast()
            guard let first = digits.utf8.first, first >= UInt8(ascii: "1"), first <= UInt8(ascii: "9"),
                let dimensions = Int(digits), dimensions <= DefinitionLimits.vectorDimensionsMax
            else { return nil }
            self = .vector(dimensions)
        }
    }

    package var text: String {
        switch self {
        case .bool: "bool"
        case .int32: "int32"
        case .int64: "int64"
        case .float32: "float32"
        case .float64: "float64"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "timestamp"
        case .vector(let dimensions): "vector(\(dimensions))"
        case .listInt64: "list(int64)"
        case .listString: "list(string)"
        }
    }
}

/// The type of an entity key.
package enum KeyType: String, Hashable, Sendable, Codable, CaseIterable {
    case int64
    case string

    package var featureType: FeatureType {
        switch self {
        case .int64: .int64
        case .string: .string
        }
    }
}
