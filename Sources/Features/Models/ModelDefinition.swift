/// A model: what it reads, what it predicts, and how it is fitted. Its versions are registered by `asof train`.
package struct ModelDefinition: Hashable, Sendable, Codable {
    package enum Algorithm: String, Hashable, Sendable, Codable, CaseIterable {
        /// Trees, fitted by XGBoost.
        case xgboost
        /// Logistic regression; of several classes multinomial.
        case logistic
        /// Linear regression with a penalty on the squares of its weights.
        case ridge
        /// The rate, the shares of classes, or the mean of the training rows, whatever the row is.
        case base

        /// Whether it can answer the task: classes and numbers have linear models of their own.
        package func suits(_ task: ModelTask) -> Bool {
            switch self {
            case .xgboost, .base: true
            case .logistic: task != .regression
            case .ridge: task == .regression
            }
        }
    }

    /// What an entity gets that no view has.
    package enum Fallback: Hashable, Sendable {
        /// What ``Algorithm/base`` says.
        case base
        /// The model's own answer, with nulls.
        case model
        case value(Double)
        case null
    }

    /// How a column of text becomes numbers.
    package enum Encoding: Hashable, Sendable {
        /// A dictionary of the most frequent texts.
        case categories
        /// A number for each text that occurs so often.
        case onehot(minCount: Int)
    }

    package var name: String
    /// The service whose columns the model reads; each version of the model is of one version of the service.
    package var service: String
    package var task: ModelTask
    /// The spine's column that is predicted.
    package var label: String
    /// How long after its time a label becomes known.
    package var labelDelay: Interval
    package var fallback: Fallback
    package var algorithm: Algorithm
    /// By the service's column names; of others the algorithm's own.
    package var encode: [String: Encoding]
    package var description: String?
    package var owner: String?
    package var tags: [String: String]

    package init(
        name: String,
        service: String,
        task: ModelTask,
        label: String,
        labelDelay: Interval = Interval(microseconds: 0),
        fallback: Fallback = .base,
        algorithm: Algorithm = .xgboost,
        encode: [String: Encoding] = [:],
        description: String? = nil,
        owner: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.service = service
        self.task = task
        self.label = label
        self.labelDelay = labelDelay
        self.fallback = fallback
        self.algorithm = algorithm
        self.encode = encode
        self.description = description
        self.owner = owner
        self.tags = tags
    }
}

extension ModelDefinition.Fallback: Codable {
    package init?(text: String) {
        switch text {
        case "base": self = .base
        case "model": self = .model
        case "null": self = .null
        default:
            guard let value = Double(text), value.isFinite else { return nil }
            self = .value(value)
        }
    }

    package var text: String {
        switch self {
        case .base: "base"
        case .model: "model"
        case .null: "null"
        case .value(let value): "\(value)"
        }
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let fallback = Self(text: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no fallback of a model")
        }
        self = fallback
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension ModelDefinition.Encoding: Codable {
    package init?(text: String) {
        if text == "categories" {
            self = .categories
            return
        }
        if text == "onehot" {
            self = .onehot(minCount: 1)
            return
        }
        guard text.hasPrefix("onehot("), text.hasSuffix(")"),
            let count = Int(text.dropFirst("onehot(".count).dropLast()), count > 0
        else { return nil }
        self = .onehot(minCount: count)
    }

    package var text: String {
        switch self {
        case .categories: "categories"
        case .onehot(let minCount): minCount == 1 ? "onehot" : "onehot(\(minCount))"
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
