extension FeatureDefinition: Codable {
    private enum CodingKeys: String, CodingKey {
        case name, type, description, expectations, pii
    }

    /// Expectations with their values as definitions spell them.
    private struct StoredExpectations: Codable {
        var min: String?
        var max: String?
        var `in`: [String]?
        var maxNull: String?
        var action: String
    }

    /// What is not there is what features had before there was such a setting.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let type = try container.decode(FeatureType.self, forKey: .type)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            type: type,
            description: try container.decodeIfPresent(String.self, forKey: .description),
            isPII: try container.decodeIfPresent(Bool.self, forKey: .pii) ?? false
        )
        guard let stored = try container.decodeIfPresent(StoredExpectations.self, forKey: .expectations) else { return }
        guard let action = Expectations.Action(rawValue: stored.action) else {
            throw DecodingError.dataCorruptedError(
                forKey: .expectations,
                in: container,
                debugDescription: "'\(stored.action)' is no action"
            )
        }
        var expectations = Expectations(action: action)
        expectations.min = try stored.min.map(type.expected)
        expectations.max = try stored.max.map(type.expected)
        expectations.allowed = try stored.in?.map(type.expected)
        expectations.nullsMax = try stored.maxNull.map { text in
            guard let share = Share(text: text) else {
                throw DecodingError.dataCorruptedError(
                    forKey: .expectations,
                    in: container,
                    debugDescription: "'\(text)' is no share"
                )
            }
            return share
        }
        self.expectations = expectations
    }

    /// Settings that a feature does not have are left out, so that documents from before are what they were.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(type, forKey: .type)
        try container.encodeIfPresent(description, forKey: .description)
        if isPII { try container.encode(true, forKey: .pii) }
        guard let expectations else { return }
        try container.encode(
            StoredExpectations(
                min: expectations.min?.text,
                max: expectations.max?.text,
                in: expectations.allowed?.map(\.text),
                maxNull: expectations.nullsMax?.text,
                action: expectations.action.rawValue
            ),
            forKey: .expectations
        )
    }
}
