package import Features
import Postgres

extension Registry {
    /// Puts a project's definitions in force, in one transaction that takes a position in the ledger.
    ///
    /// Nothing is removed unless `prunes` is set: what `file` lacks of its project is hidden, its data kept. What other
    /// projects have stays as it is.
    /// - Parameters:
    ///   - prunes: deletes what ``Pruning`` finds for good.
    ///   - planned: the ``version`` that somebody was shown the changes against; `nil` = nobody was.
    ///   - prepared: online tables of views that have none, by this session; others are made while writers wait.
    /// - Returns: the registry then, and the state that the change made; `nil` where nothing changed.
    /// - Throws: ``StoreError/refusedChange(_:)`` for what would need data to be rewritten; ``StoreError/stalePlan(version:)``
    ///   where another version than the planned one is in force, or what `file`
    ///   was resolved against is there no more.
    package static func apply(
        _ file: ProjectDefinitions,
        prunes: Bool = false,
        planned: Int64? = nil,
        _ session: Session,
        lockTimeoutMs: Int = Limits.applyLockTimeoutMs,
        prepared: [OnlineTableBuild] = []
    ) throws(StoreError) -> (Registry, LedgerState?) {
        let (_, state) = try putInForce(
            file,
            prunes: prunes,
            planned: planned,
            session,
            lockTimeoutMs: lockTimeoutMs,
            prepared: prepared
        )
        return (try load(session), state)
    }

    /// As the other one. An error says that nothing was applied, but for ``StoreError/uncertainCommit(_:)``.
    /// - Returns: the version that is in force then.
    package static func putInForce(
        _ file: ProjectDefinitions,
        prunes: Bool,
        planned: Int64?,
        _ session: Session,
        lockTimeoutMs: Int = Limits.applyLockTimeoutMs,
        prepared: [OnlineTableBuild]
    ) throws(StoreError) -> (version: Int64, LedgerState?) {
        var options = Connection.TransactionOptions.write
        options.lockTimeoutMs = lockTimeoutMs
        try session.begin(options)
        do throws(StoreError) {
            try session.lock(AdvisoryLock.definitions)
            let old = try load(session)
            if let planned, planned != old.version { throw StoreError.stalePlan(version: old.version) }
            var new = old.definitions(with: file)
            let pruning = prunes ? try Pruning(session, to: new, of: file.project, file.renames) : nil
            pruning?.release(&new)
            let applied = try AppliedDefinitions(old, session)
            let refused = applied.changes(to: file, pruning: pruning).filter { $0.severity == .refused }.map(\.line)
            guard refused.isEmpty else { throw StoreError.refusedChange(refused) }
            guard file.definitions.isResolved(in: new) else { throw StoreError.stalePlan(version: old.version) }
            let isSame = try JSONDocument.isSame(new, old.definitions)
            guard !isSame || pruning?.items.isEmpty == false else {
                session.connection.rollBack()
                return (old.version, nil)
            }
            let state = try old.put(
                new,
                isSame: isSame,
                of: file,
                pruning,
                applied.versions,
                prepared,
                session
            )
            return (isSame ? old.version : old.version + 1, state)
        } catch {
            session.connection.rollBack()
            if case .database(let cause) = error, cause.isRetryable {
                throw .conflict(
                    """
                    nothing was applied: a view that changes is in use, by an ingest or a long query, and did not become \
                    free within \(lockTimeoutMs) ms (\(cause.message)); run the command again
                    """
                )
            }
            throw error
        }
    }

    /// What would be in force after applying `file`.
    package func definitions(with file: ProjectDefinitions) -> Definitions {
        file.merged(into: definitions, retired: retired)
    }

