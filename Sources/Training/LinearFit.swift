package import Forest
import Glibc

/// Fits linear models: always to the same bits, whatever the machine has beside it.
///
/// Columns are standardized by the training rows, missing values count as the column's mean and have an indicator of their own
/// where there are any. The penalty is half the sum of squares of the weights of standardized columns, the intercept not among
/// them, times `penalty`: scikit-learn's C is 1 / penalty.
package struct LinearFit {
    private let rowCount: Int
    private let width: Int
    private let names: [String]
    private let values: [Float]
    /// By column, of the rows that have a value.
    private var means: [Double]
    private var deviations: [Double]
    /// Columns with missing values, in order: each has an indicator.
    private var indicated: [Int] = []
    private let penalty: Double

    /// - Parameter values: `rowCount` rows of as many values as there are names.
    package init(values: [Float], rowCount: Int, names: [String], penalty: Double = 1) {
        precondition(values.count == rowCount * names.count && rowCount > 0, "rows of one width")
        self.values = values
        self.rowCount = rowCount
        self.names = names
        self.penalty = penalty
        width = names.count
        means = [Double](repeating: 0, count: width)
        deviations = [Double](repeating: 0, count: width)
        for column in 0..<width {
            var (count, sum) = (0, 0.0)
            for row in 0..<rowCount {
                let value = values[row * width + column]
                if value.isFinite {
                    sum += Double(value)
                    count += 1
                }
            }
            let mean = count > 0 ? sum / Double(count) : 0
            var squares = 0.0
            for row in 0..<rowCount {
                let value = values[row * width + column]
                if value.isFinite { squares += (Double(value) - mean) * (Double(value) - mean) }
            }
            means[column] = mean
            deviations[column] = count > 0 ? (squares / Double(count)).squareRoot() : 0
            if count < rowCount { indicated.append(column) }
        }
    }

    /// Standardized columns, then indicators, then the intercept's 1.
    private var terms: Int { width + indicated.count + 1 }

    private func fill(_ row: Int, _ out: inout [Double]) {
        for column in 0..<width {
            let value = values[row * width + column]
            let isUsable = value.isFinite && deviations[column] > 0
            out[column] = isUsable ? (Double(value) - means[column]) / deviations[column] : 0
        }
        for (place, column) in indicated.enumerated() {
            out[width + place] = values[row * width + column].isFinite ? 0 : 1
        }
        out[terms - 1] = 1
    }

    private func addPenalty(_ matrix: inout [Double]) {
        for term in 0..<terms - 1 { matrix[term * terms + term] += penalty }
        // A column that never moves has no weight to find; so small a penalty keeps the matrix solvable.
        matrix[terms * terms - 1] += 1e-12
    }

    /// Rate, or mean, whatever the row is.
    package static func base(task: String, outputs: [Double], names: [String]) -> LinearModel {
        let zeros = [Double](repeating: 0, count: names.count)
        return LinearModel(
            task: task,
            features: names,
            intercept: outputs,
            weights: outputs.map { _ in zeros },
            missing: zeros,
            indicator: outputs.map { _ in zeros }
        )
    }

    /// Logistic regression by Newton's method.
    /// - Parameter labels: 0 or 1, one a row.
    package func logistic(_ labels: [Double]) -> LinearModel {
        var weights = [Double](repeating: 0, count: terms)
        var term = weights
        for _ in 0..<50 {
            var hessian = [Double](repeating: 0, count: terms * terms)
            var gradient = [Double](repeating: 0, count: terms)
            for row in 0..<rowCount {
                fill(row, &term)
                var margin = 0.0
                for index in 0..<terms { margin += weights[index] * term[index] }
                let probability = 1 / (1 + exp(-margin))
                let (difference, curvature) = (labels[row] - probability, max(probability * (1 - probability), 1e-10))
                for index in 0..<terms where term[index] != 0 {
                    gradient[index] += difference * term[index]
                    let scaled = curvature * term[index]
                    for other in 0...index { hessian[index * terms + other] += scaled * term[other] }
                }
            }
            for index in 0..<terms - 1 { gradient[index] -= penalty * weights[index] }
            addPenalty(&hessian)
            guard let step = Cholesky(hessian, terms)?.solve(gradient) else { break }
            var largest = 0.0
            for index in 0..<terms {
                weights[index] += step[index]
                largest = max(largest, abs(step[index]))
            }
            if largest < 1e-9 { break }
        }
        return model("binary", [weights])
    }

    /// Ridge regression, in one step.
    package func ridge(_ labels: [Double]) -> LinearModel {
        var matrix = [Double](repeating: 0, count: terms * terms)
        var target = [Double](repeating: 0, count: terms)
        var term = target
        for row in 0..<rowCount {
            fill(row, &term)
            for index in 0..<terms where term[index] != 0 {
                target[index] += labels[row] * term[index]
                for other in 0...index { matrix[index * terms + other] += term[index] * term[other] }
            }
        }
        addPenalty(&matrix)
        let weights = Cholesky(matrix, terms)?.solve(target) ?? [Double](repeating: 0, count: terms)
        return model("regression", [weights])
    }

    /// Multinomial logistic regression, by steps that use a bound of the curvature which does not change (Böhning 1992), so
    /// that one matrix is factored once.
    /// - Parameters:
    ///   - labels: places of classes, one a row.
    ///   - rounds: steps at most.
    package func softmax(_ labels: [Int], classes: Int, rounds: Int = 300) -> LinearModel {
        var bound = [Double](repeating: 0, count: terms * terms)
        var term = [Double](repeating: 0, count: terms)
        for row in 0..<rowCount {
            fill(row, &term)
            for index in 0..<terms where term[index] != 0 {
                for other in 0...index { bound[index * terms + other] += term[index] * term[other] / 2 }
            }
        }
        addPenalty(&bound)
        guard let factored = Cholesky(bound, terms) else {
            return model("multiclass", [[Double]](repeating: [Double](repeating: 0, count: terms), count: classes))
        }
        var weights = [[Double]](repeating: [Double](repeating: 0, count: terms), count: classes)
        var margins = [Double](repeating: 0, count: classes)
        for _ in 0..<rounds {
            var gradients = [[Double]](repeating: [Double](repeating: 0, count: terms), count: classes)
            for row in 0..<rowCount {
                fill(row, &term)
                for output in 0..<classes {
                    var margin = 0.0
                    for index in 0..<terms { margin += weights[output][index] * term[index] }
                    margins[output] = margin
                }
                let most = margins.max() ?? 0
                var sum = 0.0
                for output in 0..<classes {
                    margins[output] = exp(margins[output] - most)
                    sum += margins[output]
                }
                for output in 0..<classes {
                    let difference = (labels[row] == output ? 1 : 0) - margins[output] / sum
                    for index in 0..<terms where term[index] != 0 {
                        gradients[output][index] += difference * term[index]
                    }
                }
            }
            var largest = 0.0
            for output in 0..<classes {
                for index in 0..<terms - 1 { gradients[output][index] -= penalty * weights[output][index] }
                let step = factored.solve(gradients[output])
                for index in 0..<terms {
                    weights[output][index] += step[index]
                    largest = max(largest, abs(step[index]))
                }
            }
            if largest < 1e-7 { break }
        }
        return model("multiclass", weights)
    }

    /// How much each column of a model weighs: its largest weight, times how far the column's values lie apart.
    package func sizes(of model: LinearModel) -> [Double] {
        deviations.indices.map { column in
            model.weights.reduce(0) { max($0, abs($1[column]) * deviations[column]) }
        }
    }

    /// Weights of values as they come instead of standardized ones.
    private func model(_ task: String, _ fitted: [[Double]]) -> LinearModel {
        var (intercepts, weights, indicators) = ([Double](), [[Double]](), [[Double]]())
        for output in fitted {
            var intercept = output[terms - 1]
            var raw = [Double](repeating: 0, count: width)
            for column in 0..<width where deviations[column] > 0 {
                raw[column] = output[column] / deviations[column]
                intercept -= raw[column] * means[column]
            }
            var indicator = [Double](repeating: 0, count: width)
            for (place, column) in indicated.enumerated() { indicator[column] = output[width + place] }
            intercepts.append(intercept)
            weights.append(raw)
            indicators.append(indicator)
        }
        return LinearModel(
            task: task,
            features: names,
            intercept: intercepts,
            weights: weights,
            missing: means,
            indicator: indicators
        )
    }
}

