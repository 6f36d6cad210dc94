/// A linear model of ours, which is JSON:
///
///     {"format": "asof-linear-1", "task": "binary" | "multiclass" | "regression", "features": [names], "outputs": k,
///      "intercept": [k], "weights": [k rows of width], "missing": [width: what NaN counts as],
///      "indicator": [k rows of width: added where the value is NaN]}
///
/// A margin is summed in double: the intercept, then feature by feature weight × value, and the indicator's where it is missing;
/// then it is rounded to float32.
struct LinearTerms: Sendable {
    static let format = "asof-linear-1"

    let width: Int
    let intercept: [Double]
    /// Of output `k` and feature `j` at `k * width + j`.
    let weights: [Double]
    let missing: [Double]
    /// As ``weights``.
    let indicator: [Double]

    var byteCount: Int { 8 * (intercept.count + weights.count + missing.count + indicator.count) }

    static func read(_ root: ModelField) throws(ForestError) -> Forest {
        let format = try root.field("format").text()
        guard format == Self.format else {
            throw .refused(
                what: "the format \(ModelText.shown(format))",
                hint: "\(Self.format) is; a later asof may read it"
            )
        }
        let taskField = try root.field("task")
        let objective: Objective
        switch try taskField.text() {
        case "binary": objective = .logistic
        case "multiclass": objective = .softmax
        case "regression": objective = .squared
        default: throw taskField.invalid("binary, multiclass or regression")
        }
        let names = try root.field("features").texts()
        let outputsField = try root.field("outputs")
        let outputs = try outputsField.integer()
        let width = names.count
        guard width <= ForestLimits.widthMax else {
            throw .beyondLimit(what: "features", got: width, max: ForestLimits.widthMax)
        }
        guard outputs <= ForestLimits.classesMax else {
            throw .beyondLimit(what: "classes", got: outputs, max: ForestLimits.classesMax)
        }
        guard objective == .softmax ? outputs >= 2 : outputs == 1 else {
            throw outputsField.invalid(objective == .softmax ? "2 or more" : "1")
        }
        guard width * outputs <= ForestLimits.weightsMax else {
            throw .beyondLimit(what: "weights", got: width * outputs, max: ForestLimits.weightsMax)
        }
        let terms = LinearTerms(
            width: width,
            intercept: try root.field("intercept").finiteDoubles(count: outputs),
            weights: try matrix(try root.field("weights"), rows: outputs, width: width),
            missing: try root.field("missing").finiteDoubles(count: width),
            indicator: try matrix(try root.field("indicator"), rows: outputs, width: width)
        )
        return Forest(
            form: .linear(terms),
            width: width,
            outputs: outputs,
            featureNames: names,
            featureTypes: nil,
            objective: objective,
            treeCount: 0
        )
    }

    private static func matrix(_ field: ModelField, rows: Int, width: Int) throws(ForestError) -> [Double] {
        let elements = try field.elements()
        guard elements.count == rows else { throw field.invalid("\(rows) arrays, one an output") }
        var values = [Double]()
        for element in elements { values += try element.finiteDoubles(count: width) }
        return values
    }

    func margins(_ rows: [Float], count: Int) -> [Float] {
        let outputs = intercept.count
        var margins = [Float]()
        margins.reserveCapacity(count * outputs)
        for row in 0..<count {
            for output in 0..<outputs {
                var sum = intercept[output]
                for feature in 0..<width {
                    let value = rows[row * width + feature]
                    let weight = output * width + feature
                    if value.isNaN {
                        sum += weights[weight] * missing[feature]
                        sum += indicator[weight]
                    } else {
                        sum += weights[weight] * Double(value)
                    }
                }
                margins.append(Float(sum))
            }
        }
        return margins
    }
}
