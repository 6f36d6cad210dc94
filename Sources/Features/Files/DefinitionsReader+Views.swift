import Yams

extension DefinitionsReader {
    mutating func view(_ field: Field) -> ViewDefinition? {
        if isWindowView(field) { return windowView(field) }
        let what = "view '\(field.name)'"
        guard let parts = fields(of: field.value, what, known: DefinitionKeys.view.names) else { return nil }
        if parts["entities"] == nil {
            fault(at: field.key, "\(what) has no entities; [] makes a global view with one latest row")
        }
        let (entityNames, keys) = parts["entities"].map { entityKeys($0, what) } ?? ([], [])
        let ttl = interval(parts["ttl"], "the ttl of \(what)")
        let delay = interval(parts["delay"], "the delay of \(what)") ?? .zero
        if let ttl, ttl < delay, let node = parts["ttl"]?.value {
            fault(
                at: node,
                "the ttl of \(what), \(ttl.text), is shorter than its delay, \(delay.text): no value would ever be returned"
            )
        }
        var features = parts["features"].map { self.features($0, of: field.name, keys: keys) } ?? []
        let scores = parts["scores"].flatMap { isNull($0.value) ? nil : $0 }
        let scored = scores.flatMap { scoredModel($0, what, hasFeatures: parts["features"] != nil) }
        if scores != nil { features = ScoreFeatures.all }
        if parts["features"] == nil, scores == nil {
            fault(at: field.key, "\(what) has no features, as in features: { clicks: int64 }")
        }
        let notes = annotations(parts)
        let operation = self.operation(parts, what, ttl: ttl)
        var view = ViewDefinition(
            name: field.name,
            entities: entityNames,
            keys: keys,
            features: features,
            ttl: ttl,
            delay: delay,
            isStrict: bool(parts["strict"], "'strict' of \(what)", default: false),
            missing: choice(parts["missing"], "'missing' of \(what)") ?? .error,
            isOnline: bool(parts["online"], "'online' of \(what)", default: true),
            partition: choice(parts["partition"], "'partition' of \(what)") ?? .month,
            source: batchSource(parts, what),
            description: notes.description,
            owner: notes.owner,
            tags: notes.tags
        )
        view.scoresOf = scored
        view.events = parts["events"].flatMap { events($0, what, of: features) }
        view.retention = operation.retention
        view.maxAge = operation.maxAge
        if bool(parts["backfilled"], "'backfilled' of \(what)", default: false) { view.isBackfilled = true }
        if let refusal = view.storageRefusal, let node = parts["features"]?.key {
            fault(at: node, "\(what) \(refusal)")
        }
        return view
    }

    private mutating func operation(
        _ parts: [String: Field],
        _ what: String,
        ttl: Interval?
    ) -> (retention: Interval?, maxAge: Interval?) {
        let retention = interval(parts["retention"], "the retention of \(what)")
        let maxAge = interval(parts["max_age"], "the max_age of \(what)")
        if let retention, let node = parts["retention"]?.value {
            if let ttl, retention < ttl {
                fault(
                    at: node,
                    "the retention of \(what), \(retention.text), is shorter than its ttl, \(ttl.text): values would be "
                        + "dropped before they expire"
                )
            }
            if parts["partition"]?.value.scalar?.string == "none" {
                fault(at: node, "\(what) has a retention but partition none: history is dropped in whole partitions")
            }
        }
        return (retention, maxAge)
    }

    /// `scores: { model: delay }`.
    private mutating func scoredModel(_ field: Field, _ what: String, hasFeatures: Bool) -> String? {
        guard let parts = fields(of: field.value, "'scores' of \(what)", known: DefinitionKeys.scores.names) else {
            return nil
        }
        if hasFeatures {
            let names = ScoreFeatures.all.map(\.name).joined(separator: ", ")
            fault(at: field.key, "\(what) has scores, which are its features: \(names); leave 'features' away")
        }
        guard let part = parts["model"] else {
            fault(at: field.key, "'scores' of \(what) has no model, as in scores: { model: delay }")
            return nil
        }
        return text(part.value, "the model of \(what)")
    }

