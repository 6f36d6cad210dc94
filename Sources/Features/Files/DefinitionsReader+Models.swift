import Yams

/// The section `models`.
extension DefinitionsReader {
    private static let modelKeys = ["service", "task", "label", "label_delay", "fallback", "algorithm", "encode"]

    /// - Parameter services: of this file and, behind them, of other projects.
    /// - Returns: `nil` where the model has a fault.
    mutating func model(_ field: Field, _ services: [ServiceDefinition], broken: Set<String>) -> ModelDefinition? {
        let what = "model '\(field.name)'"
        let before = issues.count
        guard let parts = fields(of: field.value, what, known: Self.modelKeys + Self.annotationKeys) else { return nil }
        for (key, example) in [("service", "delay_model"), ("task", "binary"), ("label", "late")]
        where parts[key] == nil {
            fault(at: field.key, "\(what) has no \(key), as in \(key): \(example)")
        }
        let serviceName = parts["service"].flatMap { text($0.value, "the service of \(what)") }
        let task: ModelTask? = choice(parts["task"], "the task of \(what)")
        let label = parts["label"].flatMap { text($0.value, "the label of \(what)") }
        let delay = interval(parts["label_delay"], "the label_delay of \(what)")
        let algorithm: ModelDefinition.Algorithm? = choice(parts["algorithm"], "the algorithm of \(what)")
        let fallback = fallback(parts["fallback"], what)
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
                    : "\(what) predicts classes; ridge is for numbers, logistic for classes"
            )
        }
        let encode = encodings(parts["encode"], what, service)
        guard issues.count == before else { return nil }
        return ModelDefinition(
            name: field.name,
            service: serviceName,
            task: task,
            label: label,
            labelDelay: delay ?? Interval(microseconds: 0),
            fallback: fallback,
            algorithm: algorithm ?? .xgboost,
            encode: encode,
            description: notes.description,
            owner: notes.owner,
            tags: notes.tags
        )
    }

    private mutating func fallback(_ field: Field?, _ what: String) -> ModelDefinition.Fallback {
        guard let field else { return .base }
        // YAML's null is one of the words here.
        if isNull(field.value) { return .null }
        return parsed(field, "the fallback of \(what)", expected: "base, model, null or a number") {
            ModelDefinition.Fallback(text: $0)
        } ?? .base
    }

    private mutating func encodings(
        _ field: Field?,
        _ what: String,
        _ service: ServiceDefinition
    ) -> [String: ModelDefinition.Encoding] {
        guard let field, !isNull(field.value) else { return [:] }
        let columns = service.columns.map { (name: $0.outputName, type: $0.type) }
        var encodings: [String: ModelDefinition.Encoding] = [:]
        for pair in pairs(of: field.value, "'encode' of \(what)") ?? [] {
            guard let column = columns.first(where: { $0.name == pair.name }) else {
                fault(
                    at: pair.key,
                    "'encode' of \(what) names '\(pair.name.oneLine)', which is no column of the service '\(service.name)'"
                        + Name.hint(for: pair.name, among: columns.map(\.name))
                )
                continue
            }
            guard column.type == .string else {
                fault(
                    at: pair.key,
                    "'encode' of \(what): the column '\(pair.name)' is \(column.type.text); only texts are encoded, numbers are read as they are"
                )
                continue
            }
            encodings[pair.name] = parsed(
                pair,
                "the encoding of '\(pair.name)' of \(what)",
                expected: "categories, onehot, or onehot(N) for texts that occur N times at least"
            ) { ModelDefinition.Encoding(text: $0) }
        }
        return encodings
    }
}
