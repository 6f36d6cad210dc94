package import Learning

/// A linear model of many weights, of which a row touches few: what learns from one example after the other.
///
/// Its file is JSON:
///
///     {"format": "asof-sparse-1", "task": "binary", "features": ["age", "dest"], "kinds": ["values", "places"],
///      "numbers": [1, 1], "slots": [1, 4096], "offset": 0, "scale": 1, "at": [0, 3], "weights": [0.1, -2]}
///
/// `features` names the numbers of a row; each group of them is described by its place in `kinds` (values, places, signed, mean), `numbers`
/// and `slots`, see ``SlotLayout``. `at` are the slots, ascending, whose weights are not 0. A margin is `offset` + `scale` × the sum of
/// weights times values, in the order of the slots of the row, and is rounded once, to single precision.
package struct SparseModel: Sendable, Equatable {
    package static let format = "asof-sparse-1"

    package var task: String
    package var features: [String]
    package var layout: SlotLayout
    package var offset: Double
    package var scale: Double
    /// One a slot.
    package var weights: [Double]

    package init(
        task: String,
        features: [String],
        layout: SlotLayout,
        offset: Double = 0,
        scale: Double = 1,
        weights: [Double]
    ) {
        precondition(weights.count == layout.slotCount && features.count == layout.width, "a weight for each slot")
        self.task = task
        self.features = features
        self.layout = layout
        self.offset = offset
        self.scale = scale
        self.weights = weights
    }

    var byteCount: Int { weights.count * 8 }

    func margins(_ rows: [Float], _ count: Int) -> [Float] {
        var row = SparseRow()
        var margins: [Float] = []
        margins.reserveCapacity(count)
        for place in 0..<count {
            layout.expand(rows, row: place, into: &row)
            var sum = 0.0
            for index in row.slots.indices { sum += weights[Int(row.slots[index])] * row.values[index] }
            margins.append(Float(offset + scale * sum))
        }
        return margins
    }

    /// The file's text; equal models have equal bytes.
    package var json: String {
        func list(_ values: some Collection<Double>) -> String {
            "[" + values.map { "\($0)" }.joined(separator: ", ") + "]"
        }
        func list(_ values: [Int]) -> String { "[" + values.map(String.init).joined(separator: ", ") + "]" }
        func list(_ values: [String]) -> String { "[" + values.map(LinearModel.quoted).joined(separator: ", ") + "]" }
        let used = weights.indices.filter { weights[$0] != 0 }
        let kinds = layout.groups.map { group in
            switch group {
            case .values: "values"
            case .places(_, _, let isSigned): isSigned ? "signed" : "places"
            case .mean: "mean"
            }
        }
        let slots = layout.groups.map { group in
            switch group {
            case .values(let count): count
            case .places(_, let slots, _), .mean(_, let slots): slots
            }
        }
        return """
            {"format": "\(Self.format)", "task": \(LinearModel.quoted(task)), "features": \(list(features)),
             "kinds": \(list(kinds)), "numbers": \(list(layout.groups.map(\.numbers))), "slots": \(list(slots)),
             "offset": \(offset), "scale": \(scale),
             "at": \(list(used)),
             "weights": \(list(used.map { weights[$0] }))}

            """
    }
}

extension Forest {
    /// - Parameter document: see ``SparseModel``.
    init(sparse document: ModelValue) throws(ForestError) {
        func number(_ name: String) throws(ForestError) -> Double {
            guard case .number(let number)? = document[name], number.isFinite else {
                throw .unsuitable("'\(name)' is to be a finite number")
            }
            return number
        }
        func whole(_ name: String, _ range: ClosedRange<Int>) throws(ForestError) -> [Int] {
            guard case .numbers(let numbers)? = document[name] else {
                throw .unsuitable("'\(name)' is to be a list of whole numbers")
            }
            var found: [Int] = []
            for number in numbers {
                guard let value = Int(exactly: number), range.contains(value) else {
                    throw .unsuitable("'\(name)' has \(number); expected a whole number of \(range)")
                }
                found.append(value)
            }
            return found
        }
        guard case .text(let task)? = document["task"] else { throw .unsuitable("it has no task") }
        guard task == "binary" || task == "regression" else {
            throw .unsuitable("its task is '\(task)'; known: binary, regression")
        }
        guard let names = document["features"]?.texts, names.count <= ForestLimits.widthMax else {
            throw .unsuitable("'features' is to be a list of at most \(ForestLimits.widthMax) names")
        }
        guard let kinds = document["kinds"]?.texts else { throw .unsuitable("'kinds' is to be a list of words") }
        let numbers = try whole("numbers", 1...ForestLimits.widthMax)
        let slots = try whole("slots", 1...ForestLimits.slotsMax)
        guard numbers.count == kinds.count, slots.count == kinds.count, numbers.reduce(0, +) == names.count else {
            throw .unsuitable(
                "its groups are \(kinds.count), of \(numbers.reduce(0, +)) numbers for \(names.count) names"
            )
        }
        var groups: [SlotLayout.Group] = []
        for (kind, (numbers, slots)) in zip(kinds, zip(numbers, slots)) {
            switch kind {
            case "values": groups.append(.values(numbers))
            case "places", "signed":
                groups.append(.places(numbers: numbers, slots: slots, isSigned: kind == "signed"))
            case "mean": groups.append(.mean(numbers: numbers, slots: slots))
            default: throw .unsuitable("a group is of the kind '\(kind)'; known: values, places, signed, mean")
            }
        }
        let slotCount = groups.reduce(1) { $0 + $1.slots }
        guard slotCount <= ForestLimits.slotsMax else {
            throw .tooLarge("its \(slotCount) slots; \(ForestLimits.slotsMax) are allowed")
        }
        let used = try whole("at", 0...max(slotCount - 1, 0))
        guard case .numbers(let given)? = document["weights"], given.count == used.count,
            given.allSatisfy(\.isFinite)
        else { throw .unsuitable("'weights' is to be a list of \(used.count) finite numbers") }
        var weights = [Double](repeating: 0, count: slotCount)
        for (slot, weight) in zip(used, given) { weights[slot] = weight }
        self.init(
            SparseModel(
                task: task,
                features: names,
                layout: SlotLayout(groups),
                offset: try number("offset"),
                scale: try number("scale"),
                weights: weights
            )
        )
    }

    /// A model that answers by these weights.
    package init(_ model: SparseModel) {
        self.init(
            .sparse(model),
            width: model.layout.width,
            outputs: 1,
            objective: model.task == "binary" ? .logistic : .identity,
            featureNames: model.features,
            featureTypes: nil
        )
    }

    /// `nil` where it is a model of another kind.
    package var sparse: SparseModel? {
        if case .sparse(let model) = kind { return model }
        return nil
    }
}
