import Features
import Metrics
import Online
import Postgres
import Store

/// Makes the catalog of a state: memories that are still good are kept, the others loaded. Within the caller's
/// transaction, whose snapshot is the state.
struct CatalogLoad {
    let session: Session
    let options: ServingOptions
    let isStopped: @Sendable () -> Bool
    /// Told now and then how far the load is.
    let progress: @Sendable (ServingState.LoadProgress) -> Void

    struct Result {
        var catalog: Catalog
        let state: LedgerState
        /// Ids of views whose memory was kept: they lack what came since it was last applied to.
        var kept: Set<Int32> = []
        var loadedViews = 0
        var loadedRows = 0
        /// Definitions in force that cannot be read: the catalog is of those before.
        var newer: NewerDefinitions?
    }

    /// - Parameters:
    ///   - old: the catalog so far.
    ///   - isRestart: no memory of it is good any more.
    ///   - stale: ids of views whose memory must be made anew, whatever the definitions say.
    ///   - removed: ids of views of which rows of history went.
    ///   - written: ids of views that rows were written to since the catalog's state.
    ///   - evicted: ids of views that memory has no room for.
    func run(
        replacing old: Catalog,
        isRestart: Bool,
        stale: Set<Int32>,
        removed: Set<Int32> = [],
        written: Set<Int32> = [],
        evicted: inout Set<Int32>
    ) throws(StoreError) -> Result {
        let state = try Ledger(session).head()
        let known = try KnownDefinitions(session, servedSoFar: old)
        let (registry, versions) = (known.registry, known.versions)
        let wanted =
            try known.newer == nil
            ? views(registry, versions)
            : old.all.values.map { WantedView(stored: $0.stored, layout: $0.layout, isRetired: $0.isRetired) }
        var result = Result(catalog: .empty, state: state, newer: known.newer)
        let denied = try DeniedViews.ids(of: wanted.map(\.stored), session)
        var served: [ServedView] = []
        var bytes = 0
        for view in wanted {
            guard !isRestart, let known = old.all[view.stored.id] else { continue }
            guard !known.isDenied, !denied.contains(view.stored.id), isGood(known, for: view, old, registry, stale),
                isResident(view, evicted) == (known.memory != nil)
            else { continue }
            result.kept.insert(view.stored.id)
            bytes += known.memory?.figures.bytes ?? 0
            served.append(view.served(memory: known.memory, known.counters, known.freshness))
        }
        var stand = ServingState.LoadProgress(viewsDone: result.kept.count, viewCount: wanted.count)
        for view in try smallestFirst(wanted.filter { !result.kept.contains($0.stored.id) }) {
            stand.view = view.stored.name
            progress(stand)
            defer { stand.viewsDone += 1 }
            var memory: ViewMemory?
            let isDenied = denied.contains(view.stored.id)
            let room = options.memoryBytesMax.map { $0 - bytes } ?? .max
            if !isDenied, isResident(view, evicted), !isRestart, let known = old.all[view.stored.id],
                !stale.contains(view.stored.id),
                let made = relaid(known, as: view, old, registry, isWritten: written.contains(view.stored.id)),
                made.figures.bytes <= room
            {
                result.kept.insert(view.stored.id)
                bytes += made.figures.bytes
                memory = made
            } else if !isDenied, isResident(view, evicted) {
                let made = ViewMemory(layout: view.layout)
                let load = OnlineLoad(
                    view.stored,
                    into: made,
                    position: state.position,
                    bytesMax: room,
                    isStopped: isStopped,
                    counted: { [stand, progress] rows in
                        var stand = stand
                        stand.rows = rows
                        progress(stand)
                    }
                )
                switch try load.run(session) {
                case .loaded(let rows):
                    result.loadedRows += rows
                    result.loadedViews += 1
                    bytes += made.figures.bytes
                    memory = made
                case .tooLarge:
                    evicted.insert(view.stored.id)
                    options.log(.notResident(view.stored.name, limit: options.memoryBytesMax ?? 0))
                }
            }
            let known = old.all[view.stored.id]
            let freshness = isRestart ? nil : known?.freshness
            served.append(
                view.served(
                    memory: memory,
                    known?.counters ?? ReadCounters(),
                    freshness ?? ViewFreshness(),
                    isDenied: isDenied
                )
            )
        }
        prepareEvents(
            &served,
            EventSources(old: isRestart ? nil : old, registry, versions, stale.union(removed))
        )
        let models =
            try known.newer == nil
            ? ModelShelf(session, replacing: old.models, registry.definitions) : old.models
        result.catalog = Catalog(registry, views: served, versions: versions, models: models)
        return result
    }

    /// A view that is to be served.
    private struct WantedView {
        let stored: StoredView
        let layout: RowLayout
        let isRetired: Bool

        func served(
            memory: ViewMemory?,
            _ counters: ReadCounters,
            _ freshness: ViewFreshness,
            isDenied: Bool = false
        ) -> ServedView {
            ServedView(
                stored,
                layout: layout,
                memory: memory,
                isRetired: isRetired,
                isDenied: isDenied,
                counters: counters,
                freshness: freshness
            )
        }
    }

