import Columnar
import Features
import PointInTime
import Store

/// Which column of an input is which part of a view's rows.
struct IngestLayout {
    private let view: StoredView
    /// For each feature of the view, its place among `requests`; `nil` = the input does not have it.
    private let featureRequests: [Int?]
    private let hasKnownAt: Bool
    private let hasDeleted: Bool
    /// Keys, event time, known-at, deleted, features.
    let requests: [ColumnRequest]
    let eventTimeColumn: String

    /// - Throws: ``WorkflowError`` for columns that are missing, unknown, or meant twice.
    init(
        view: StoredView,
        source columns: [SourceColumn],
        format: FileFormat,
        rules: TableRules,
        missing: MissingPolicy?,
        file: String
    ) throws {
        self.view = view
        let names = columns.map(\.name)
        let definition = view.definition
        let targets = definition.keys.map(\.name) + definition.features.map(\.name)
        let columnOf = try Self.match(names, targets, format, rules, view.name, file)
        let isAbsentNull = (missing ?? definition.missing) == .null
        var requests: [ColumnRequest] = []
        for key in definition.keys {
            guard let column = columnOf[key.name] else {
                if let padded = Self.padded([key.name], names, file) { throw padded }
                throw WorkflowError.refused(
                    "\(file): there is no column for the entity key '\(key.name)' of view '\(view.name)'; its columns are "
                        + "\(CountText.names(names)). Name one with --map COLUMN=\(key.name)"
                        + (names.contains(where: Self.isRowLabel)
                            ? "; where it is the index of a pandas frame: df.rename_axis('\(key.name)').reset_index()"
                            : "")
                )
            }
            requests.append(ColumnRequest(sourceName: column, type: key.type.featureType))
        }
        let absent = definition.features.map(\.name).filter { columnOf[$0] == nil }
        // Before the event time is looked for: a misspelt feature would be one more candidate for it.
        guard absent.isEmpty || isAbsentNull else { throw Self.absence(absent, names, view.name, file) }
        let used = Set(columnOf.values)
        eventTimeColumn = try Self.eventTime(columns, used, rules, file)
        requests.append(ColumnRequest(sourceName: eventTimeColumn, type: .timestamp, rounding: .up))
        for (column, option) in [(rules.knownAt, "--known-at"), (rules.deleted, "--deleted")] {
            guard let column else { continue }
            guard names.contains(column) || format == .jsonLines else {
                throw WorkflowError.refused(
                    "\(file): there is no column '\(column)', which \(option) names\(Self.hint(for: column, names, option))"
                )
            }
        }
        if let column = rules.knownAt {
            requests.append(ColumnRequest(sourceName: column, type: .timestamp, absentIsNull: true, rounding: .up))
        }
        if let column = rules.deleted { requests.append(ColumnRequest(sourceName: column, type: .bool)) }
        hasKnownAt = rules.knownAt != nil
        hasDeleted = rules.deleted != nil
        var featureRequests: [Int?] = []
        for feature in definition.features {
            guard let column = columnOf[feature.name] else {
                featureRequests.append(nil)
                continue
            }
            featureRequests.append(requests.count)
            requests.append(
                ColumnRequest(
                    sourceName: column,
                    type: feature.type,
                    absentIsNull: isAbsentNull,
                    isPII: feature.isPII
                )
            )
        }
        self.featureRequests = featureRequests
        self.requests = requests
        guard !rules.ignoresExtra else { return }
        let asked = Set(requests.map(\.sourceName))
        let extra = names.filter { !asked.contains($0) }
        guard extra.isEmpty else {
            let named = CountText.names(extra) { "'\($0)'\(Name.hint(for: $0, among: absent))" }
            let labels = extra.first(where: Self.isRowLabel).map { name in
                "'\(name)' looks like row labels of pandas, which `to_csv(…, index=False)` and `to_parquet(…, index=False)` leave "
                    + "out (`reset_index` makes a column of labels that mean something); "
            }
            throw WorkflowError.refused(
                "\(file): view '\(view.name)' has no \(named); \(labels ?? "")leave such columns out with --ignore-extra, or name "
                    + "them with --map"
            )
        }
    }

    /// That names stand in the header with blanks around them; `nil` where none does.
    private static func padded(_ targets: [String], _ names: [String], _ file: String) -> WorkflowError? {
        let found = targets.compactMap { target in Name.padded(target, among: names).map { (target, $0) } }
        guard !found.isEmpty else { return nil }
        let columns = CountText.names(found.map { "'\($0.1)'" })
        return .refused(
            "\(file): the header has blanks around \(found.count == 1 ? "a name" : "names"): \(columns). Take them out of the "
                + "header, or say \(CountText.names(found.map { "--map '\($0.1)=\($0.0)'" }))"
        )
    }

    /// Of a column that an option names.
    private static func hint(for column: String, _ names: [String], _ option: String) -> String {
        guard let padded = Name.padded(column, among: names) else { return Name.hint(for: column, among: names) }
        return ": the header has blanks around it; say \(option) '\(padded)'"
    }

    private static func absence(
        _ features: [String],
        _ names: [String],
        _ view: String,
        _ file: String
    ) -> WorkflowError {
        Self.padded(features, names, file)
            ?? .refused(
                "\(file): there is no column for \(features.count == 1 ? "feature" : "features") "
                    + "\(CountText.names(features) { "'\($0)'" }) of view '\(view)'; its columns are "
                    + "\(CountText.names(names)). Name them with --map COLUMN=FEATURE, or store null with --missing null"
            )
    }