    /// - Parameter isSame: whether `new` is what is in force, to the byte: then there is only something to prune.
    private func put(
        _ new: Definitions,
        isSame: Bool,
        of file: ProjectDefinitions,
        _ pruning: Pruning?,
        _ versions: ServiceVersions,
        _ prepared: [OnlineTableBuild],
        _ session: Session
    ) throws(StoreError) -> LedgerState {
        let next = version + 1
        let ledger = Ledger(session)
        let (batch, transactionID) = try ledger.takeBatch()
        var entries = [LedgerEntry(view: 0, kind: .definitions, rows: 0)]
        if let pruning, !pruning.items.isEmpty {
            // All at once, so that views are locked in their one order.
            for (view, _) in try StoredView.all(session) { try session.lock(AdvisoryLock.view(view.id)) }
            entries += try pruning.run(session, batch: batch)
        }
        var changed: Set<String> = []
        for view in new.views {
            if try !JSONDocument.isSame(view, definitions.view(named: view.name)) { changed.insert(view.name) }
        }
        for view in definitions.views where new.view(named: view.name) == nil { changed.insert(view.name) }
        let known = try session.query("SELECT id, name FROM asof.views ORDER BY id")
        var ids: [String: Int32] = [:]
        for row in 0..<known.count {
            guard let id = known.int32(row, 0), let name = known.text(row, 1) else { continue }
            ids[name] = id
            // Exclusive against writers: nobody writes into a view while its columns change.
            if changed.contains(name) { try session.lock(AdvisoryLock.view(id)) }
        }
        let inexact = try HistoryRewrite.all(session, to: new, file.renames).flatMap(\.refusals).map(\.line)
        guard inexact.isEmpty else { throw .refusedChange(inexact) }
        for view in new.views where changed.contains(view.name) && view.windows == nil {
            if let id = ids[view.name] {
                let stored = StoredView(id: id, shape: next, definition: view)
                try change(stored, file.renames, prepared.first { $0.viewID == id }, session)
            } else {
                try create(view, shape: next, session)
            }
        }
        for view in definitions.views where new.view(named: view.name) == nil {
            try session.query(
                "UPDATE asof.views SET retired_at = clock_timestamp() WHERE name = $1",
                [.text(view.name)]
            )
        }
        try putServices(new, version: next, versions, session)
        try StoreSchemas.giveToOwner(session)
        if !isSame {
            try session.query(
                "INSERT INTO asof.definitions (version, project, document) VALUES ($1, $2, $3)",
                [.int64(next), .text(file.project), .jsonb(try JSONDocument.encode(new))]
            )
        }
        return try ledger.commit(
            "version \(next) of the definitions",
            batch: batch,
            transactionID: transactionID,
            entries
        )
    }

    private func create(_ definition: ViewDefinition, shape: Int64, _ session: Session) throws(StoreError) {
        let rows = try session.query(
            "INSERT INTO asof.views (name, definition, shape, since) VALUES ($1, $2, $3, $3) RETURNING id",
            [.text(definition.name), .jsonb(try JSONDocument.encode(definition)), .int64(shape)]
        )
        guard let id = rows.int32(0, 0) else { throw .conflict("asof.views gave no id") }
        let view = StoredView(id: id, shape: shape, definition: definition)
        let event = view.eventFeature.map { "\(StoredView.eventColumn) \($0.type.sqlType) NOT NULL, " } ?? ""
        try session.execute(
            """
            CREATE TABLE \(view.historyTable) (
                \(view.keyColumns),
                _event_time timestamptz NOT NULL,
                _known_at timestamptz,
                _batch bigint NOT NULL,
                _deleted boolean NOT NULL DEFAULT false,
                \(event)\(view.featureColumns)
            ) PARTITION BY RANGE (_event_time);
            CREATE INDEX "_v\(id)_key" ON \(view.historyTable) (\(view.keyList()), \(view.historyOrder()), _batch DESC);
            CREATE INDEX "_v\(id)_batch" ON \(view.historyTable) (_batch);
            """
        )
        for feature in definition.features { try insert(feature, view, session) }
        if definition.isOnline { try view.createOnline(session) }
    }

    private func insert(_ feature: FeatureDefinition, _ view: StoredView, _ session: Session) throws(StoreError) {
        try session.query(
            "INSERT INTO asof.features (view, name, type, since) VALUES ($1, $2, $3, $4)",
            [.int32(view.id), .text(feature.name), .text(feature.type.text), .int64(view.shape)]
        )
    }

    /// From here on no release writes that left the values of hidden features alone, under newer rows.
    private static let firstSchemaOfHiddenNulls: Int32 = 13