    private mutating func events(
        _ field: Field,
        _ what: String,
        of features: [FeatureDefinition]
    ) -> EventIdentity? {
        if isNull(field.value) { return nil }
        let example = "as in events: { id: flight_id }"
        guard case .mapping = field.value else {
            fault(at: field.value, "'events' of \(what) names the feature that identifies an event, \(example)")
            return nil
        }
        guard let parts = fields(of: field.value, "'events' of \(what)", known: DefinitionKeys.events.names) else {
            return nil
        }
        guard let part = parts["id"] else {
            fault(at: field.key, "'events' of \(what) has no id: the feature that identifies an event, \(example)")
            return nil
        }
        guard let name = text(part.value, "the id of the events of \(what)") else { return nil }
        guard let feature = features.first(where: { $0.name == name }) else {
            let hint = Name.hint(for: name, among: features.map(\.name))
            fault(
                at: part.value,
                "the id of the events of \(what) is '\(name.oneLine)', which is no feature of it\(hint)"
            )
            return nil
        }
        guard feature.type == .string || feature.type == .int64 else {
            fault(
                at: part.value,
                "the id of the events of \(what), '\(name)', is \(feature.type.text); expected string or int64"
            )
            return nil
        }
        return EventIdentity(id: name)
    }

    mutating func entityKeys(_ field: Field, _ what: String) -> (names: [String], keys: [KeyColumn]) {
        guard let nodes = elements(of: field.value, "'entities' of \(what)", example: "[user], or [] for a global view")
        else { return ([], []) }
        var names: [String] = []
        var keys: [KeyColumn] = []
        for node in nodes {
            guard let name = text(node, "an entity of \(what)") else { continue }
            if names.contains(name) {
                fault(at: node, "\(what) names the entity '\(name.oneLine)' twice")
                continue
            }
            names.append(name)
            guard let entity = knownEntity(named: name) else {
                if !brokenEntities.contains(name) {
                    let hint = Name.hint(for: name, among: knownEntityNames)
                    fault(at: node, "\(what) names an unknown entity '\(name.oneLine)'\(hint)")
                }
                continue
            }
            if keys.contains(where: { $0.name == entity.key }) {
                fault(
                    at: node,
                    "two entities of \(what) have the key column '\(entity.key)'; give one of them a key of another name"
                )
                continue
            }
            keys.append(KeyColumn(name: entity.key, type: entity.type))
        }
        if keys.count > DefinitionLimits.keysMax {
            fault(at: field.value, "\(what) has \(keys.count) keys; \(DefinitionLimits.keysMax) are allowed")
        }
        return (names, keys)
    }

    private mutating func features(_ field: Field, of view: String, keys: [KeyColumn]) -> [FeatureDefinition] {
        let what = "view '\(view)'"
        guard !isNull(field.value) else {
            fault(at: field.key, "\(what) has no features, as in features: { clicks: int64 }")
            return []
        }
        guard let pairs = pairs(of: field.value, "'features' of \(what)") else { return [] }
        if pairs.isEmpty { fault(at: field.value, "\(what) has no features, as in features: { clicks: int64 }") }
        let names = Set(pairs.map(\.name))
        var features: [FeatureDefinition] = []
        for pair in pairs {
            let before = issues.count
            places[.feature(view: view, name: pair.name)] = place(of: pair.key)
            checkName(pair.name, "feature", at: pair.key)
            if keys.contains(where: { $0.name == pair.name }) {
                fault(at: pair.key, "the feature '\(pair.name)' of \(what) has the name of one of its keys")
            }
            let feature = feature(pair, "feature '\(pair.name.oneLine)' of \(what)")
            rename(pair, of: view, besides: names)
            if issues.count == before, let feature { features.append(feature) }
        }
        return features
    }

