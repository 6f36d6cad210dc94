import Yams

/// The section `models`.
extension DefinitionsReader {
    /// - Parameter services: of this file and, behind them, of other projects.
    /// - Returns: `nil` where the model has a fault.
    mutating func model(_ field: Field, _ services: [ServiceDefinition], broken: Set<String>) -> ModelDefinition? {
        let what = "model '\(field.name)'"
        let before = issues.count
        guard let parts = fields(of: field.value, what, known: DefinitionKeys.model.names) else { return nil }
        for (key, example) in [("service", "delay_model"), ("task", "binary"), ("label", "late")]
        where parts[key] == nil && parts[Self.instead[key] ?? key] == nil {
            fault(at: field.key, "\(what) has no \(key), as in \(key): \(example)")
        }
        let serviceName = parts["service"].flatMap { text($0.value, "the service of \(what)") }
        let labels = labelSource(parts["labels"], what)
        let task = task(parts, what)
        let label = parts["label"].flatMap { text($0.value, "the label of \(what)") } ?? labels?.value
        let delay = interval(parts["label_delay"], "the label_delay of \(what)")
        let (algorithm, parameters) = algorithm(parts["algorithm"], what)
        let fallback = fallback(parts["fallback"], what)
        let log = logShare(parts["log"], what)
        let notes = annotations(parts)
        if let delay, delay.microseconds < 0 {
            fault(at: field.key, "the label_delay of \(what) is negative; a label is known after its time")
        }
        guard let serviceName, let task, let label else { return nil }
        guard let service = services.first(where: { $0.name == serviceName }) else {
            if let node = parts["service"]?.value, !broken.contains(serviceName) {
                let hint = Name.hint(for: serviceName, among: services.map(\.name))
                fault(at: node, "\(what) reads the service '\(serviceName.oneLine)', which there is not\(hint)")
            }
            return nil
        }
        if let algorithm, !algorithm.suits(task), let node = parts["algorithm"]?.value {
            fault(
                at: node,
                task == .regression
                    ? "\(what) is a regression; logistic is for classes, ridge for numbers"
                    : algorithm == .ftrl
                        ? "\(what) predicts several classes; ftrl is for one, or for numbers"
                        : "\(what) predicts classes; ridge is for numbers, logistic for classes"
            )
        }
        let encode = encodings(parts["encode"], what, service)
        let collisions = parsed(parts["collisions"], "the collisions of \(what)", expected: "a share, as in 20%") {
            Self.percent($0)
        }
        let publish = publication(parts["publish"], what)
        if parts["publish"] != nil, labels == nil, let node = parts["publish"]?.key {
            fault(at: node, "\(what) has 'publish' and no 'labels', from which it would learn what is published")
        }
        if let labels, let node = parts["labels"]?.value { check(labels, label, at: node, what) }
        guard issues.count == before else { return nil }
        var model = ModelDefinition(
            name: field.name,
            service: serviceName,
            task: task,
            label: label,
            labelDelay: delay ?? Interval(microseconds: 0),
            fallback: fallback,
            algorithm: algorithm ?? .xgboost,
            encode: encode,
            log: log,
            description: notes.description,
            owner: notes.owner,
            tags: notes.tags
        )
        model.parameters = parameters
        model.collisions = collisions ?? ModelDefinition.collisionsStandard
        model.labels = labels
        model.publish = publish
        return model
    }

    /// Keys that give what others would.
    private static let instead = ["task": "objective", "label": "labels"]

    private mutating func task(_ parts: [String: Field], _ what: String) -> ModelTask? {
        let task: ModelTask? = choice(parts["task"], "the task of \(what)")
        let told = parsed(parts["objective"], "the objective of \(what)", expected: "logistic or squared") {
            ["logistic": ModelTask.binary, "squared": .regression][$0]
        }
        if let task, let told, task != told, let node = parts["objective"]?.value {
            fault(
                at: node,
                "\(what): the objective logistic goes with the task binary, squared with regression; its task is \(task.rawValue)"
            )
        }
        return task ?? told
    }

