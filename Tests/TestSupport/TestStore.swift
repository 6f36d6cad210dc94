package import Features
package import Operations
package import PointInTime
package import Store
package import TrainingSets

/// One row of a view's history, boxed, as tests write it.
package struct HistoryRow: Sendable, Hashable {
    package var keys: [Value]
    /// µs since 1970-01-01 UTC.
    package var eventTime: Int64
    package var knownAt: Int64?
    package var isDeleted: Bool
    package var features: [Value]

    package init(
        _ keys: [Value],
        at eventTime: Int64,
        knownAt: Int64? = nil,
        isDeleted: Bool = false,
        _ features: [Value]
    ) {
        self.keys = keys
        self.eventTime = eventTime
        self.knownAt = knownAt
        self.isDeleted = isDeleted
        self.features = features
    }
}

/// A store in a database of its own on the shared throw-away cluster.
package final class TestStore {
    package let conninfo: String
    package let session: Session
    package private(set) var registry: Registry

    /// - Parameters:
    ///   - yaml: definitions to apply.
    ///   - cluster: `nil` = the one that all tests share.
    package init(
        _ yaml: String,
        collation: ThrowawayCluster.Collation = .bytewise,
        cluster: ThrowawayCluster? = nil
    ) throws {
        let cluster = try cluster ?? ThrowawayCluster.shared()
        conninfo = try cluster.database(collation)
        session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        registry = try Registry.load(session)
        try apply(yaml)
    }

    package func apply(_ yaml: String) throws { try apply(try Definitions.parseWithExpressions(yaml: yaml)) }

    package func apply(_ definitions: Definitions) throws { registry = try Registry.apply(definitions, session).0 }

    /// Applies a file as `asof apply` does, with what it says that features were called.
    package func applyFile(_ yaml: String, prunes: Bool = false) throws {
        let text = try DefinitionsText(yaml: yaml, file: "features.yaml", from: MemoryFiles([:]))
        let file = try text.resolved(against: registry.definitions)
        registry = try Registry.apply(file, prunes: prunes, session).0
    }

    package func view(_ name: String) throws -> StoredView { try registry.view(named: name) }

    /// Forgets an entity's key, as `asof forget` does.
    package func forget(_ entity: String, _ key: String) throws {
        _ = try Forgetting(session, entity: entity, key: key, registry.definitions).run()
    }

    package func head() throws -> LedgerState { try Ledger(session).head() }

    /// The rows as columns, in ``ViewRows`` form.
    package static func viewRows(_ rows: [HistoryRow], _ view: StoredView) -> ViewRows {
        let hasKnownAt = rows.contains { $0.knownAt != nil }
        let hasDeleted = rows.contains { $0.isDeleted }
        let keys = view.storageKeys.enumerated().map { index, key in
            Column(
                type: key.type.featureType,
                rows.map { view.definition.keys.isEmpty ? .int64(0) : $0.keys[index] }
            )
        }
        return ViewRows(
            keys: keys,
            eventTimes: Column(type: .timestamp, values: .int64(rows.map(\.eventTime))),
            knownAt: hasKnownAt
                ? Column(
                    type: .timestamp,
                    rows.map { $0.knownAt.map { .timestamp(Timestamp(microseconds: $0)) } ?? .null }
                ) : nil,
            isDeleted: hasDeleted ? Column(type: .bool, rows.map { .bool($0.isDeleted) }) : nil,
            features: view.definition.features.enumerated().map { index, feature in
                Column(type: feature.type, rows.map { $0.features[index] })
            }
        )
    }

    /// Ingests rows, as `asof ingest` does.
    @discardableResult
    package func ingest(
        _ name: String,
        _ rows: [HistoryRow],
        source: String? = nil,
        options: IngestionOptions = IngestionOptions(),
        session other: Session? = nil
    ) throws -> IngestionSummary {
        let view = try view(name)
        let columns = Self.viewRows(rows, view)
        let ingestion = try Self.ingestion(view, like: columns, other ?? session, source: source, options: options)
        if !rows.isEmpty { try ingestion.append(columns) }
        return try ingestion.finish()
    }

    /// An ingest that has not had any rows yet; for threads with sessions of their own.
    ///
    /// - Parameters:
    ///   - rows: which of the columns that may be absent the rows will have.
    ///   - absent: features that the source does not have.
    package static func ingestion(
        _ view: StoredView,
        like rows: ViewRows,
        _ session: Session,
        source: String? = nil,
        absent: Set<String> = [],
        options: IngestionOptions = IngestionOptions()
    ) throws -> Ingestion {
        var names: [(name: String, type: FeatureType)] = view.storageKeys.map { ($0.name, $0.type.featureType) }
        names.append(("_event_time", .timestamp))
        if rows.knownAt != nil { names.append(("_known_at", .timestamp)) }
        if rows.isDeleted != nil { names.append(("_deleted", .bool)) }
        names += view.definition.features.filter { !absent.contains($0.name) }.map { ($0.name, $0.type) }
        return try Ingestion(
            session: session,
            source: source.map { SourceIdentity(name: $0) },
            form: .rows(of: view, columns: names),
            options: options
        )
    }

    /// A finished point-in-time join.
    package struct Exported {
        package let batch: ColumnBatch
        package let counts: [JoinCounts]
        package let digest: String
        package let join: TrainingSetJoin
        /// One row's features.
        package func features(_ row: Int, of count: Int) -> [Value] {
            batch.columns.suffix(count).map { $0.value(row) }
        }
    }

    /// Exports the features that `text` selects for a spine.
    ///
    /// - Parameter blockRows: rows of the spine that are joined at a time.
    package func export(
        _ text: String,
        spine: ColumnBatch,
        labelTime: String,
        positionColumn: String? = nil,
        state: LedgerState? = nil,
        options: JoinOptions = JoinOptions(),
        isServed: Bool = false,
        atColumn: String? = nil,
        sessions: [Session]? = nil,
        engine: EngineRequest = EngineRequest(.probe),
        blockRows: Int = .max
    ) throws -> Exported {
        let spec = try spec(
            text,
            spine: spine,
            labelTime: labelTime,
            positionColumn: positionColumn,
            state: state,
            options: options,
            isServed: isServed,
            atColumn: atColumn
        )
        let join = try TrainingSetJoin(spec, sessions: sessions ?? [session], engine: engine)
        var batch = try join.join(spine.slice(0..<min(blockRows, spine.rowCount)))
        while batch.rowCount < spine.rowCount {
            let end = batch.rowCount + min(blockRows, spine.rowCount - batch.rowCount)
            batch.append(try join.join(spine.slice(batch.rowCount..<end)))
        }
        try join.finish()
        return Exported(batch: batch, counts: join.counts, digest: join.contentDigest.text, join: join)
    }

    /// What a training set is made of.
    package func spec(
        _ text: String,
        spine: ColumnBatch,
        labelTime: String,
        positionColumn: String? = nil,
        state: LedgerState? = nil,
        options: JoinOptions = JoinOptions(),
        isServed: Bool = false,
        atColumn: String? = nil
    ) throws -> TrainingSetSpec {
        try TrainingSetSpec(
            plan: try registry.plan(for: try FeatureSelection(text: text), session).plan,
            labelTime: labelTime,
            positionColumn: positionColumn,
            spine: zip(spine.names, spine.columns).map { ColumnSchema(name: $0, type: $1.type) },
            state: try state ?? head(),
            options: options,
            isServed: isServed,
            atColumn: atColumn
        )
    }

    /// The properties of `asof check` that do not hold.
    package func violations() throws -> [StoreCheck.Finding] {
        try StoreCheck(session).run(registry.views).filter { $0.violations != 0 }
    }
}

extension Ingestion {
    /// Checks and takes the next rows of an input of one view.
    package func append(_ rows: ViewRows) throws(StoreError) {
        guard let view = form.view else { preconditionFailure("only an input of one view has rows without it") }
        try append(check(InputRows(rows, of: view)))
    }
}

extension ColumnBatch {
    /// Adds the rows of a batch of the same columns.
    package mutating func append(_ other: ColumnBatch) {
        for index in columns.indices { columns[index].append(other.columns[index]) }
        rowCount += other.rowCount
    }
}