    private mutating func feature(_ field: Field, _ what: String) -> FeatureDefinition? {
        guard case .mapping = field.value else {
            guard !isNull(field.value) else {
                fault(at: field.key, "the \(what) has no type; known: \(FeatureType.spellings)")
                return nil
            }
            return type(field.value, what).map { FeatureDefinition(name: field.name, type: $0) }
        }
        guard let parts = fields(of: field.value, "the \(what)", known: DefinitionKeys.feature.names)
        else { return nil }
        let description = parts["description"].flatMap { isNull($0.value) ? nil : text($0.value, "the description") }
        guard let part = parts["type"] else {
            fault(at: field.key, "the \(what) has no type; known: \(FeatureType.spellings)")
            return nil
        }
        guard let type = type(part.value, what) else { return nil }
        return FeatureDefinition(
            name: field.name,
            type: type,
            description: description,
            expectations: expectations(parts, type, what),
            isPII: bool(parts["pii"], "'pii' of the \(what)", default: false)
        )
    }

    mutating func type(_ node: Node, _ what: String) -> FeatureType? {
        guard let text = text(node, "the type of \(what)") else { return nil }
        if let type = FeatureType(text: text) { return type }
        fault(at: node, "the \(what) has the unknown type '\(text.oneLine)'\(Self.typeHint(for: text))")
        return nil
    }

    /// What other feature stores and databases call our types.
    private static let foreignTypes: [String: String] = [
        "int": "int64", "integer": "int64", "bigint": "int64", "long": "int64", "int4": "int32", "int8": "int64",
        "float": "float64", "double": "float64", "real": "float32", "float4": "float32", "float8": "float64",
        "str": "string", "text": "string", "varchar": "string", "boolean": "bool", "bytea": "bytes",
        "binary": "bytes", "datetime": "timestamp", "timestamptz": "timestamp", "unix_timestamp": "timestamp",
    ]

    private static func typeHint(for text: String) -> String {
        let word = text.lowercased()
        if word.hasPrefix("vector") {
            return "; a vector is vector(n) with n from 1 to \(DefinitionLimits.vectorDimensionsMax)"
        }
        if let ours = foreignTypes[word] ?? FeatureType(text: word)?.text { return "; did you mean '\(ours)'?" }
        return "; known: \(FeatureType.spellings)"
    }

    private mutating func batchSource(_ parts: [String: Field], _ what: String) -> BatchSource? {
        let lateness = interval(parts["lateness"], "the lateness of \(what)")
        var source = parts["source"].flatMap { self.source($0, what) }
        if lateness != nil, let field = parts["lateness"], parts["source"].map({ isNull($0.value) }) ?? true {
            fault(
                at: field.key,
                "\(what) has a lateness but no source: it says how far back a source's sql is asked again"
            )
        }
        source?.lateness = lateness
        let hasSource = parts["source"].map { !isNull($0.value) } ?? false
        let tolerance = tolerance(parts["tolerance"], what, hasSource: hasSource)
        source?.ownTolerance = tolerance
        return source
    }

    private mutating func source(_ field: Field, _ what: String) -> BatchSource? {
        guard !isNull(field.value) else { return nil }
        guard let parts = fields(of: field.value, "'source' of \(what)", known: DefinitionKeys.source.names) else {
            return nil
        }
        guard let part = parts["sql"] else {
            fault(at: field.key, "'source' of \(what) has no sql")
            return nil
        }
        guard let sql = text(part.value, "the sql of \(what)") else { return nil }
        guard !sql.allSatisfy(\.isWhitespace) else {
            fault(at: part.value, "the sql of \(what) is empty")
            return nil
        }
        let absent = WindowedStatement(sql).absentParameters
        guard absent.isEmpty else {
            fault(
                at: part.value,
                "the sql of \(what) does not mention \(absent.joined(separator: " and ")); a batch view's rows are those of "
                    + "event_time >= :from AND event_time < :to"
            )
            return nil
        }
        return BatchSource(sql: sql)
    }
}
