package import Features
package import Store

/// What a training set is made of, apart from the spine's rows.
package struct TrainingSetSpec: Sendable {
    package var plan: FeaturePlan
    /// The spine's column of label times.
    package var labelTime: String
    /// The spine's column of ledger positions, each row's own; `nil` = every row reads ``state``.
    package var positionColumn: String?
    /// Names and types of the spine's columns, in order.
    package var spine: [ColumnSchema]
    package var state: LedgerState
    package var options: JoinOptions
    /// Whether rows are read as a server reads them: stored features without delay, not strict, and with no upper bound of
    /// the event time but ``atColumn``; TTLs count to the label time, which is the request's time.
    package var isServed: Bool
    /// Of ``isServed``: the spine's column of each row's AT, no event after which counts; null = none.
    package var atColumn: String?
    /// Columns of features whose values the spine gives, as a request may: by the column's name that of the spine. They take
    /// the place of what is looked up, in expressions, too.
    package var given: [String: String] = [:]

    package init(
        plan: FeaturePlan,
        labelTime: String,
        positionColumn: String? = nil,
        spine: [ColumnSchema],
        state: LedgerState,
        options: JoinOptions,
        isServed: Bool = false,
        atColumn: String? = nil
    ) throws(StoreError) {
        self.plan = plan
        self.labelTime = labelTime
        self.positionColumn = positionColumn
        self.spine = spine
        self.state = state
        self.options = options
        self.isServed = isServed
        self.atColumn = atColumn
        try check()
    }

    /// The training set's columns: the spine's, the features in the order asked for, then witnesses.
    package var columns: [ColumnSchema] {
        spine + plan.columns.map { ColumnSchema(name: $0.outputName, type: $0.type) }
            + (options.witness
                ? plan.roles.flatMap { role in
                    [
                        ColumnSchema(name: "\(role.prefix)__event_time", type: .timestamp),
                        ColumnSchema(name: "\(role.prefix)__position", type: .int64),
                    ]
                } : [])
    }

    /// The type of the label times where they pass through as they came; `nil` where they are timestamps in µs.
    package var labelPassed: PassedType? { passed(labelTime) }

    /// The type of a column of the spine that passes through as it came.
    func passed(_ name: String) -> PassedType? { spine.first { $0.name == name }?.passed }

    private func check() throws(StoreError) {
        func type(_ name: String, _ purpose: String) throws(StoreError) -> FeatureType {
            guard let column = spine.first(where: { $0.name == name }) else {
                throw .request(
                    "the spine has no column '\(name)', \(purpose)\(Name.hint(for: name, among: spine.map(\.name)))"
                )
            }
            return column.type
        }
        let labelType = try type(labelTime, "which --label-time names")
        guard labelType == .timestamp || labelPassed?.isMoment == true else {
            throw .request(
                "the spine's label time '\(labelTime)' is \(labelPassed?.text ?? labelType.text); it must be timestamp"
            )
        }
        if let positionColumn {
            let positionType = try type(positionColumn, "which --position-column names")
            guard positionType == .int64 else {
                throw .request("the spine's positions '\(positionColumn)' are \(positionType.text); they must be int64")
            }
        }
        guard !isServed || !options.knownAtLabel else {
            throw .request("a set is either what a server answered or what was known at the label time, not both")
        }
        if let atColumn {
            guard isServed else {
                throw .request("a column of AT belongs to a set that is read as a server reads: say --served, too")
            }
            let atType = try type(atColumn, "which --at-column names")
            guard passed(atColumn)?.isMoment ?? (atType == .timestamp) else {
                throw .request(
                    "the spine's column of AT '\(atColumn)' is \(passed(atColumn)?.text ?? atType.text); it must be timestamp"
                )
            }
        }
        for field in plan.requestFields {
            let type = try type(field.name, "the request field '\(field.name)' of the service")
            let passed = passed(field.name)
            // Times are taken in µs, whatever they leave as.
            if field.type == .timestamp, passed?.isMoment == true { continue }
            guard type == field.type, passed == nil else {
                throw .request(
                    "the spine's column '\(field.name)' is \(passed?.text ?? type.text); the request field '\(field.name)' "
                        + "is \(field.type.text)"
                )
            }
        }
        for role in plan.roles {
            for (key, column) in zip(role.view.definition.keys, role.keyColumns) {
                let type = try type(column, "the key '\(key.name)' of view '\(role.view.name)'")
                let passed = passed(column)
                guard type == key.type.featureType, passed == nil else {
                    throw .request(
                        "the spine's column '\(column)' is \(passed?.text ?? type.text); the key '\(key.name)' of view '\(role.view.name)' is \(key.type.rawValue)"
                    )
                }
            }
        }
        var seen: Set<String> = []
        for column in columns where !seen.insert(column.name).inserted {
            throw .request("the training set would have two columns '\(column.name)'; rename the spine's")
        }
    }
}

/// A column's name and type.
package struct ColumnSchema: Sendable, Hashable {
    package var name: String
    /// What its batches hold.
    package var type: FeatureType
    /// Where the column passes through as it came, its type, of which ``type`` is the carrier.
    package var passed: PassedType?

    package init(name: String, type: FeatureType, passed: PassedType? = nil) {
        self.name = name
        self.type = type
        self.passed = passed
    }

    /// As manifests spell it.
    package var typeText: String { passed?.text ?? type.text }
}
