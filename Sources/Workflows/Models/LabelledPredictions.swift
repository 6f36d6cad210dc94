import Columnar
import Features
import Foundation
import Models
import PointInTime
import Postgres
import Predictions
import Store
import Training
import TrainingSets

/// Logged predictions of a model, of all versions, with the labels that have come since.
///
/// A prediction's label is the first one of its keys from its time on, as late as `label_delay` behind it; then it is due.
struct LabelledPredictions {
    private let session: Session
    private let version: ModelVersion
    private let control: RunControl

    init(_ session: Session, _ version: ModelVersion, _ control: RunControl) {
        self.session = session
        self.version = version
        self.control = control
    }

    /// - Parameters:
    ///   - days: how far back predictions were served.
    ///   - now: µs.
    /// - Returns: by day and version.
    func quality(_ labels: MonitorRequest.Labels, days: Int, now: Int64) throws -> [DayQuality] {
        let registry = try Registry.load(session)
        guard let model = registry.definitions.model(named: version.model) else {
            throw WorkflowError.refused(
                "model '\(version.model)' is defined no more, so that its label and label_delay are not known"
            )
        }
        let keys = try registry.plan(naming: "\(version.service)@\(version.serviceVersion)", session).plan.requestKeys()
        let from = now - Int64(days) * 86_400_000_000
        let rows: Rows
        switch labels {
        case .view(let name, let feature):
            rows = try read(try registry.view(named: name), feature, keys, model, from)
        case .file(let path, let time, let unit):
            rows = try read(try FileLabels(path, model.label, time, unit, keys), model, from)
        }
        return try judge(rows, model, now)
    }

    /// Predictions, and for each its label or null.
    fileprivate struct Rows {
        var version: [Int32] = []
        var time: [Int64] = []
        /// Rows of the outputs.
        var scores: [Float] = []
        var label: Column
    }

    private var outputs: Int { max(version.signature.outputs, 1) }

    private func condition(_ from: Int64) -> String {
        "p.model = '\(version.model)' AND p.served_at >= \(KnownPartitions.literal(from))::timestamptz "
            + "AND array_length(p.score, 1) = \(outputs) AND NOT 'NaN' = ANY (p.score)"
    }

    private func read(
        _ view: StoredView,
        _ name: String,
        _ keys: [KeyColumn],
        _ model: ModelDefinition,
        _ from: Int64
    ) throws -> Rows {
        guard let feature = view.definition.feature(named: name) else {
            throw StoreError.unknownFeature(
                view: view.name,
                name: name,
                hint: Name.hint(for: name, among: view.definition.features.map(\.name))
            )
        }
        guard !view.definition.keys.isEmpty else {
            throw WorkflowError.refused("view '\(view.name)' has no keys, by which a label finds its predictions")
        }
        var equal: [String] = []
        for (key, stored) in zip(view.definition.keys, view.storageKeys) {
            let text = "'\(key.name.replacingOccurrences(of: "'", with: "''"))'"
            let given = "coalesce(p.keys->>\(text), p.request->>\(text))"
            // A request field of the name may hold what is no integer.
            let value =
                key.type == .int64
                ? """
                CASE WHEN \(given) ~ '^-?[0-9]{1,19}$' THEN
                    CASE WHEN (\(given))::numeric BETWEEN \(Int64.min) AND \(Int64.max) THEN (\(given))::bigint END END
                """ : "\(given) COLLATE \"C\""
            equal.append("h.\(SQLText.identifier(stored.name)) = \(value)")
        }
        let query = """
            SELECT p.version, p.time, p.score, l.label FROM asof.predictions p LEFT JOIN LATERAL (
                SELECT h.\(SQLText.identifier(feature.name)) AS label FROM \(view.historyTable) h
                WHERE \(equal.joined(separator: " AND ")) AND h._event_time >= p.time
                    AND h._event_time <= p.time + interval '\(model.labelDelay.microseconds) microseconds'
                    AND NOT h._deleted AND h.\(SQLText.identifier(feature.name)) IS NOT NULL
                ORDER BY h._event_time, h._batch DESC LIMIT 1) l ON true
            WHERE \(condition(from))
            """
        var rows = Rows(label: Column(emptyOf: feature.type))
        try copy(query, [.int32, .timestamp, .vector(outputs), feature.type]) { columns in
            rows.append(columns)
            rows.label.append(columns[3])
        }
        return rows
    }

