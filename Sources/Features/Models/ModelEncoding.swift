extension ModelDefinition {
    /// How a column becomes numbers, or several together.
    package enum Encoding: Hashable, Sendable {
        /// Of a text: its place in a dictionary of the most frequent ones.
        case categories
        /// Of a text: a number for each that occurs so often.
        case onehot(minCount: Int)
        /// Of a text, whole number or flag: one of so many buckets.
        case hash(Hash)
        /// Of a number: less the mean, divided by the deviation.
        case standard
        /// Of a number: 0 at the least, 1 at the greatest.
        case minmax
        /// Of a number: which of so many parts of equal size it lies in.
        case quantiles(Int)
        /// Of a number: the logarithm of 1 more.
        case log1p
        /// Of a number: no less and no more than these.
        case clip(Double, Double)
        /// Of a text or whole number: its place, or of a new one the places of those that are like it.
        case map(Map)

        package struct Hash: Hashable, Sendable {
            /// A power of two.
            package var buckets: Int
            /// Whether half of the values count as -1, as scikit-learn's FeatureHasher has it.
            package var isSigned = false
            /// Columns that are hashed into the same buckets.
            package var with: [String] = []

            package init(buckets: Int, isSigned: Bool = false, with: [String] = []) {
                self.buckets = buckets
                self.isSigned = isSigned
                self.with = with
            }
        }

        package struct Map: Hashable, Sendable {
            /// Columns of numbers by which values are alike.
            package var attributes: [String]
            /// How many that are alike stand for a new one.
            package var nearest: Int
            /// Buckets of new values whose attributes are not known; `nil` = they are all one.
            package var buckets: Int?

            package init(attributes: [String], nearest: Int, buckets: Int? = nil) {
                self.attributes = attributes
                self.nearest = nearest
                self.buckets = buckets
            }
        }

        /// The most buckets: each is a weight, and a place among so many is exact in single precision.
        package static let bucketsMax = 1 << 22
        package static let quantilesMax = 256
        package static let nearestMax = 16
        /// Columns that one cross may have.
        package static let crossedMax = 4

        /// The columns that it reads beside its own.
        package var others: [String] {
            switch self {
            case .hash(let hash): hash.with
            case .map(let map): map.attributes
            default: []
            }
        }

        /// Whether a column of the type can be encoded so.
        package func suits(_ type: FeatureType) -> Bool {
            switch self {
            case .categories, .onehot: type == .string
            case .hash: type.isHashable
            case .map: type == .string || type == .int32 || type == .int64
            case .standard, .minmax, .quantiles, .log1p, .clip: type.isNumber
            }
        }

        /// What ``suits(_:)`` wants, for messages.
        package var expectedTypes: String {
            switch self {
            case .categories, .onehot: "only texts have levels"
            case .hash: "texts, whole numbers and flags are hashed, since of those equal ones have equal text"
            case .map: "texts and whole numbers are mapped"
            case .standard, .minmax, .quantiles, .log1p, .clip: "only numbers are scaled"
            }
        }
    }

    /// The columns of a key of ``encode``: one, or those of a cross.
    package static func columns(ofEncoding key: String) -> [String] {
        key.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
    }
}

extension FeatureType {
    /// Whether equal values have one text everywhere.
    package var isHashable: Bool {
        switch self {
        case .string, .int32, .int64, .bool: true
        default: false
        }
    }

    package var isNumber: Bool {
        switch self {
        case .int32, .int64, .float32, .float64: true
        default: false
        }
    }
}

/// Text is a word with its arguments, as `hash(4096, signed)`; behind it ` with ` and columns, or ` nearest `, a number and ` else `.
extension ModelDefinition.Encoding: Codable {
    package init?(text: String) {
        if let range = text.firstRange(of: " with ") {
            guard case .hash(var hash)? = Self(word: String(text[..<range.lowerBound])) else { return nil }
            hash.with = Self.list(text[range.upperBound...])
            self = .hash(hash)
        } else if text.hasPrefix("map("), let range = text.firstRange(of: ") nearest ") {
            let rest = text[range.upperBound...].split(separator: " else ", omittingEmptySubsequences: false).map(
                String.init
            )
            guard let nearest = Int(rest[0]), rest.count <= 2 else { return nil }
            var map = Map(
                attributes: Self.list(text.dropFirst(4)[..<range.lowerBound]),
                nearest: nearest
            )
            if rest.count == 2 {
                guard case .hash(let hash)? = Self(word: rest[1]) else { return nil }
                map.buckets = hash.buckets
            }
            self = .map(map)
        } else {
            self.init(word: text)
        }
    }

    private static func list(_ text: some StringProtocol) -> [String] {
        text.split(separator: ",").map { Self.trimmed($0) }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// One word with its arguments.
    package init?(word text: String) {
        var (word, arguments) = (text, [String]())
        if let open = text.firstIndex(of: "(") {
            guard text.hasSuffix(")") else { return nil }
            word = String(text[..<open])
            arguments = text[text.index(after: open)...].dropLast().split(
                separator: ",",
                omittingEmptySubsequences: false
            ).map { Self.trimmed($0) }
        }
        switch (word, arguments.count) {
        case ("categories", 0): self = .categories
        case ("standard", 0): self = .standard
        case ("minmax", 0): self = .minmax
        case ("log1p", 0): self = .log1p
        case ("onehot", 0): self = .onehot(minCount: 1)
        case ("onehot", 1):
            guard let count = Int(arguments[0]), count > 0 else { return nil }
            self = .onehot(minCount: count)
        case ("quantiles", 1):
            guard let count = Int(arguments[0]), (2...Self.quantilesMax).contains(count) else { return nil }
            self = .quantiles(count)
        case ("clip", 2):
            guard let low = Double(arguments[0]), let high = Double(arguments[1]), low.isFinite, high.isFinite,
                low < high
            else { return nil }
            self = .clip(low, high)
        case ("hash", 1), ("hash", 2):
            guard let buckets = Int(arguments[0]), Self.areBuckets(buckets),
                arguments.count == 1 || arguments[1] == "signed"
            else { return nil }
            self = .hash(Hash(buckets: buckets, isSigned: arguments.count == 2))
        default: return nil
        }
    }

    package static func areBuckets(_ count: Int) -> Bool {
        count >= 2 && count <= bucketsMax && count & (count - 1) == 0
    }

    package var text: String {
        switch self {
        case .categories: "categories"
        case .onehot(let minCount): minCount == 1 ? "onehot" : "onehot(\(minCount))"
        case .hash(let hash):
            "hash(\(hash.buckets)\(hash.isSigned ? ", signed" : ""))"
                + (hash.with.isEmpty ? "" : " with \(hash.with.joined(separator: ", "))")
        case .standard: "standard"
        case .minmax: "minmax"
        case .quantiles(let count): "quantiles(\(count))"
        case .log1p: "log1p"
        case .clip(let low, let high): "clip(\(low), \(high))"
        case .map(let map):
            "map(\(map.attributes.joined(separator: ", "))) nearest \(map.nearest)"
                + (map.buckets.map { " else hash(\($0))" } ?? "")
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let encoding = Self(text: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no encoding of a column")
        }
        self = encoding
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
