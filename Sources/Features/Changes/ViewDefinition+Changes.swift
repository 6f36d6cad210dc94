extension ViewDefinition {
    var featureCount: String { features.count == 1 ? "1 feature" : "\(features.count) features" }

    private var keysText: String {
        keys.isEmpty
            ? "global" : "key " + keys.map { "\($0.name) \($0.type.rawValue)" }.joined(separator: ", ")
    }

    /// Of a window view, which has no data.
    private func windowChanges(from old: ViewDefinition) -> [DefinitionChange] {
        guard let windows, let before = old.windows else {
            return [
                .init(
                    .view(name),
                    .changed,
                    .refused,
                    old.windows == nil
                        ? "it stores rows, and would have windows" : "it has windows, and would store rows",
                    wayOut: "make a view under another name"
                )
            ]
        }
        var changes: [DefinitionChange] = rules.changes(from: old.rules).map { .init(.view(name), .changed, $0) }
        if keys != old.keys { changes.append(.init(.view(name), .changed, "\(old.keysText) -> \(keysText)")) }
        if windows.of != before.of {
            changes.append(.init(.view(name), .changed, "windows of \(before.of) -> \(windows.of)"))
        }
        for feature in features {
            let subject = DefinitionChange.Subject.feature(view: name, name: feature.name)
            let (text, last) = (windows.texts[feature.name] ?? "", before.texts[feature.name])
            if last == nil {
                changes.append(.init(subject, .added, "\(feature.type.text): \(text)"))
            } else if let last, last != text {
                changes.append(.init(subject, .changed, "\(last) -> \(text)"))
            }
        }
        for feature in old.features where self.feature(named: feature.name) == nil {
            changes.append(
                .init(
                    .feature(view: name, name: feature.name),
                    .removed,
                    .retires,
                    "a window: nothing of it was stored"
                )
            )
        }
        let notes = noteChanges((old.description, description), (old.owner, owner), (old.tags, tags))
        if let notes { changes.append(.init(.view(name), .changed, notes)) }
        return changes
    }

    private var eventsText: String { events.map { "events by \($0.id)" } ?? "one row for a key and event time" }

    /// The changes for a view that is not applied now.
    func additions(retired: RetiredDefinitions) -> [DefinitionChange] {
        if let windows {
            if retired.views.contains(where: { $0.name == name }) {
                return [
                    .init(
                        .view(name),
                        .added,
                        .refused,
                        "a view of this name is retired with its rows, and this one has windows",
                        wayOut: "use another name, or delete the data with asof apply --prune first"
                    )
                ]
            }
            return [.init(.view(name), .added, "\(keysText); \(featureCount): windows of \(windows.of)")]
        }
        let old = retired.views.first { $0.name == name }
        if let old, old.keys != keys {
            return [
                .init(
                    .view(name),
                    .added,
                    .refused,
                    "its retired data has \(old.keysText), not \(keysText)",
                    wayOut: "use another name, or delete the data with asof apply --prune first"
                )
            ]
        }
        if let old, old.events != events {
            return [
                .init(
                    .view(name),
                    .added,
                    .refused,
                    "its retired data has \(old.eventsText), not \(eventsText)",
                    wayOut: "use another name, or delete the data with asof apply --prune first"
                )
            ]
        }
        if let old, old.partition != partition {
            return [
                .init(
                    .view(name),
                    .added,
                    .refused,
                    "its retired data has partition \(old.partition.rawValue), not \(partition.rawValue)",
                    wayOut: "use another name, or delete the data with asof apply --prune first"
                )
            ]
        }
        let returns = old == nil ? "" : "; its data returns"
        let events = events.map { "; events by \($0.id)" } ?? ""
        return [.init(.view(name), .added, "\(keysText); \(featureCount)\(events)\(returns)")]
            + features.compactMap { feature in
                let change = addition(of: feature, retired: retired)
                return change.severity == .refused ? change : nil
            }
    }

    private func addition(of feature: FeatureDefinition, retired: RetiredDefinitions) -> DefinitionChange {
        let subject = DefinitionChange.Subject.feature(view: name, name: feature.name)
        guard let type = retired.type(ofFeature: feature.name, view: name) else {
            if Name.commandWords.contains(feature.name) {
                return .init(
                    subject,
                    .added,
                    .refused,
                    "its name is a word of the server's commands",
                    wayOut: "spell it otherwise, for example \(feature.name.lowercased())"
                )
            }
            if feature.name == Name.eventTimeColumn {
                return .init(
                    subject,
                    .added,
                    .refused,
                    "a column of that name is the event time of a row, in files and in a source's sql",
                    wayOut: "call the feature otherwise, for example happened_at"
                )
            }
            let expectations = feature.expectations.map { ", expectations \($0.text)" } ?? ""
            return .init(subject, .added, feature.type.text + expectations)
        }
        guard type == feature.type else {
            return .init(
                subject,
                .added,
                .refused,
                "its retired data is \(type.text), not \(feature.type.text)",
                wayOut: "use another name, or delete the data with asof apply --prune first"
            )
        }
        return .init(subject, .added, "\(feature.type.text); its data returns")
    }

    /// The changes for a view that is applied as `old`.
    func changes(
        from old: ViewDefinition,
        in definitions: Definitions,
        applied: Definitions,
        retired: RetiredDefinitions
    ) -> [DefinitionChange] {
        if windows != nil || old.windows != nil { return windowChanges(from: old) }
        return keyChanges(from: old, in: definitions, applied: applied) + settingChanges(from: old, in: definitions)
            + featureChanges(from: old, retired: retired)
    }

    private func keyChanges(
        from old: ViewDefinition,
        in definitions: Definitions,
        applied: Definitions
    ) -> [DefinitionChange] {
        guard entities != old.entities else { return keysOnlyChange(from: old, in: definitions, applied: applied) }
        let detail = "entities [\(old.entities.joined(separator: ", "))] -> [\(entities.joined(separator: ", "))]"
        // Another name for the same keys touches no data.
        if keys == old.keys { return [.init(.view(name), .changed, "\(detail), same keys")] }
        return [
            .init(
                .view(name),
                .changed,
                .refused,
                detail,
                wayOut: "its data has the old keys: make a view under another name"
            )
        ]
    }

    /// Keys that differ although the entities do not: an entity changed, which reports it; else the store is not what
    /// its definitions say.
    private func keysOnlyChange(
        from old: ViewDefinition,
        in definitions: Definitions,
        applied: Definitions
    ) -> [DefinitionChange] {
        guard keys != old.keys else { return [] }
        let isReported = entities.contains { name in
            let (new, before) = (definitions.entity(named: name), applied.entity(named: name))
            return new?.key != before?.key || new?.type != before?.type
        }
        if isReported { return [] }
        return [
            .init(
                .view(name),
                .changed,
                .refused,
                "\(old.keysText) -> \(keysText)",
                wayOut: "its data has the old keys: make a view under another name"
            )
        ]
    }

    private func settingChanges(from old: ViewDefinition, in definitions: Definitions) -> [DefinitionChange] {
        var changes = rules.changes(from: old.rules).map { DefinitionChange(.view(name), .changed, $0) }
        func add(_ setting: String, _ before: String, _ after: String, _ severity: DefinitionChange.Severity = .safe) {
            if before != after {
                changes.append(.init(.view(name), .changed, severity, "\(setting) \(before) -> \(after)"))
            }
        }
        add("scores", old.scoresOf ?? "none", scoresOf ?? "none")
        add("missing", old.missing.rawValue, missing.rawValue)
        add("online", "\(old.isOnline)", "\(isOnline)", isOnline ? .safe : .retires)
        add("retention", old.retention?.text ?? "none", retention?.text ?? "none")
        add("max_age", old.maxAge?.text ?? "none", maxAge?.text ?? "none")
        if old.partition != partition {
            changes.append(
                .init(
                    .view(name),
                    .changed,
                    .refused,
                    "partition \(old.partition.rawValue) -> \(partition.rawValue)",
                    wayOut: "its history is partitioned already: make a view under another name"
                )
            )
        }
        if old.events != events {
            changes.append(
                .init(
                    .view(name),
                    .changed,
                    .refused,
                    "\(old.eventsText) -> \(eventsText)",
                    wayOut: "its history is stored that way already: make a view under another name and ingest into it"
                )
            )
        }
        add("lateness", old.source?.lateness?.text ?? "none", source?.lateness?.text ?? "none")
        add("tolerance", (old.source?.tolerance ?? .standard).text, (source?.tolerance ?? .standard).text)
        if !Spelling.isSame(old.source?.sql, source?.sql) {
            let detail =
                old.source == nil
                ? "source added" : source == nil ? "source removed" : sourceChange(definitions.services)
            changes.append(.init(.view(name), .changed, detail))
        }
        let notes = noteChanges((old.description, description), (old.owner, owner), (old.tags, tags))
        if let notes { changes.append(.init(.view(name), .changed, notes)) }
        return changes
    }

    /// Where values come from is no rule: they change for whoever pinned a version, too.
    private func sourceChange(_ services: [ServiceDefinition]) -> String {
        let readers = services.filter { $0.lookups.contains { $0.view == name } }.map(\.name)
        if readers.isEmpty { return "source changed" }
        let shown = readers.prefix(10).joined(separator: ", ") + (readers.count > 10 ? ", …" : "")
        return "source changed: values change under all versions of \(shown)"
    }

    private func featureChanges(from old: ViewDefinition, retired: RetiredDefinitions) -> [DefinitionChange] {
        var changes: [DefinitionChange] = []
        let before = Dictionary(old.features.map { ($0.name, $0) }) { first, _ in first }
        let names = Set(features.map(\.name))
        for feature in features {
            guard let previous = before[feature.name] else {
                changes.append(addition(of: feature, retired: retired))
                continue
            }
            let subject = DefinitionChange.Subject.feature(view: name, name: feature.name)
            if previous.type != feature.type {
                changes.append(
                    .init(
                        subject,
                        .changed,
                        .refused,
                        "\(previous.type.text) -> \(feature.type.text)",
                        wayOut: "its data has the old type: add a feature under another name"
                    )
                )
            }
            if !Spelling.isSame(previous.description, feature.description) {
                changes.append(.init(subject, .changed, "description"))
            }
            let lists = (previous.expectations?.allowed, feature.expectations?.allowed)
            if previous.expectations != feature.expectations
                || !Spelling.isSame((lists.0 ?? []).map(\.text), (lists.1 ?? []).map(\.text))
            {
                let before = previous.expectations?.text ?? "none"
                let after = feature.expectations?.text ?? "none"
                let unseen = before == after ? " (what differs does not show here)" : ""
                changes.append(.init(subject, .changed, "expectations \(before) -> \(after)\(unseen)"))
            }
            if previous.isPII != feature.isPII {
                changes.append(.init(subject, .changed, "pii \(previous.isPII) -> \(feature.isPII)"))
            }
        }
        for feature in old.features where !names.contains(feature.name) {
            changes.append(
                .init(
                    .feature(view: name, name: feature.name),
                    .removed,
                    .retires,
                    "retired \(feature.type.text); data kept"
                )
            )
        }
        let kept = features.filter { before[$0.name] != nil }.map(\.name)
        if kept != old.features.map(\.name).filter(names.contains) {
            changes.append(.init(.view(name), .changed, "other order of features"))
        }
        return changes
    }
}
