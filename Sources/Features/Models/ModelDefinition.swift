/// A model: what it reads, what it predicts, and how it is fitted. Its versions are registered by `asof train`.
package struct ModelDefinition: Hashable, Sendable {
    package enum Algorithm: String, Hashable, Sendable, Codable, CaseIterable {
        /// Trees, fitted by XGBoost.
        case xgboost
        /// Logistic regression; of several classes multinomial.
        case logistic
        /// Linear regression with a penalty on the squares of its weights.
        case ridge
        /// A sparse linear model that learns from one example after the other, see `asof learn`.
        case ftrl
        /// The rate, the shares of classes, or the mean of the training rows, whatever the row is.
        case base

        /// Whether it can answer the task: classes and numbers have linear models of their own.
        package func suits(_ task: ModelTask) -> Bool {
            switch self {
            case .xgboost, .base: true
            case .logistic: task != .regression
            case .ftrl: task != .multiclass
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

    /// Whose rows are labels, for `asof learn`.
    package struct LabelSource: Hashable, Sendable, Codable {
        package var view: String
        /// Its feature that is predicted.
        package var value: String
        /// Its feature that is the time whose features count; `nil` = the row's event time.
        package var at: String?

        package init(view: String, value: String, at: String? = nil) {
            self.view = view
            self.value = value
            self.at = at
        }
    }

    /// When what was learned is published.
    package struct Publication: Hashable, Sendable, Codable {
        /// Between two points, by the times of the ledger's commits.
        package var every = Interval(microseconds: 10_000_000)
        /// How long what was published can be gone back to.
        package var keep = Interval(microseconds: 30 * 86_400_000_000)

        package init() {}
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
    /// Of the algorithm, by name, where `--set` gives no other.
    package var parameters: [String: String] = [:]
    /// By the service's column names, or by two to four of them with `*` between; of other columns the algorithm's own.
    package var encode: [String: Encoding]
    /// The share of a hash's keys that may share a bucket, in percent.
    package var collisions = Self.collisionsStandard
    package var labels: LabelSource?
    package var publish = Publication()
    /// The share of predictions that is logged, above 0, at most 1; `nil` = none is.
    package var log: Double?
    package var description: String?
    package var owner: String?
    package var tags: [String: String]

    package static let collisionsStandard = 10.0

    package init(
        name: String,
        service: String,
        task: ModelTask,
        label: String,
        labelDelay: Interval = Interval(microseconds: 0),
        fallback: Fallback = .base,
        algorithm: Algorithm = .xgboost,
        encode: [String: Encoding] = [:],
        log: Double? = nil,
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
        self.log = log
        self.description = description
        self.owner = owner
        self.tags = tags
    }
}

extension ModelDefinition {
    /// What is said of ``log``: a share, as in `100%`.
    package static func logShare(_ text: String) -> Double? {
        guard text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent <= 100 else {
            return nil
        }
        return percent / 100
    }

    package var logText: String {
        guard let log else { return "off" }
        let percent = log * 100
        return percent == percent.rounded() ? "\(Int(percent))%" : "\(percent)%"
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

/// A model is what it was before there were encoders with parameters, labels and publishing, where it has none of them.
extension ModelDefinition: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, service, task, label, labelDelay, fallback, algorithm, parameters, encode, collisions, labels,
            publish, log
        case description, owner, tags
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            service: try container.decode(String.self, forKey: .service),
            task: try container.decode(ModelTask.self, forKey: .task),
            label: try container.decode(String.self, forKey: .label),
            labelDelay: try container.decode(Interval.self, forKey: .labelDelay),
            fallback: try container.decode(Fallback.self, forKey: .fallback),
            algorithm: try container.decode(Algorithm.self, forKey: .algorithm),
            encode: try container.decode([String: Encoding].self, forKey: .encode),
            description: try container.decodeIfPresent(String.self, forKey: .description),
            owner: try container.decodeIfPresent(String.self, forKey: .owner),
            tags: try container.decode([String: String].self, forKey: .tags)
        )
        parameters = try container.decodeIfPresent([String: String].self, forKey: .parameters) ?? [:]
        collisions = try container.decodeIfPresent(Double.self, forKey: .collisions) ?? Self.collisionsStandard
        labels = try container.decodeIfPresent(LabelSource.self, forKey: .labels)
        publish = try container.decodeIfPresent(Publication.self, forKey: .publish) ?? Publication()
        log = try container.decodeIfPresent(Double.self, forKey: .log)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(service, forKey: .service)
        try container.encode(task, forKey: .task)
        try container.encode(label, forKey: .label)
        try container.encode(labelDelay, forKey: .labelDelay)
        try container.encode(fallback, forKey: .fallback)
        try container.encode(algorithm, forKey: .algorithm)
        if !parameters.isEmpty { try container.encode(parameters, forKey: .parameters) }
        try container.encode(encode, forKey: .encode)
        if collisions != Self.collisionsStandard { try container.encode(collisions, forKey: .collisions) }
        try container.encodeIfPresent(labels, forKey: .labels)
        if publish != Publication() { try container.encode(publish, forKey: .publish) }
        try container.encodeIfPresent(log, forKey: .log)
        try container.encodeIfPresent(description, forKey: .description)
        try container.encodeIfPresent(owner, forKey: .owner)
        try container.encode(tags, forKey: .tags)
    }
}