    /// Views in force; hidden ones and hidden features as far as a version of a service asks for them.
    private func views(
        _ registry: Registry,
        _ versions: [Registry.StoredService]
    ) throws(StoreError) -> [WantedView] {
        var asked: [String: Set<String>] = [:]
        for column in versions.flatMap(\.definition.lookups) {
            if let window = column.window {
                asked[window.of, default: []].formUnion(window.words)
            } else {
                asked[column.view, default: []].insert(column.feature)
            }
        }
        var wanted: [WantedView] = []
        for (view, isRetired) in try StoredView.all(session) {
            // Versions ask by the names that features had then.
            let features = Set((asked[view.name] ?? []).map(view.former.resolved))
            if isRetired, features.isEmpty { continue }
            let hidden = registry.retired.features.filter { feature in
                feature.view == view.name && features.contains(feature.feature)
                    && view.definition.feature(named: feature.feature) == nil
            }
            let layout = RowLayout(
                keys: view.storageKeys,
                features: view.definition.features,
                retired: hidden.map { FeatureDefinition(name: $0.feature, type: $0.type, isPII: true) },
                isByPosition: view.eventFeature != nil
            )
            wanted.append(WantedView(stored: view, layout: layout, isRetired: isRetired))
        }
        return wanted
    }

    private func isResident(_ view: WantedView, _ evicted: Set<Int32>) -> Bool {
        view.stored.definition.isOnline && !evicted.contains(view.stored.id)
            && options.resident.contains(view.stored.name)
    }

    /// Whether a memory holds what the online table of the view does, but for commits since.
    ///
    /// A feature that was hidden and is back has its values from history, so a change of columns asks for a load. Where
    /// definitions were skipped, the columns may be the same again and the values are not; the shape tells.
    private func isGood(
        _ known: ServedView,
        for view: WantedView,
        _ old: Catalog,
        _ registry: Registry,
        _ stale: Set<Int32>
    ) -> Bool {
        guard !stale.contains(view.stored.id), known.layout == view.layout,
            known.isOnline == view.stored.definition.isOnline
        else { return false }
        return Self.hasSameColumns(known.stored, view.stored, old, registry)
    }

    static func hasSameColumns(_ known: StoredView, _ view: StoredView, _ old: Catalog, _ registry: Registry) -> Bool {
        registry.version <= old.version + 1 || known.shape == view.shape
    }

    /// The rows that memory has of a view, in its new columns, where these are the old ones but for some that went, or that
    /// are new and null in every row. Whoever writes the view waits as long as this takes, and not for a load.
    ///
    /// - Parameter isWritten: whether rows came since the catalog's state, which may have emptied a column that is retired now, or
    ///   not yet.
    /// - Returns: `nil` where PostgreSQL has to be asked.
    private func relaid(
        _ known: ServedView,
        as view: WantedView,
        _ old: Catalog,
        _ registry: Registry,
        isWritten: Bool
    ) -> ViewMemory? {
        guard let memory = known.memory, registry.version == old.version + 1, !known.isRetired, !view.isRetired,
            known.layout.keys == view.layout.keys, !known.layout.isByPosition, !view.layout.isByPosition,
            // Names lead to the same features only where none was renamed.
            known.stored.former == view.stored.former
        else { return nil }
        let hidden = Set(
            old.registry.retired.features.lazy.filter { $0.view == view.stored.name }.map(\.feature)
        )
        for column in view.layout.columns {
            guard let place = known.layout.column(of: column.feature) else {
                // A hidden feature that returns has values.
                guard !column.isRetired, !hidden.contains(column.feature) else { return nil }
                continue
            }
            let before = known.layout.columns[place]
            guard before.type == column.type, column.isRetired || !before.isRetired else { return nil }
            if column.isRetired, !before.isRetired, isWritten { return nil }
        }
        let made = ViewMemory(layout: view.layout)
        return made.takeRows(of: memory, while: { !isStopped() }) ? made : nil
    }

    /// So that the largest ones are those that do not fit.
    private func smallestFirst(_ views: [WantedView]) throws(StoreError) -> [WantedView] {
        guard options.memoryBytesMax != nil, views.count > 1 else { return views }
        let rows = try session.query(
            "SELECT coalesce(pg_table_size(to_regclass(t)), 0) FROM unnest($1) WITH ORDINALITY AS u (t, n) ORDER BY n",
            [.textArray(views.map(\.stored.onlineTable))]
        )
        let sizes = (0..<rows.count).map { rows.int64($0, 0) ?? 0 }
        return zip(views, sizes).sorted { $0.1 < $1.1 }.map(\.0)
    }
}

extension ServingEvent {
    static func notResident(_ view: String, limit: Int) -> ServingEvent {
        ServingEvent(
            level: .warning,
            message: """
                view '\(view)' does not fit the \(limit >> 20) MiB of --memory and is read from PostgreSQL: give more memory, or \
                choose views with --resident
                """
        )
    }
}
