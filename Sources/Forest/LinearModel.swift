/// A linear model: each output is its intercept and the weighted sum of a row's values.
///
/// Its file is JSON:
///
///     {"format": "asof-linear-1", "task": "binary", "features": ["age", "rate"], "outputs": 1, "intercept": [0.1],
///      "weights": [[0.02, -1.5]], "missing": [40, 0.2], "indicator": [[0, 0.3]]}
///
/// `task` is binary, multiclass or regression; `weights` and `indicator` have a row of all features for each output. A missing value
/// counts as what `missing` has in its place, and adds its `indicator`. Sums are of doubles, from the intercept on in the order of the
/// features, and are rounded once, to single precision.
package struct LinearModel: Sendable, Equatable {
    package static let format = "asof-linear-1"

    package var task: String
    package var features: [String]
    package var intercept: [Double]
    package var weights: [[Double]]
    package var missing: [Double]
    package var indicator: [[Double]]

    package init(
        task: String,
        features: [String],
        intercept: [Double],
        weights: [[Double]],
        missing: [Double],
        indicator: [[Double]]
    ) {
        self.task = task
        self.features = features
        self.intercept = intercept
        self.weights = weights
        self.missing = missing
        self.indicator = indicator
    }

    var byteCount: Int { (weights.count * 2 + 1) * features.count * 8 + features.count * 16 }

    func margins(_ rows: [Float], _ count: Int) -> [Float] {
        var margins: [Float] = []
        margins.reserveCapacity(count * intercept.count)
        let width = features.count
        for row in 0..<count {
            for output in intercept.indices {
                var sum = intercept[output]
                for feature in 0..<width {
                    let value = rows[row * width + feature]
                    if value.isNaN {
                        sum += missing[feature] * weights[output][feature]
                        sum += indicator[output][feature]
                    } else {
                        sum += Double(value) * weights[output][feature]
                    }
                }
                margins.append(Float(sum))
            }
        }
        return margins
    }

    /// The file's text; equal models have equal bytes.
    package var json: String {
        func list(_ values: [Double]) -> String { "[" + values.map { "\($0)" }.joined(separator: ", ") + "]" }
        return """
            {"format": "\(Self.format)", "task": \(Self.quoted(task)), "features": [\(features.map(Self.quoted).joined(separator: ", "))],
             "outputs": \(intercept.count), "intercept": \(list(intercept)),
             "weights": [\(weights.map(list).joined(separator: ", "))],
             "missing": \(list(missing)),
             "indicator": [\(indicator.map(list).joined(separator: ", "))]}

            """
    }

    /// A text of JSON.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

extension Forest {
    /// - Parameter document: see ``LinearModel``.
    init(linear document: ModelValue) throws(ForestError) {
        func numbers(_ name: String, count: Int) throws(ForestError) -> [Double] {
            guard case .numbers(let numbers)? = document[name], numbers.count == count, numbers.allSatisfy(\.isFinite)
            else { throw .unsuitable("'\(name)' is to be a list of \(count) finite numbers") }
            return numbers
        }
        func rows(_ name: String, _ outputs: Int, _ width: Int) throws(ForestError) -> [[Double]] {
            var lists: [[Double]] = []
            if case .list(let values)? = document[name] {
                for value in values { if case .numbers(let numbers) = value { lists.append(numbers) } }
            }
            guard lists.count == outputs, lists.allSatisfy({ $0.count == width && $0.allSatisfy(\.isFinite) }) else {
                throw .unsuitable("'\(name)' is to be \(outputs) lists of \(width) finite numbers")
            }
            return lists
        }
        guard case .text(let task)? = document["task"] else { throw .unsuitable("it has no task") }
        let objective: Objective
        switch task {
        case "binary": objective = .logistic
        case "multiclass": objective = .softmax
        case "regression": objective = .identity
        default: throw .unsuitable("its task is '\(task)'; known: binary, multiclass, regression")
        }
        guard let names = document["features"]?.texts, !names.isEmpty, names.count <= ForestLimits.widthMax else {
            throw .unsuitable("'features' is to be a list of 1 to \(ForestLimits.widthMax) names")
        }
        guard case .number(let given)? = document["outputs"], let outputs = Int(exactly: given),
            (1...ForestLimits.outputsMax).contains(outputs), (outputs == 1) != (objective == .softmax)
        else { throw .unsuitable("'outputs' is to be 1, or the number of classes of a multiclass model") }
        let model = LinearModel(
            task: task,
            features: names,
            intercept: try numbers("intercept", count: outputs),
            weights: try rows("weights", outputs, names.count),
            missing: try numbers("missing", count: names.count),
            indicator: try rows("indicator", outputs, names.count)
        )
        self.init(
            .linear(model),
            width: names.count,
            outputs: outputs,
            objective: objective,
            featureNames: names,
            featureTypes: nil
        )
    }
}

extension ModelValue {
    /// A list of texts; `nil` where it is none.
    var texts: [String]? {
        switch self {
        case .numbers(let numbers): return numbers.isEmpty ? [] : nil
        case .list(let values):
            var texts: [String] = []
            for value in values {
                guard case .text(let text) = value else { return nil }
                texts.append(text)
            }
            return texts
        default: return nil
        }
    }
}