    /// Adds, hides, shows, renames and widens columns of a view that exists; makes or drops its online table.
    private func change(
        _ view: StoredView,
        _ renames: [FeatureRename],
        _ prepared: OnlineTableBuild?,
        _ session: Session
    ) throws(StoreError) {
        var hasOnline = try view.hasOnlineTable(session)
        // It has the columns that the view had until now.
        if !hasOnline, view.definition.isOnline, var prepared { hasOnline = try prepared.place() }
        var types: [String: FeatureType] = [:]
        let known = try session.query("SELECT name, type FROM asof.features WHERE view = $1", [.int32(view.id)])
        for row in 0..<known.count {
            types[known.text(row, 0) ?? ""] = known.text(row, 1).flatMap(FeatureType.init(text:))
        }
        try view.alterFeatures(types, renames, hasOnline: hasOnline, session)
        let rows = try session.query(
            """
            SELECT name, retired_at IS NOT NULL, coalesce(retired_at <= (SELECT applied_at FROM asof.migrations WHERE number = $2), false)
            FROM asof.features WHERE view = $1
            """,
            [.int32(view.id), .int32(Self.firstSchemaOfHiddenNulls)]
        )
        var isRetired: [String: Bool] = [:]
        var wasLeftAlone: Set<String> = []
        for row in 0..<rows.count {
            guard let name = rows.text(row, 0) else { continue }
            isRetired[name] = rows.bool(row, 1)
            if rows.bool(row, 2) == true { wasLeftAlone.insert(name) }
        }
        // Online values of a hidden feature are those of history: whoever writes sets NULL where a newer row has none.
        var returned: [String] = []
        let added = view.definition.features.count { isRetired[$0.name] == nil }
        if added > 0 { try view.refuseColumns(added, session) }
        for feature in view.definition.features {
            guard let retired = isRetired[feature.name] else {
                let column = "\(SQLText.identifier(feature.name)) \(feature.type.sqlType)"
                try session.execute("ALTER TABLE \(view.historyTable) ADD COLUMN \(column)")
                if hasOnline { try session.execute("ALTER TABLE \(view.onlineTable) ADD COLUMN \(column)") }
                try insert(feature, view, session)
                continue
            }
            if retired {
                if wasLeftAlone.contains(feature.name) { returned.append(feature.name) }
                try session.query(
                    "UPDATE asof.features SET retired_at = NULL WHERE view = $1 AND name = $2",
                    [.int32(view.id), .text(feature.name)]
                )
            }
        }
        for (name, retired) in isRetired where !retired && view.definition.feature(named: name) == nil {
            try session.query(
                "UPDATE asof.features SET retired_at = clock_timestamp() WHERE view = $1 AND name = $2",
                [.int32(view.id), .text(name)]
            )
        }
        try session.query(
            "UPDATE asof.views SET shape = $2, definition = $3, retired_at = NULL WHERE id = $1",
            [.int32(view.id), .int64(view.shape), .jsonb(try JSONDocument.encode(view.definition))]
        )
        if hasOnline && !view.definition.isOnline { try session.execute("DROP TABLE \(view.onlineTable)") }
        if !hasOnline && view.definition.isOnline {
            try view.createOnline(session)
            try StoredView.whole(view.name, session).fillOnline(session)
        } else if hasOnline, !returned.isEmpty {
            try view.refreshOnline(returned, session)
        }
    }

    /// Gives each service that is not what it was a version: a new one, or the one that it had when it was so before.
    private func putServices(
        _ new: Definitions,
        version next: Int64,
        _ versions: ServiceVersions,
        _ session: Session
    ) throws(StoreError) {
        for service in new.services {
            let rules = new.rules(of: service)
            let old = definitions.service(named: service.name)
            if let old, old.answersLike(service), definitions.rules(of: old) == rules { continue }
            let (number, isNew) = versions.number(of: service, rules: rules)
            if isNew {
                try session.query(
                    """
                    INSERT INTO asof.services
                        (name, version, fingerprint, definition, definitions_version, roles, rules, current_from)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $5)
                    """,
                    [
                        .text(service.name), .int32(Int32(number)), .text(service.fingerprint),
                        .jsonb(try JSONDocument.encode(service)), .int64(next),
                        .jsonb(try JSONDocument.encode(rules)), .text(rules.fingerprint),
                    ]
                )
            } else if old == nil || services.first(where: { $0.definition.name == service.name })?.version != number {
                try session.query(
                    "UPDATE asof.services SET current_from = $3 WHERE name = $1 AND version = $2",
                    [.text(service.name), .int32(Int32(number)), .int64(next)]
                )
            }
        }
    }
}