    /// The input's column for each key and feature that it has.
    private static func match(
        _ names: [String],
        _ targets: [String],
        _ format: FileFormat,
        _ rules: TableRules,
        _ view: String,
        _ file: String
    ) throws -> [String: String] {
        var columnOf: [String: String] = [:]
        for (column, target) in rules.mapped {
            guard targets.contains(target) else {
                throw WorkflowError.refused(
                    "--map \(column)=\(target): view '\(view)' has no '\(target)'\(Name.hint(for: target, among: targets))"
                )
            }
            guard names.contains(column) || format == .jsonLines else {
                throw WorkflowError.refused(
                    "--map \(column)=\(target): \(file) has no column '\(column)'\(Name.hint(for: column, among: names))"
                )
            }
            guard !columnOf.values.contains(column) else {
                throw WorkflowError.refused("--map: the column '\(column)' is named twice; a column fills one feature")
            }
            guard columnOf.updateValue(column, forKey: target) == nil else {
                throw WorkflowError.refused("--map: two columns are meant for '\(target)'")
            }
        }
        let mappedColumns = Set(columnOf.values)
        let known = Set(names)
        for target in targets where columnOf[target] == nil && !mappedColumns.contains(target) {
            if known.contains(target) || (format == .jsonLines && target != rules.eventTime) {
                columnOf[target] = target
            }
        }
        return columnOf
    }

    /// Whether a column is what pandas calls the index of a frame that has no name for it: in Parquet, in a CSV that was read and
    /// written again, and after `reset_index`.
    private static func isRowLabel(_ name: String) -> Bool {
        name.hasPrefix("__index_level_") || name.hasPrefix("Unnamed: ") || name == "index"
            || (name.hasPrefix("level_") && Int(name.dropFirst(6)) != nil)
    }

    /// The column of event times: the one that is named, or the only one that could be.
    private static func eventTime(
        _ columns: [SourceColumn],
        _ used: Set<String>,
        _ rules: TableRules,
        _ file: String
    ) throws -> String {
        let names = columns.map(\.name)
        if let column = rules.eventTime {
            guard !used.contains(column) else {
                throw WorkflowError.refused(
                    "--event-time \(column): that column is a key or feature of the view already"
                )
            }
            guard names.contains(column) else {
                throw WorkflowError.refused(
                    "\(file): there is no column '\(column)', which --event-time names\(Self.hint(for: column, names, "--event-time"))"
                )
            }
            return column
        }
        let free = columns.filter {
            !used.contains($0.name) && $0.name != rules.knownAt && $0.name != rules.deleted
                && !$0.name.hasPrefix("__index_level_")
        }
        if free.contains(where: { $0.name == Name.eventTimeColumn }) { return Name.eventTimeColumn }
        // Of typed columns those that are times, else those that mostly are, else those that may be read as times.
        let tiers: [[FeatureType?]] = [[.timestamp], [nil, .int64], [.string, .float64]]
        let candidates = tiers.lazy.map { types in free.filter { types.contains($0.type) } }.first { !$0.isEmpty } ?? []
        if candidates.count == 1 { return candidates[0].name }
        if candidates.isEmpty, used.contains(Name.eventTimeColumn) {
            throw WorkflowError.refused(
                "\(file): its column \(Name.eventTimeColumn) is the key or feature of that name, and no column "
                    + "is left for event times: give them a column of their own and say --event-time COLUMN"
            )
        }
        throw WorkflowError.refused(
            candidates.isEmpty
                ? "\(file): there is no column left for event times, when each row became true; its columns are "
                    + "\(CountText.names(names)). Name one with --event-time COLUMN, or write one"
                : "\(file): the event time could be any of \(CountText.names(candidates.map(\.name))); say --event-time COLUMN"
        )
    }

    /// The input's column that a feature is read from.
    func column(ofFeature name: String) -> String? {
        zip(view.definition.features, featureRequests).first { $0.0.name == name }?.1.map { requests[$0].sourceName }
    }

    /// Names and types of the columns that the input has, in the order of ``ViewRows``, for the checkpoint's digest.
    var digestColumns: [(name: String, type: FeatureType)] {
        var columns = view.storageKeys.map { (name: $0.name, type: $0.type.featureType) }
        columns.append((name: "_event_time", type: .timestamp))
        if hasKnownAt { columns.append((name: "_known_at", type: .timestamp)) }
        if hasDeleted { columns.append((name: "_deleted", type: .bool)) }
        for (request, feature) in zip(featureRequests, view.definition.features) where request != nil {
            columns.append((name: feature.name, type: feature.type))
        }
        return columns
    }

    /// A batch that was read by ``requests``, as rows of the view.
    func rows(_ batch: ColumnBatch) -> ViewRows {
        let keyCount = view.definition.keys.count
        var keys = Array(batch.columns[..<keyCount])
        if keys.isEmpty {
            keys = [Column(type: .int64, values: .int64(Array(repeating: 0, count: batch.rowCount)))]
        }
        var next = keyCount + 1
        var knownAt: Column?
        var deleted: Column?
        if hasKnownAt {
            knownAt = batch.columns[next]
            next += 1
        }
        if hasDeleted { deleted = batch.columns[next] }
        return ViewRows(
            keys: keys,
            eventTimes: batch.columns[keyCount],
            knownAt: knownAt,
            isDeleted: deleted,
            features: zip(featureRequests, view.definition.features).map { request, feature in
                request.map { batch.columns[$0] } ?? Column(nullsOf: feature.type, rowCount: batch.rowCount)
            }
        )
    }
}
