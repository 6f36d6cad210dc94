import Features
import Forest
import Learning
import Models
import Training

/// What a learner of a model is set to, from parameters by name.
struct FTRLSettings {
    static let known: Set<String> = ["alpha", "beta", "l1", "l2", "bits", "passes"]

    var parameters = FTRL.Parameters()
    /// Slots are at most 2 to the power of this.
    var bits = 20
    /// How often the training rows are gone through.
    var passes = 1

    init(_ given: [String: String]) throws {
        func number(_ name: String, _ standard: Double, _ range: ClosedRange<Double>) throws -> Double {
            guard let text = given[name] else { return standard }
            guard let value = Double(text), range.contains(value) else {
                throw WorkflowError.usage(
                    "the parameter \(name) of ftrl is \(text); expected \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return value
        }
        func whole(_ name: String, _ standard: Int, _ range: ClosedRange<Int>) throws -> Int {
            guard let text = given[name] else { return standard }
            guard let value = Int(text), range.contains(value) else {
                throw WorkflowError.usage(
                    "the parameter \(name) of ftrl is \(text); expected a whole number from \(range.lowerBound) to \(range.upperBound)"
                )
            }
            return value
        }
        parameters.alpha = try number("alpha", parameters.alpha, 1e-6...1_000)
        parameters.beta = try number("beta", parameters.beta, 0...1e6)
        parameters.l1 = try number("l1", parameters.l1, 0...1e6)
        parameters.l2 = try number("l2", parameters.l2, 0...1e6)
        bits = try whole("bits", bits, 4...22)
        passes = try whole("passes", passes, 1...100)
    }
}

extension ModelTrial {
    /// One example after the other, in the order of label times.
    func ftrl(_ given: [String: String]) throws -> FittedModel {
        let settings = try FTRLSettings(given)
        let layout = signature.layout
        guard layout.slotCount <= 1 << settings.bits else {
            throw WorkflowError.refused(
                "the encoders have \(layout.slotCount) slots, more than the 2^\(settings.bits) of bits: \(settings.bits); take fewer buckets, or --set bits=22 at most"
            )
        }
        let train = matrix(signature, split.train)
        let training = split.train.map { labels.values[Int($0)] }
        let scaling = LabelScaling(task, training)
        var learner = FTRL(
            settings.parameters,
            task == .binary ? .logistic : .squared,
            slotCount: layout.slotCount
        )
        // Rows of one time keep the order of the spine.
        let order = split.train.indices.sorted {
            let (left, right) = (data.times[Int(split.train[$0])] ?? 0, data.times[Int(split.train[$1])] ?? 0)
            return left != right ? left < right : $0 < $1
        }
        var (row, clipped) = (SparseRow(), 0)
        for _ in 0..<settings.passes {
            for place in order {
                clipped += layout.expand(train.values, row: place, into: &row)
                learner.learn(row, label: scaling.scaled(training[place]))
            }
        }
        let model = SparseModel(
            task: task.rawValue,
            features: signature.featureNames,
            layout: layout,
            offset: scaling.offset,
            scale: scaling.scale,
            weights: learner.weights
        )
        return try judged(
            file: model.json,
            signature,
            train,
            importances: effects(model, train),
            notes: clipped > 0
                ? [
                    "\(clipped) values of the training rows were beyond \(SlotLayout.valueMax) deviations and count as that"
                ]
                : []
        )
    }

    /// Of each input, how far its weights move the margins of rows: the sum of the sizes of its terms.
    private func effects(_ model: SparseModel, _ matrix: DesignMatrix) -> [(name: String, share: Double)] {
        var inputOfSlot: [Int] = [-1]
        for (index, group) in model.layout.groups.enumerated() {
            inputOfSlot.append(contentsOf: repeatElement(index, count: group.slots))
        }
        var sums = [Double](repeating: 0, count: signature.inputs.count)
        var row = SparseRow()
        for place in 0..<matrix.rowCount {
            model.layout.expand(matrix.values, row: place, into: &row)
            for (slot, value) in zip(row.slots, row.values) where slot > 0 {
                sums[inputOfSlot[Int(slot)]] += abs(model.weights[Int(slot)] * value)
            }
        }
        return zip(signature.inputs, sums).map { ($0.name, $1) }
    }
}

/// How a regression's labels are brought to about 1, so that rates mean the same for all; a binary label stays.
struct LabelScaling: Sendable {
    let offset: Double
    let scale: Double

    init(offset: Double, scale: Double) {
        self.offset = offset
        self.scale = scale
    }

    /// - Parameter training: labels of the training rows.
    init(_ task: ModelTask, _ training: [Double]) {
        guard task == .regression else {
            self.init(offset: 0, scale: 1)
            return
        }
        let mean = training.reduce(0, +) / Double(training.count)
        let variance = training.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(training.count)
        let deviation = variance.squareRoot()
        self.init(offset: mean, scale: deviation > 0 && deviation.isFinite ? deviation : 1)
    }

    func scaled(_ label: Double) -> Double { (label - offset) / scale }
}
