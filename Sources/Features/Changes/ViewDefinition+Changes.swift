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
    func additions(retired: RetiredDefinitions, _ history: FeatureHistory) -> [DefinitionChange] {
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
        if let old, history.renamed(old.events) != events {
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
            + features.flatMap { addition(of: $0, history, isReturning: old != nil) }
            .filter { $0.severity == .refused || $0.kind == .changed }
    }

    /// The changes for a view that is applied as `old`.
    func changes(
        from old: ViewDefinition,
        in definitions: Definitions,
        applied: Definitions,
        _ history: FeatureHistory
    ) -> [DefinitionChange] {
        if windows != nil || old.windows != nil { return windowChanges(from: old) }
        return keyChanges(from: old, in: definitions, applied: applied)
            + settingChanges(from: old, in: definitions, history)
            + featureChanges(from: old, history)
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

    private func settingChanges(
        from old: ViewDefinition,
        in definitions: Definitions,
        _ history: FeatureHistory
    ) -> [DefinitionChange] {
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
        add("backfilled", "\(old.isBackfilled ?? false)", "\(isBackfilled ?? false)")
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
        if history.renamed(old.events) != events {
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
}
