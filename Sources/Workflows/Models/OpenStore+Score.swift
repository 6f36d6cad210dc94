import Columnar
import Features
import Models
import PointInTime
import Postgres
import Store
import Training
import TrainingSets

extension OpenStore {
    /// Asks a model about many entities and stores its answers in a view, a commit for some ten thousand.
    ///
    /// All rows are read at one position and as of one time, as a server would answer then. A run that was ended goes on
    /// where it was when it is asked for the same model, view, time and position.
    /// - Throws: ``WorkflowError``, `ModelsError`, or as a training set's join or an ingest; what is committed stays.
    package func score(_ request: ScoreRequest, event: (ScoreEvent) -> Void = { _ in }) throws -> ScoreResult {
        try control.run {
            let (model, fallback) = try answering(request.model, at: request.position)
            let version = model.version
            let registry = try Registry.load(session)
            let view = try registry.view(named: request.view)
            try Self.check(view, version)
            let ledger = Ledger(session)
            let state = try request.position.map { try ledger.state(at: $0) } ?? ledger.head()
            let now = try session.query("SELECT pg_catalog.clock_timestamp()").timestamp(0, 0) ?? 0
            let time = request.time ?? Timestamp(microseconds: now)
            let plan = try registry.plan(naming: "\(version.service)@\(version.serviceVersion)", session).plan
            var source = try EntitySource(request, plan, view, state, time, session)
            let join = try servedJoin(plan, rows: source.columns, time: ScoredRows.time, state, count: source.count)
            event(
                .began(
                    model: version.model,
                    version: version.version,
                    time: time,
                    position: state.position,
                    entities: source.count
                )
            )
            let name = "score \(version.model)@\(version.version) at \(time.text) position \(state.position)"
            let ingestion = try Ingestion(
                session: session,
                source: SourceIdentity(name: name),
                form: .rows(of: view, columns: ScoredRows.columns(view)),
                options: IngestionOptions()
            )
            var result = ScoreResult(version: version.version, time: time, position: state.position)
            result.resumedAt = ingestion.resumesAt
            while let batch = try source.next(join.blockRows(rowBytes: 64)) {
                try control.check()
                let block = try join.joinBlock(batch.adding(time))
                let answers = Answers(
                    model,
                    fallback: fallback,
                    columns: Array(block.batch.columns.suffix(plan.columns.count)),
                    presence: plan.presence(block),
                    rowCount: batch.rowCount
                )
                let rows = ScoredRows.rows(batch, answers, view, version, time, state.position)
                try ingestion.append(ingestion.check(InputRows(rows, of: view)))
                result.rows += batch.rowCount
                result.fallbacks += answers.statuses.count { $0 == .fallback }
                event(.progress(rows: result.rows))
            }
            try join.finish()
            let summary = try ingestion.finish()
            result.state = summary.state
            result.warnings = summary.expectationWarnings
            return result
        }
    }

    private static func check(_ view: StoredView, _ version: ModelVersion) throws {
        guard version.signature.outputs == 1 else {
            throw WorkflowError.refused(
                "\(version.model) answers with \(version.signature.outputs) classes; a view keeps one score an entity"
            )
        }
        if let model = view.definition.scoresOf, model != version.model {
            throw WorkflowError.refused("view '\(view.name)' keeps the scores of \(model), not of \(version.model)")
        }
        for feature in ScoreFeatures.all where view.definition.feature(named: feature.name)?.type != feature.type {
            throw WorkflowError.refused(
                "view '\(view.name)' has no \(feature.name) \(feature.type.text); declare it as "
                    + "\(view.name): { entities: […], scores: { model: \(version.model) }, ttl: 2d }"
            )
        }
    }
}

extension ColumnBatch {
    /// The same with the time of the run in each row.
    fileprivate func adding(_ time: Timestamp) -> ColumnBatch {
        let times = [Int64](repeating: time.microseconds, count: rowCount)
        return ColumnBatch(
            names: names + [ScoredRows.time],
            columns: columns + [Column(type: .timestamp, values: .int64(times))],
            rowCount: rowCount
        )
    }
}

/// Answers as rows of a view.
private enum ScoredRows {
    /// The spine's column of the run's time; no name of anybody's begins so.
    static let time = "_score_time"

    static func columns(_ view: StoredView) -> [(name: String, type: FeatureType)] {
        view.storageKeys.map { ($0.name, $0.type.featureType) } + [("_event_time", .timestamp)]
            + view.definition.features.map { ($0.name, $0.type) }
    }

    static func rows(
        _ batch: ColumnBatch,
        _ answers: Answers,
        _ view: StoredView,
        _ version: ModelVersion,
        _ time: Timestamp,
        _ position: Int64
    ) -> ViewRows {
        let count = batch.rowCount
        func same(_ value: Int64, _ type: FeatureType) -> Column {
            Column(type: type, values: .int64(Array(repeating: value, count: count)))
        }
        let features = view.definition.features.map { feature in
            switch feature.name {
            case ScoreFeatures.score.name:
                let known = answers.values.map { $0 != nil }
                return Column(
                    type: .float32,
                    validity: known.contains(false) ? known : nil,
                    values: .float32(answers.values.map { $0 ?? 0 })
                )
            case ScoreFeatures.version.name: return same(Int64(version.version), .int64)
            case ScoreFeatures.position.name: return same(position, .int64)
            default: return Column(nullsOf: feature.type, rowCount: count)
            }
        }
        let keys = view.definition.keys.compactMap { batch[$0.name] }
        return ViewRows(
            keys: keys.isEmpty ? [same(0, .int64)] : keys,
            eventTimes: same(time.microseconds, .timestamp),
            features: features
        )
    }
}

