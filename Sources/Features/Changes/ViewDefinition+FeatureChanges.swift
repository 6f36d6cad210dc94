/// What becomes of a view's features.
extension ViewDefinition {
    private func subject(_ feature: FeatureDefinition) -> DefinitionChange.Subject {
        .feature(view: name, name: feature.name)
    }

    /// The changes for a feature that is not in force.
    ///
    /// - Parameter isReturning: whether the store has the view's data: else nothing was called otherwise.
    func addition(
        of feature: FeatureDefinition,
        _ history: FeatureHistory,
        isReturning: Bool = true
    ) -> [DefinitionChange] {
        if isReturning, let was = history.was(feature.name), history.retiredType(feature.name) == nil {
            return renaming(feature, was, nil, history)
        }
        if let refusal = nameRefusal(feature, history) { return [refusal] }
        guard let type = history.retiredType(feature.name) else {
            let expectations = feature.expectations.map { ", expectations \($0.text)" } ?? ""
            return [.init(subject(feature), .added, feature.type.text + expectations)]
        }
        guard type.isShown(of: feature.type) else {
            return [
                .init(
                    subject(feature),
                    .added,
                    .refused,
                    "its retired data is \(type.text), not \(feature.type.text)",
                    wayOut: "use another name, or delete the data with asof apply --prune first"
                )
            ]
        }
        if let refusal = typeChange(feature, from: type, feature.name, history), refusal.severity == .refused {
            return [refusal]
        }
        let widened = type == feature.type ? "" : ", \(type.text) until now"
        return [.init(subject(feature), .added, "\(feature.type.text)\(widened); its data returns")]
    }

    /// Why a feature that had another name, or none, cannot have the one that it is given.
    private func nameRefusal(_ feature: FeatureDefinition, _ history: FeatureHistory) -> DefinitionChange? {
        func refused(_ detail: String, _ wayOut: String) -> DefinitionChange {
            .init(subject(feature), .added, .refused, detail, wayOut: wayOut)
        }
        // What has its data under the name already had it before there were these rules.
        if history.retiredType(feature.name) != nil { return nil }
        if let current = history.current(feature.name), current != history.was(feature.name) {
            return refused(
                "'\(current)' was called so, and old versions and manifests mean that by it",
                "use another name, or say `was: \(current)` to call it so again"
            )
        }
        if Name.commandWords.contains(feature.name) {
            return refused(
                "its name is a word of the server's commands",
                "spell it otherwise, for example \(feature.name.lowercased())"
            )
        }
        if feature.name == Name.eventTimeColumn {
            return refused(
                "a column of that name is the event time of a row, in files and in a source's sql",
                "call the feature otherwise, for example happened_at"
            )
        }
        return nil
    }

    /// The changes for a feature that says what it was.
    ///
    /// - Parameter previous: that feature, where it is in force.
    private func renaming(
        _ feature: FeatureDefinition,
        _ was: String,
        _ previous: FeatureDefinition?,
        _ history: FeatureHistory
    ) -> [DefinitionChange] {
        func refused(_ detail: String, _ wayOut: String) -> [DefinitionChange] {
            [.init(subject(feature), .changed, .refused, detail, wayOut: wayOut)]
        }
        guard let type = previous?.type ?? history.retiredType(was) else {
            if let current = history.current(was) {
                return refused("'\(was)' is called '\(current)' now", "say `was: \(current)` to give it another name")
            }
            return refused(
                "it says that it was '\(was)', which the view never had",
                "leave `was:` away where it is a new feature"
            )
        }
        if let refusal = nameRefusal(feature, history) { return [refusal] }
        let returns = previous == nil ? "; its data returns" : ""
        var changes = [
            DefinitionChange(subject(feature), .changed, "was '\(was)', which it is called no more\(returns)")
        ]
        if let change = typeChange(feature, from: type, was, history) { changes.append(change) }
        return changes
    }