extension StoredView {
    var keyColumns: String {
        storageKeys.map { key in
            "\(SQLText.identifier(key.name)) \(key.type.featureType.sqlType) NOT NULL"
        }.joined(separator: ", ")
    }

    var featureColumns: String {
        definition.features.map { "\(SQLText.identifier($0.name)) \($0.type.sqlType)" }.joined(separator: ", ")
    }

    /// Free space in each page lets an update stay in its page, without a new index entry. Hidden features have their
    /// columns, too, so that they can be shown again. The index has a name of ours: PostgreSQL's choice, `view_pkey`, may
    /// be another view's.
    func createOnline(_ session: Session) throws(StoreError) {
        try session.execute(onlineTableStatement(onlineTable, key: "_v\(id)_key"))
        let hidden = try session.query(
            "SELECT name, type FROM asof.features WHERE view = $1 AND retired_at IS NOT NULL",
            [.int32(id)]
        )
        for row in 0..<hidden.count {
            guard let name = hidden.text(row, 0), let type = hidden.text(row, 1).flatMap(FeatureType.init(text:)) else {
                continue
            }
            try session.execute("ALTER TABLE \(onlineTable) ADD COLUMN \(SQLText.identifier(name)) \(type.sqlType)")
        }
    }

    /// SQL: makes a table as the view's online table is.
    /// - Parameter key: the name of its index.
    func onlineTableStatement(_ table: String, key: String) -> String {
        """
        CREATE TABLE \(table) (
            \(keyColumns),
            _event_time timestamptz NOT NULL,
            _deleted boolean NOT NULL,
            \(featureColumns),
            CONSTRAINT "\(key)" PRIMARY KEY (\(keyList()))
        ) WITH (fillfactor = 70)
        """
    }

    /// SQL: the latest row of each entity, by the rule: greatest event time, then greatest position; of an event view the
    /// newest event in force or, where none is, the newest that was deleted.
    package var latestQuery: String {
        latestQuery(tieOrder: "(SELECT position FROM asof.batches b WHERE b.batch = h._batch LIMIT 1) DESC")
    }

    /// - Parameters:
    ///   - tieOrder: see ``tieOrder(_:_:)``, for alias `h`.
    ///   - among: conditions on the rows that count, of the alias that it is given.
    func latestQuery(tieOrder: String, among: (String) -> [String] = { _ in [] }) -> String {
        let head = """
            SELECT DISTINCT ON (\(keyList("h"))) \(keyList("h")), h._event_time, h._deleted, \(featureList("h"))
            FROM \(historyTable) h
            """
        if eventFeature != nil {
            let conditions = among("h") + [isLastVersion("h", among: among)]
            return """
                \(head) WHERE \(conditions.joined(separator: " AND "))
                ORDER BY \(keyList("h")), h._deleted, \(historyOrder("h"))
                """
        }
        let conditions = among("h")
        return """
            \(head)\(conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))")
            ORDER BY \(keyList("h")), h._event_time DESC, \(tieOrder)
            """
    }

    /// Takes features from history again that were hidden while releases wrote that let them keep their values under newer rows.
    func refreshOnline(_ features: [String], _ session: Session) throws(StoreError) {
        let names = features.map(SQLText.identifier)
        let changes = names.map { "o.\($0) IS DISTINCT FROM h.\($0)" }.joined(separator: " OR ")
        try session.execute(
            """
            UPDATE \(onlineTable) o SET \(names.map { "\($0) = h.\($0)" }.joined(separator: ", "))
            FROM (\(latestQuery)) h WHERE \(keysEqual("o", "h")) AND (\(changes))
            """
        )
    }

    /// Fills an empty online table from history, with the features that the view is said to have.
    func fillOnline(_ session: Session) throws(StoreError) {
        try session.execute(
            """
            INSERT INTO \(onlineTable) (\(onlineColumns))
            \(latestQuery(tieOrder: try tieOrder("h", session)))
            """
        )
    }
}