/// The factor of a symmetric positive matrix.
struct Cholesky {
    private let size: Int
    private var factor: [Double]

    /// - Parameter matrix: `size` rows; what lies above the diagonal is not looked at.
    /// - Returns: `nil` where it is not positive.
    init?(_ matrix: [Double], _ size: Int) {
        self.size = size
        factor = matrix
        for column in 0..<size {
            var diagonal = factor[column * size + column]
            for index in 0..<column { diagonal -= factor[column * size + index] * factor[column * size + index] }
            guard diagonal > 0, diagonal.isFinite else { return nil }
            let root = diagonal.squareRoot()
            factor[column * size + column] = root
            for row in column + 1..<max(size, column + 1) {
                var value = factor[row * size + column]
                for index in 0..<column { value -= factor[row * size + index] * factor[column * size + index] }
                factor[row * size + column] = value / root
            }
        }
    }

    /// - Returns: x with matrix × x = `right`.
    func solve(_ right: [Double]) -> [Double] {
        var x = right
        for row in 0..<size {
            for index in 0..<row { x[row] -= factor[row * size + index] * x[index] }
            x[row] /= factor[row * size + row]
        }
        for row in (0..<size).reversed() {
            for index in row + 1..<max(size, row + 1) { x[row] -= factor[index * size + row] * x[index] }
            x[row] /= factor[row * size + row]
        }
        return x
    }
}