/// Whom a model is asked about: rows of a file, or entities that the store knows.
private struct EntitySource {
    /// Keys and request fields, without the time.
    let columns: [ColumnSchema]
    /// `nil` = the file does not tell.
    let count: Int?
    private var known: ColumnBatch?
    private var given = 0
    private var blocks: SpineBlocks?

    init(
        _ request: ScoreRequest,
        _ plan: FeaturePlan,
        _ view: StoredView,
        _ state: LedgerState,
        _ time: Timestamp,
        _ session: Session
    ) throws {
        let keys = try plan.requestKeys()
        var needed = keys.map { ColumnSchema(name: $0.name, type: $0.type.featureType) }
        for field in plan.requestFields where !needed.contains(where: { $0.name == field.name }) {
            needed.append(ColumnSchema(name: field.name, type: field.type))
        }
        for key in view.definition.keys where !needed.contains(where: { $0.name == key.name }) {
            needed.append(ColumnSchema(name: key.name, type: key.type.featureType))
        }
        columns = needed
        if let spine = request.spine {
            let reader = try TableReader(
                path: spine,
                format: try FileFormat(inputPath: spine, option: "an ending: \(FileFormat.spellings)"),
                options: Self.options
            )
            try reader.select(needed.map { ColumnRequest(sourceName: $0.name, type: $0.type) })
            let blocks = try SpineBlocks(reader)
            count = blocks.rowCount
            self.blocks = blocks
            return
        }
        let own = view.definition.keys
        guard Set(needed.map(\.name)) == Set(own.map(\.name)) else {
            let others = needed.map(\.name).filter { name in !own.contains { $0.name == name } }
            throw WorkflowError.refused(
                "the model needs more than view '\(view.name)' has keys: \(others.joined(separator: ", ")); "
                    + "give the rows by --spine FILE"
            )
        }
        if own.isEmpty {
            count = 1
            known = ColumnBatch(names: [], columns: [], rowCount: 1)
            return
        }
        let entities = try Self.entities(of: plan, own, state, time, session)
        // In the order of the spine's columns.
        known = ColumnBatch(
            names: needed.map(\.name),
            columns: needed.compactMap { entities[$0.name] },
            rowCount: entities.rowCount
        )
        count = entities.rowCount
    }

    /// Columns of the file that nobody asks for are passed over.
    private static var options: InputOptions {
        var options = InputOptions()
        options.isExtraIgnored = true
        options.leftOut = .others
        return options
    }

    /// The keys that a view of the service has rows of, up to a time in a state.
    private static func entities(
        of plan: FeaturePlan,
        _ keys: [KeyColumn],
        _ state: LedgerState,
        _ time: Timestamp,
        _ session: Session
    ) throws -> ColumnBatch {
        let pinned = try Ledger(session).pin(state)
        var queries: [String] = []
        for role in plan.roles where Set(role.keyColumns) == Set(keys.map(\.name)) {
            let events = role.windows?.events ?? role.view
            let columns = keys.compactMap { key in
                role.keyColumns.firstIndex(of: key.name).map {
                    "h.\(SQLText.identifier(events.storageKeys[$0].name))"
                }
            }
            let query = """
                SELECT \(columns.joined(separator: ", ")) FROM \(events.historyTable) h
                WHERE \(pinned.condition("h")) AND h._event_time <= '\(time.text)'::timestamptz
                """
            if !queries.contains(query) { queries.append(query) }
        }
        guard !queries.isEmpty else {
            let names = keys.map(\.name).joined(separator: ", ")
            throw WorkflowError.refused(
                "no view of the model's service has the keys \(names); give the rows by --spine FILE"
            )
        }
        // Each entity once, in an order that a later run finds again.
        let order = keys.indices.map { "\($0 + 1)" }.joined(separator: ", ")
        let rows = try session.transaction(.read) { () throws(StoreError) in
            let copy = try CopyOut(
                session,
                query: queries.joined(separator: " UNION ") + (queries.count == 1 ? " GROUP BY \(order)" : "")
                    + " ORDER BY \(order)",
                types: keys.map(\.type.featureType)
            )
            var columns = keys.map { Column(emptyOf: $0.type.featureType) }
            while let more = try copy.next(rowsMax: 65_536) {
                for index in columns.indices { columns[index].append(more[index]) }
            }
            return columns
        }
        return ColumnBatch(names: keys.map(\.name), columns: rows, rowCount: rows[0].rowCount)
    }

    mutating func next(_ rows: Int) throws -> ColumnBatch? {
        if let known {
            guard given < known.rowCount else { return nil }
            let range = given..<min(known.rowCount, given + rows)
            given = range.upperBound
            return known.slice(range)
        }
        return try blocks?.next(rows)
    }
}
