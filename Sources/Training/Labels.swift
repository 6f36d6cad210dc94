package import Features
package import PointInTime

/// The labels of rows as numbers: 0 and 1, the place of a class, or the value.
package struct Labels: Sendable {
    /// One a row; NaN where the label is null.
    package let values: [Double]
    /// Of a multi-class task: names in the order of their numbers.
    package let classes: [String]

    /// - Parameters:
    ///   - name: of the column, for messages.
    ///   - training: the rows by which classes are known; others of another class have a NaN.
    /// - Throws: where the column is no label of the task.
    package init(_ column: Column, name: String, _ task: ModelTask, training: [Int32]) throws(TrainingError) {
        switch task {
        case .binary:
            classes = []
            values = try Self.numbers(column, name, "a binary label is bool, or a number that is 0 or 1")
            if let row = values.indices.first(where: { !values[$0].isNaN && values[$0] != 0 && values[$0] != 1 }) {
                throw .request(
                    "the label '\(name)' is \(values[row]) in row \(row + 1); a binary label is bool, or a number that is 0 or 1"
                )
            }
        case .regression:
            classes = []
            let numbers = try Self.numbers(column, name, "a regression's label is a number")
            if let row = numbers.indices.first(where: { numbers[$0].isInfinite }) {
                throw .request("the label '\(name)' is infinite in row \(row + 1)")
            }
            values = numbers
        case .multiclass:
            let texts = try Self.texts(column, name)
            let seen = Set(training.compactMap { texts[Int($0)] })
            classes = Self.ordered(seen)
            let places = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Double($0)) })
            values = texts.map { text in text.flatMap { places[$0] } ?? .nan }
        }
    }

    private static func numbers(_ column: Column, _ name: String, _ expected: String) throws(TrainingError) -> [Double]
    {
        let all: [Double]
        switch column.values {
        case .bool(let values): all = values.map { $0 ? 1 : 0 }
        case .int32(let values): all = values.map(Double.init)
        case .int64(let values) where column.type == .int64: all = values.map(Double.init)
        case .float32(let values): all = values.map(Double.init)
        case .float64(let values): all = values
        default: throw .request("the label '\(name)' is \(column.type.text); \(expected)")
        }
        return all.indices.map { column.isNull($0) ? .nan : all[$0] }
    }

    private static func texts(_ column: Column, _ name: String) throws(TrainingError) -> [String?] {
        switch column.values {
        case .text(let texts) where column.type == .string:
            return (0..<column.rowCount).map { column.isNull($0) ? nil : texts.string($0) }
        case .bool(let values): return values.indices.map { column.isNull($0) ? nil : "\(values[$0])" }
        case .int32(let values): return values.indices.map { column.isNull($0) ? nil : "\(values[$0])" }
        case .int64(let values) where column.type == .int64:
            return values.indices.map { column.isNull($0) ? nil : "\(values[$0])" }
        default:
            throw .request("the label '\(name)' is \(column.type.text); a class is a string, an integer or a bool")
        }
    }

    /// By number where all are integers, else bytewise.
    private static func ordered(_ texts: Set<String>) -> [String] {
        let numbers = texts.compactMap { Int64($0) }
        guard numbers.count < texts.count else { return numbers.sorted().map(String.init) }
        return texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
