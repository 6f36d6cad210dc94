import Columnar
import Features
import Models
import PointInTime
import Predictions
import Store
import Training
import TrainingSets

/// Logged rows of one version, by the same weights, whose requests gave the same columns.
struct ReplayGroup {
    struct Key: Hashable, Comparable {
        let version: Int
        let publish: Int?
        let overrides: [String]

        init(_ row: LoggedPrediction) {
            version = row.version
            publish = row.publish
            overrides = row.overrides.keys.sorted()
        }

        static func < (left: Key, right: Key) -> Bool {
            (left.version, left.publish ?? 0, left.overrides.joined(separator: " ")) < (
                right.version, right.publish ?? 0, right.overrides.joined(separator: " ")
            )
        }
    }

    let plan: FeaturePlan
    let spine: ColumnBatch
    /// Columns that the requests gave, with the names of the spine's columns that have them.
    let given: [String: String]

    // No name of anybody's begins so.
    private static let time = "_replay_time"
    private static let at = "_replay_at"
    private static let position = "_replay_position"

    /// - Throws: ``StoreError/request(_:)`` where the rows do not fit the version's service.
    init(_ plan: FeaturePlan, _ version: ModelVersion, _ rows: [LoggedPrediction], _ key: Key) throws(StoreError) {
        guard plan.hasColumns(of: version.signature) else {
            throw .request(
                "the columns of \(version.service)@\(version.serviceVersion) are not those that version \(version.version) of \(version.model) reads"
            )
        }
        var names: [String] = []
        var columns: [Column] = []
        func add(_ name: String, _ column: Column) {
            names.append(name)
            columns.append(column)
        }
        for key in try plan.requestKeys() {
            let texts = rows.map { ($0.keys[key.name] ?? $0.fields[key.name]) ?? nil }
            add(key.name, try Self.column(key.name, key.type.featureType, texts))
        }
        for field in plan.requestFields where !names.contains(field.name) {
            let texts = rows.map { ($0.fields[field.name] ?? $0.keys[field.name]) ?? nil }
            add(field.name, try Self.column(field.name, field.type, texts))
        }
        var given: [String: String] = [:]
        for (index, name) in key.overrides.enumerated() {
            guard let column = plan.columns.first(where: { $0.outputName == name }) else {
                throw .request(
                    "\(version.service)@\(version.serviceVersion) has no column '\(name)', which requests gave"
                )
            }
            given[name] = "_replay_given_\(index)"
            add("_replay_given_\(index)", try Self.column(name, column.type, rows.map { $0.overrides[name] ?? nil }))
        }
        add(Self.time, Column(type: .timestamp, values: .int64(rows.map(\.timeUs))))
        add(
            Self.at,
            Column(
                type: .timestamp,
                validity: rows.map(\.isTimed),
                values: .int64(rows.map { $0.isTimed ? $0.timeUs : 0 })
            )
        )
        add(Self.position, Column(type: .int64, values: .int64(rows.map(\.position))))
        self.plan = plan
        self.given = given
        spine = ColumnBatch(names: names, columns: columns, rowCount: rows.count)
    }

    private static func column(_ name: String, _ type: FeatureType, _ texts: [String?]) throws(StoreError) -> Column {
        var builder = TextColumnBuilder(type, times: TimeReading(unit: .us))
        for text in texts {
            guard let text else {
                builder.appendNull()
                continue
            }
            do throws(ValueTextError) { try builder.append(Array(text.utf8).span) } catch {
                throw .request("the log has a value of '\(name)' that is no \(type.text): \(error.reason)")
            }
        }
        return builder.finish()
    }

    private var schema: [ColumnSchema] {
        zip(spine.names, spine.columns).map { ColumnSchema(name: $0, type: $1.type) }
    }

    /// As the server read the rows.
    func servedSpec(_ head: LedgerState) throws(StoreError) -> TrainingSetSpec {
        var spec = try TrainingSetSpec(
            plan: plan,
            labelTime: Self.time,
            positionColumn: Self.position,
            spine: schema,
            state: head,
            options: JoinOptions(),
            isServed: true,
            atColumn: Self.at
        )
        spec.given = given
        return spec
    }

    /// As a training set has them.
    func trainedSpec(_ head: LedgerState) throws(StoreError) -> TrainingSetSpec {
        var spec = try TrainingSetSpec(
            plan: plan,
            labelTime: Self.time,
            spine: schema,
            state: head,
            options: JoinOptions()
        )
        spec.given = given
        return spec
    }
}
