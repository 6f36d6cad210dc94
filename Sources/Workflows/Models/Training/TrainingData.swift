import Columnar
import Features
import Foundation
import PointInTime
import Store
import Training
import TrainingSets

/// A training set in memory: the columns that a model reads, labels and label times.
struct TrainingData {
    let rowCount: Int
    /// In the service's order.
    let features: [(name: String, column: Column)]
    let label: Column
    /// µs since 1970-01-01 UTC; `nil` = null.
    let times: [Int64?]
    /// Whether no view knows the row's entity, so that a server answers by the model's fallback.
    let isUnknown: [Bool]

    /// - Parameters:
    ///   - path: of the set, as an Arrow file.
    ///   - names: of the service's columns, in its order.
    ///   - isUnknown: one a row of the set.
    init(
        path: String,
        names: [String],
        types: [FeatureType],
        label: String,
        labelTime: String,
        isUnknown: [Bool]
    ) throws {
        self.isUnknown = isUnknown
        let reader = try TableReader(path: path, format: .arrow, options: InputOptions())
        let inferred = try reader.inferTypes()
        guard let labelRequest = inferred.first(where: { $0.sourceName == label }) else {
            let spine = inferred.map(\.sourceName).filter { !names.contains($0) }
            throw WorkflowError.refused(
                "the spine has no column '\(label)', the label of the model\(Name.hint(for: label, among: spine)); it has \(spine.joined(separator: ", "))"
            )
        }
        var requests = zip(names, types).map { ColumnRequest(sourceName: $0, type: $1) }
        requests.append(labelRequest)
        requests.append(ColumnRequest(sourceName: labelTime, type: .timestamp))
        try reader.select(requests)
        var columns: [Column] = []
        var rows = 0
        while let batch = try reader.next() {
            rows += batch.rowCount
            if columns.isEmpty {
                columns = batch.columns
            } else {
                for index in columns.indices { columns[index].append(batch.columns[index]) }
            }
        }
        guard rows > 0 else { throw WorkflowError.refused("the spine has no rows") }
        rowCount = rows
        features = zip(names, columns).map { ($0, $1) }
        self.label = columns[names.count]
        let labelTimes = columns[names.count + 1]
        times = labelTimes.int64Values.indices.map { labelTimes.isNull($0) ? nil : labelTimes.int64Values[$0] }
    }

    /// The same rows with other values of the features.
    init(_ other: TrainingData, features: [Column], isUnknown: [Bool]) {
        rowCount = other.rowCount
        self.features = zip(other.features, features).map { ($0.name, $1) }
        label = other.label
        times = other.times
        self.isUnknown = isUnknown
    }

    /// The columns of some rows.
    func columns(_ rows: [Int32]) -> [Column] { features.map { $0.column.gather(rows) } }
}