    /// A word, or a word with parameters: `{ ftrl: { alpha: 0.1 } }`.
    private mutating func algorithm(
        _ field: Field?,
        _ what: String
    ) -> (ModelDefinition.Algorithm?, [String: String]) {
        guard let field, case .mapping = field.value else {
            return (choice(field, "the algorithm of \(what)"), [:])
        }
        let pairs = pairs(of: field.value, "the algorithm of \(what)") ?? []
        guard pairs.count == 1, let pair = pairs.first else {
            fault(at: field.value, "the algorithm of \(what) is to be one, as in { ftrl: { alpha: 0.1 } }")
            return (nil, [:])
        }
        guard let algorithm = ModelDefinition.Algorithm(rawValue: pair.name) else {
            fault(
                at: pair.key,
                "the algorithm of \(what) is '\(pair.name.oneLine)'; expected one of \(Self.list(ModelDefinition.Algorithm.allCases))"
            )
            return (nil, [:])
        }
        var parameters: [String: String] = [:]
        for parameter in self.pairs(of: pair.value, "the parameters of \(pair.name)") ?? [] {
            parameters[parameter.name] = parsed(
                parameter,
                "the parameter '\(parameter.name.oneLine)' of \(what)",
                expected: "a number"
            ) { text in Double(text).flatMap { $0.isFinite ? text : nil } }
        }
        return (algorithm, parameters)
    }

    private mutating func labelSource(_ field: Field?, _ what: String) -> ModelDefinition.LabelSource? {
        guard let field, !isNull(field.value),
            let parts = fields(of: field.value, "'labels' of \(what)", known: DefinitionKeys.labels.names)
        else { return nil }
        for (key, example) in [("view", "arrivals"), ("value", "late")] where parts[key] == nil {
            fault(at: field.key, "'labels' of \(what) has no \(key), as in \(key): \(example)")
        }
        let view = parts["view"].flatMap { text($0.value, "the view of labels of \(what)") }
        let value = parts["value"].flatMap { text($0.value, "the value of labels of \(what)") }
        let at = parts["at"].flatMap { text($0.value, "the time 'at' of labels of \(what)") }
        guard let view, let value else { return nil }
        return ModelDefinition.LabelSource(view: view, value: value, at: at)
    }

    private mutating func check(
        _ labels: ModelDefinition.LabelSource,
        _ label: String?,
        at node: Node,
        _ what: String
    ) {
        guard !brokenViews.contains(labels.view) else { return }
        let known = views + others.views
        guard let view = known.first(where: { $0.name == labels.view }) else {
            let hint = Name.hint(for: labels.view, among: known.map(\.name))
            fault(at: node, "\(what) has its labels in the view '\(labels.view.oneLine)', which there is not\(hint)")
            return
        }
        for (name, purpose) in [(labels.value, "value"), (labels.at, "at")] {
            guard let name, view.feature(named: name) == nil else { continue }
            fault(
                at: node,
                "the labels of \(what) have '\(name.oneLine)' as their \(purpose), which is no feature of the view '\(view.name)'"
                    + Name.hint(for: name, among: view.features.map(\.name))
            )
        }
        if let at = labels.at.flatMap({ view.feature(named: $0) }), at.type != .timestamp {
            fault(at: node, "'at' of the labels of \(what) is '\(at.name)', a \(at.type.text); it must be a timestamp")
        }
        if let value = view.feature(named: labels.value), value.type != .bool, !value.type.isNumber {
            fault(
                at: node,
                "the value of the labels of \(what) is '\(value.name)', a \(value.type.text); it must be a bool or a number"
            )
        }
    }

    private mutating func publication(_ field: Field?, _ what: String) -> ModelDefinition.Publication {
        var publish = ModelDefinition.Publication()
        guard let field, !isNull(field.value),
            let parts = fields(of: field.value, "'publish' of \(what)", known: DefinitionKeys.publish.names)
        else { return publish }
        if let every = interval(parts["every"], "'every' of publish of \(what)") { publish.every = every }
        if let keep = interval(parts["keep"], "'keep' of publish of \(what)") { publish.keep = keep }
        return publish
    }

    private static func percent(_ text: String) -> Double? {
        guard text.hasSuffix("%"), let share = Double(text.dropLast()), share > 0, share <= 100 else { return nil }
        return share
    }

    private mutating func fallback(_ field: Field?, _ what: String) -> ModelDefinition.Fallback {
        guard let field else { return .base }
        // YAML's null is one of the words here.
        if isNull(field.value) { return .null }
        return parsed(field, "the fallback of \(what)", expected: "base, model, null or a number") {
            ModelDefinition.Fallback(text: $0)
        } ?? .base
    }

    private mutating func logShare(_ field: Field?, _ what: String) -> Double? {
        guard let field, !isNull(field.value), field.value.string != "off" else { return nil }
        return parsed(field, "'log' of \(what)", expected: "a share of its predictions, as in 100%, or off") {
            ModelDefinition.logShare($0)
        }
    }
}