    private func read(_ labels: FileLabels, _ model: ModelDefinition, _ from: Int64) throws -> Rows {
        let names = labels.keys.map { "'\($0.replacingOccurrences(of: "'", with: "''"))'" }
        let texts = names.map { "coalesce(p.keys->>\($0), p.request->>\($0))" }
        let query =
            "SELECT p.version, p.time, p.score, \(texts.joined(separator: ", ")) FROM asof.predictions p WHERE \(condition(from))"
        var rows = Rows(label: Column(emptyOf: labels.labels.type))
        try copy(query, [.int32, .timestamp, .vector(outputs)] + names.map { _ in .string }) { columns in
            rows.append(columns)
            let found = (0..<columns[0].rowCount).map { row -> Int32 in
                let key = columns[3...].map { $0.value(row).text }
                let time = columns[1].int64Values[row]
                return labels.first(key, from: time, to: time.subtractingSaturating(-model.labelDelay.microseconds))
            }
            rows.label.append(labels.labels.gatherOrNull(found))
        }
        return rows
    }

    private func copy(_ query: String, _ types: [FeatureType], _ each: ([Column]) -> Void) throws {
        let limited = "\(query) LIMIT \(PredictionLimits.qualityRowsMax)"
        try session.transaction(.read) { () throws(StoreError) in
            let copy = try CopyOut(session, query: limited, types: types)
            while let columns = try copy.next(rowsMax: 65_536) { each(columns) }
        }
        try control.check()
    }

    private func judge(_ rows: Rows, _ model: ModelDefinition, _ now: Int64) throws -> [DayQuality] {
        let all = Array(0..<Int32(rows.version.count))
        let labels = try Labels(rows.label, name: model.label, model.task, training: all)
        // A class that the version does not know has no place among its answers.
        let places = labels.classes.map { name in
            version.signature.classes.firstIndex(of: name).map(Double.init) ?? .nan
        }
        let values = labels.classes.isEmpty ? labels.values : labels.values.map { $0.isNaN ? .nan : places[Int($0)] }
        struct Group: Hashable {
            let day: String
            let version: Int32
        }
        let groups = Dictionary(grouping: all) { row in
            Group(day: PredictionLog.day(rows.time[Int(row)]), version: rows.version[Int(row)])
        }
        return groups.sorted { ($0.key.day, $0.key.version) < ($1.key.day, $1.key.version) }.map { group, members in
            let known = members.filter { !values[Int($0)].isNaN }
            let due = members.filter { rows.time[Int($0)].subtractingSaturating(-model.labelDelay.microseconds) <= now }
            let scores = known.flatMap { row in rows.scores[Int(row) * outputs..<(Int(row) + 1) * outputs] }
            return DayQuality(
                day: group.day,
                version: Int(group.version),
                predictions: members.count,
                due: due.count,
                missing: due.count { rows.label.isNull(Int($0)) },
                metrics: known.isEmpty
                    ? nil
                    : TestMetrics(
                        model.task,
                        predictions: scores,
                        labels: known.map { values[Int($0)] },
                        outputs: outputs
                    )
            )
        }
    }
}

extension LabelledPredictions.Rows {
    fileprivate mutating func append(_ columns: [Column]) {
        if case .int32(let versions) = columns[0].values { version += versions }
        time += columns[1].int64Values
        if case .vector(_, let values) = columns[2].values { scores += values }
    }
}

/// Labels of a file, by keys and time.
private struct FileLabels {
    /// Names of the keys that the file has.
    let keys: [String]
    let labels: Column
    /// By the keys' texts: times, ascending, and rows.
    private var byKey: [[String]: [(time: Int64, row: Int32)]] = [:]

    init(_ path: String, _ label: String, _ labelTime: String, _ unit: TimeUnit?, _ known: [KeyColumn]) throws {
        var options = InputOptions(timeUnit: unit)
        options.isExtraIgnored = true
        let reader = try TableReader(
            path: path,
            format: try FileFormat(inputPath: path, option: "an ending: \(FileFormat.spellings)"),
            options: options
        )
        let inferred = try reader.inferTypes()
        let names = inferred.map(\.sourceName)
        guard let labelRequest = inferred.first(where: { $0.sourceName == label }) else {
            throw WorkflowError.refused(
                "\(path) has no column '\(label)', the label of the model\(Name.hint(for: label, among: names))"
            )
        }
        guard names.contains(labelTime) else {
            throw WorkflowError.refused(
                "\(path) has no column '\(labelTime)'\(Name.hint(for: labelTime, among: names))"
            )
        }
        let own = known.filter { names.contains($0.name) }
        guard !own.isEmpty else {
            throw WorkflowError.refused(
                "\(path) has none of the model's keys (\(known.map(\.name).joined(separator: ", "))), by which a label finds its predictions"
            )
        }
        keys = own.map(\.name)
        try reader.select(
            own.map { ColumnRequest(sourceName: $0.name, type: $0.type.featureType) }
                + [ColumnRequest(sourceName: labelTime, type: .timestamp), labelRequest]
        )
        var labels = Column(emptyOf: labelRequest.type)
        while let batch = try reader.next() {
            let (times, first) = (batch.columns[own.count], Int32(labels.rowCount))
            for row in 0..<batch.rowCount where !times.isNull(row) && !batch.columns[own.count + 1].isNull(row) {
                let key = batch.columns.prefix(own.count).map { $0.value(row).text }
                byKey[key, default: []].append((times.int64Values[row], first + Int32(row)))
            }
            labels.append(batch.columns[own.count + 1])
        }
        self.labels = labels
        byKey = byKey.mapValues { $0.sorted { ($0.time, $0.row) < ($1.time, $1.row) } }
    }

    /// The row of the first label between two times, both included; -1 = there is none.
    func first(_ key: [String], from: Int64, to: Int64) -> Int32 {
        guard let rows = byKey[key] else { return -1 }
        var (low, high) = (0, rows.count)
        while low < high {
            let middle = (low + high) / 2
            if rows[middle].time < from { low = middle + 1 } else { high = middle }
        }
        return low < rows.count && rows[low].time <= to ? rows[low].row : -1
    }
}