    /// - Parameter name: that the feature has in the store.
    private func typeChange(
        _ feature: FeatureDefinition,
        from type: FeatureType,
        _ name: String,
        _ history: FeatureHistory
    ) -> DefinitionChange? {
        if type == feature.type { return nil }
        let detail = "\(type.text) -> \(feature.type.text)"
        func refused(_ detail: String, _ wayOut: String) -> DefinitionChange {
            .init(subject(feature), .changed, .refused, detail, wayOut: wayOut)
        }
        guard type.widens(to: feature.type) else {
            return refused(detail, "its data has the old type: add a feature under another name")
        }
        if let window = history.windowInTheWay(of: name, type, feature.type) {
            return refused("\(detail): \(window)", "add a feature under another name")
        }
        return .init(subject(feature), .changed, "\(detail), with its history")
    }

    func featureChanges(from old: ViewDefinition, _ history: FeatureHistory) -> [DefinitionChange] {
        var changes: [DefinitionChange] = []
        let before = Dictionary(old.features.map { ($0.name, $0) }) { first, _ in first }
        let names = Set(features.map(\.name))
        // By the old name.
        var renamed: [String: String] = [:]
        for feature in features {
            var previous = before[feature.name]
            let was = history.was(feature.name)
            if previous == nil, let was, let found = before[was] {
                previous = found
                renamed[was] = feature.name
                if let type = history.retiredType(feature.name) {
                    changes.append(
                        .init(
                            subject(feature),
                            .changed,
                            .refused,
                            "it says that it was '\(was)', and the view has a retired feature of its own name, \(type.text)",
                            wayOut: "use another name, or delete the retired one with asof apply --prune first"
                        )
                    )
                    continue
                }
                changes += renaming(feature, was, found, history)
            } else if let previous {
                if let was, before[was] != nil {
                    changes.append(
                        .init(
                            subject(feature),
                            .changed,
                            .refused,
                            "it says that it was '\(was)', and the store has both",
                            wayOut: "leave `was:` away, or call the feature otherwise"
                        )
                    )
                }
                if let change = typeChange(feature, from: previous.type, feature.name, history) {
                    changes.append(change)
                }
            } else {
                changes += addition(of: feature, history)
            }
            if let previous { changes += settingChanges(of: feature, from: previous) }
        }
        for feature in old.features where !names.contains(feature.name) && renamed[feature.name] == nil {
            changes.append(
                .init(subject(feature), .removed, .retires, "retired \(feature.type.text); data kept")
            )
        }
        let known = Set(before.keys.map { renamed[$0] ?? $0 })
        let kept = features.map(\.name).filter(known.contains)
        if kept != old.features.map({ renamed[$0.name] ?? $0.name }).filter(names.contains) {
            changes.append(.init(.view(name), .changed, "other order of features"))
        }
        return changes
    }

    private func settingChanges(
        of feature: FeatureDefinition,
        from previous: FeatureDefinition
    ) -> [DefinitionChange] {
        var changes: [DefinitionChange] = []
        if !Spelling.isSame(previous.description, feature.description) {
            changes.append(.init(subject(feature), .changed, "description"))
        }
        let lists = (previous.expectations?.allowed, feature.expectations?.allowed)
        // The same bounds in a wider type are the same.
        let isSame =
            previous.expectations == feature.expectations
            && Spelling.isSame((lists.0 ?? []).map(\.text), (lists.1 ?? []).map(\.text))
        let before = previous.expectations?.text ?? "none"
        let after = feature.expectations?.text ?? "none"
        if !isSame, previous.type == feature.type || before != after {
            let unseen = before == after ? " (what differs does not show here)" : ""
            changes.append(.init(subject(feature), .changed, "expectations \(before) -> \(after)\(unseen)"))
        }
        if previous.isPII != feature.isPII {
            changes.append(.init(subject(feature), .changed, "pii \(previous.isPII) -> \(feature.isPII)"))
        }
        return changes
    }
}
