import Yams

/// Views that store nothing: aggregates over the events of another view.
extension DefinitionsReader {
    private static let example = "as in windows: { of: departures, features: { n_1h: count over 1h } }"

    func isWindowView(_ field: Field) -> Bool {
        field.value.mapping?.contains { $0.key.scalar?.string == "windows" && !isNull($0.value) } ?? false
    }

    mutating func windowView(_ field: Field) -> ViewDefinition? {
        let what = "view '\(field.name)'"
        let stored = ["ttl", "missing", "online", "partition", "features", "events", "source", "retention", "max_age"]
        for (key, _) in field.value.mapping.map(Array.init) ?? [] {
            guard let name = key.scalar?.string, stored.contains(name) else { continue }
            fault(at: key, "\(what) has windows, which store nothing: '\(name)' is said of the view of events")
            return nil
        }
        guard let parts = fields(of: field.value, what, known: DefinitionKeys.windowView.names),
            let part = parts["windows"],
            let windows = fields(of: part.value, "'windows' of \(what)", known: DefinitionKeys.windows.names)
        else { return nil }
        if parts["entities"] == nil {
            fault(at: field.key, "\(what) has no entities; they are those of its events, or the leading ones of them")
        }
        let (entities, keys) = parts["entities"].map { entityKeys($0, what) } ?? ([], [])
        guard let source = windows["of"], let name = text(source.value, "the events of \(what)") else {
            fault(at: part.key, "'windows' of \(what) does not say of which events, \(Self.example)")
            return nil
        }
        guard let events = view(named: name, at: source.value, what) else { return nil }
        guard events.events != nil else {
            let advice =
                events.windows == nil
                ? "it keeps one row for a key and event time; say of it events: { id: FEATURE }"
                : "it has windows itself"
            fault(at: source.value, "\(what) has windows of '\(name)', which is no view of events: \(advice)")
            return nil
        }
        guard Array(events.keys.prefix(keys.count)) == keys, !keys.isEmpty || events.isGlobal else {
            fault(
                at: parts["entities"]?.value ?? field.key,
                "\(what) has the entities [\(entities.joined(separator: ", "))]; expected those of '\(name)', "
                    + "[\(events.entities.joined(separator: ", "))], or the leading ones of them"
            )
            return nil
        }
        guard let list = windows["features"], let pairs = pairs(of: list.value, "'features' of \(what)"), !pairs.isEmpty
        else {
            fault(at: part.key, "'windows' of \(what) has no features, \(Self.example)")
            return nil
        }
        let (features, texts) = self.windows(pairs, events, keys, what)
        let notes = annotations(parts)
        var view = ViewDefinition(
            name: field.name,
            entities: entities,
            keys: keys,
            features: features,
            delay: interval(parts["delay"], "the delay of \(what)") ?? .zero,
            isStrict: bool(parts["strict"], "'strict' of \(what)", default: false),
            description: notes.description,
            owner: notes.owner,
            tags: notes.tags
        )
        view.windows = WindowTexts(of: events.name, texts: texts)
        return view
    }

    private mutating func windows(
        _ pairs: [Field],
        _ events: ViewDefinition,
        _ keys: [KeyColumn],
        _ what: String
    ) -> (features: [FeatureDefinition], texts: [String: String]) {
        var features: [FeatureDefinition] = []
        var texts: [String: String] = [:]
        for pair in pairs {
            let before = issues.count
            checkName(pair.name, "feature", at: pair.key)
            if keys.contains(where: { $0.name == pair.name }) {
                fault(at: pair.key, "the feature '\(pair.name)' of \(what) has the name of one of its keys")
            }
            guard let text = text(pair.value, "the window '\(pair.name.oneLine)' of \(what)"), issues.count == before
            else { continue }
            do throws(ExpressionFault) {
                let window = try typing.window(text, of: events)
                if let retention = events.retention, window.reach.map({ $0 > retention }) ?? true {
                    let reach = window.reach?.text ?? "all time"
                    fault(
                        at: pair.value,
                        "the window '\(pair.name)' of \(what) reaches back \(reach); '\(events.name)' has a retention of "
                            + "\(retention.text), after which its events are dropped"
                    )
                    continue
                }
                features.append(FeatureDefinition(name: pair.name, type: window.type))
                texts[pair.name] = window.normalized
            } catch {
                let place = place(of: error.offset, in: text, pair.value)
                let renamed = WindowColumn.words(of: text).sorted().compactMap { word in
                    currentName(of: word, in: events).map { "; '\(word)' is called '\($0)' now" }
                }
                let message = "the window '\(pair.name)' of \(what): \(error.message)" + renamed.joined()
                report(.init(line: place.line, column: place.column, message: message))
            }
        }
        return (features, texts)
    }
}
