extension Definitions {
    /// What becomes of a service of these definitions: a version, new or one that it had before, and why.
    func changes(
        of service: ServiceDefinition,
        from applied: Definitions,
        _ versions: ServiceVersions
    ) -> [DefinitionChange] {
        let rules = rules(of: service)
        let version = versions.version(of: service, rules)
        guard let old = applied.service(named: service.name) else {
            let count = service.columns.count == 1 ? "1 column" : "\(service.columns.count) columns"
            let parts = [version, count, "fingerprint \(service.fingerprint)"].compactMap(\.self)
            return [.init(.service(service.name), .added, parts.joined(separator: "; "))]
        }
        var changes: [DefinitionChange] = []
        let oldRules = applied.rules(of: old)
        if !service.answersLike(old) || rules != oldRules {
            let parts = service.changes(from: old, rules, oldRules)
            changes.append(
                .init(
                    .service(service.name),
                    .changed,
                    "\(version ?? "new version"): \(parts.joined(separator: "; "))"
                )
            )
        }
        let notes = noteChanges(
            (old.description, service.description),
            (old.owner, service.owner),
            (old.tags, service.tags)
        )
        if let notes { changes.append(.init(.service(service.name), .changed, notes)) }
        return changes
    }
}

extension ServiceVersions {
    /// `new version 4`, `version 2 again`; `nil` where the store does not have the service.
    fileprivate func version(of service: ServiceDefinition, _ rules: ServiceRules) -> String? {
        guard isKnown(service.name) else { return nil }
        let (number, isNew) = number(of: service, rules: rules)
        return isNew ? "new version \(number)" : "version \(number) again"
    }
}

extension ServiceDefinition {
    /// What a version of a service has that another had not, in words, as `asof plan` says it.
    package func changes(from old: ServiceDefinition, _ rules: ServiceRules, _ oldRules: ServiceRules) -> [String] {
        columnChanges(from: old) + inputChanges(from: old) + rules.changes(from: oldRules)
            + fingerprintChanges(from: old, rules, oldRules)
    }

    /// `+a__x -b__y`, `other order`, `a__x int64 -> float64`.
    fileprivate func columnChanges(from old: ServiceDefinition) -> [String] {
        let names = Set(columns.map(\.outputName))
        let oldColumns = Dictionary(old.columns.map { ($0.outputName, $0) }) { first, _ in first }
        var parts: [String] = []
        let added = columns.filter { oldColumns[$0.outputName] == nil }.map { "+\($0.outputName)" }
        let removed = old.columns.filter { !names.contains($0.outputName) }.map { "-\($0.outputName)" }
        if !added.isEmpty || !removed.isEmpty { parts.append((added + removed).joined(separator: " ")) }
        let kept = columns.filter { oldColumns[$0.outputName] != nil }
        if kept.map(\.outputName) != old.columns.map(\.outputName).filter(names.contains) {
            parts.append("other order")
        }
        for column in kept {
            guard let before = oldColumns[column.outputName], before != column else { continue }
            if before.type != column.type {
                parts.append("\(column.outputName) \(before.type.text) -> \(column.type.text)")
            } else {
                parts.append("\(column.outputName) from \(before.originText) -> \(column.originText)")
            }
        }
        return parts
    }

    /// `looks up weather.temp(dest)`: what only expressions use.
    fileprivate func inputChanges(from old: ServiceDefinition) -> [String] {
        let added = inputs.filter { !old.inputs.contains($0) }.map { "looks up \($0.originText)" }
        return added + old.inputs.filter { !inputs.contains($0) }.map { "no longer looks up \($0.originText)" }
    }

    /// `fingerprint asof1:… as before`, `rules asof-rules-1:… -> asof-rules-1:…`.
    fileprivate func fingerprintChanges(
        from old: ServiceDefinition,
        _ rules: ServiceRules,
        _ oldRules: ServiceRules
    ) -> [String] {
        let schema =
            fingerprint == old.fingerprint
            ? "fingerprint \(fingerprint) as before" : "fingerprint \(old.fingerprint) -> \(fingerprint)"
        if rules == oldRules { return [schema] }
        return [schema, "rules \(oldRules.fingerprint) -> \(rules.fingerprint)"]
    }
}

extension ServiceRules {
    /// `stats ttl 30d -> 7d`, of each role that was there before.
    fileprivate func changes(from old: ServiceRules) -> [String] {
        roles.compactMap { role in
            guard let before = old[role.prefix], before != role.rules else { return nil }
            return "\(role.prefix) \(role.rules.changes(from: before).joined(separator: ", "))"
        }
    }
}

extension ServiceColumn {
    /// `weather.temp(dest)`: the feature and the request's columns; an expression.
    fileprivate var originText: String {
        switch self {
        case .feature(let column): column.originText
        case .request: "the request"
        case .derived(let column): "\"\(column.expression)\""
        }
    }
}

extension FeatureColumn {
    fileprivate var originText: String {
        let text = window.map { ": \($0.text) of \($0.of)" } ?? ""
        return "\(view).\(feature)(\(keys.map(\.from).joined(separator: ", ")))\(text)"
    }
}
