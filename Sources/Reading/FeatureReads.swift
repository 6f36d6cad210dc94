import Features
package import Online
package import PointInTime
package import Serving
import Synchronization

/// What reads of features work with: where rows come from, and what was prepared for them.
package final class FeatureReads: Sendable {
    package let source: Source
    package let large: LargeReplies
    /// What reads that wait keep.
    package let memory: ReadMemory
    private let shared: Shared

    /// What reads have in common, whoever asks.
    private final class Shared: Sendable {
        let prepared = Mutex(Prepared())
        let derivedErrorCount = Atomic(0)
        let byAsker = Mutex<[String: FeatureReads]>([:])
    }

    package convenience init(_ source: Source) { self.init(source, LargeReplies.Sizes()) }

    init(_ source: Source, _ sizes: LargeReplies.Sizes, memory: ReadMemory = ReadMemory()) {
        self.source = source
        self.memory = memory
        large = LargeReplies(sizes)
        shared = Shared()
    }

    private init(_ source: Source, like other: FeatureReads) {
        self.source = source
        memory = other.memory
        large = other.large
        shared = other.shared
    }

    /// The same for one of those who take turns where PostgreSQL is asked.
    package func asked(by asker: String) -> FeatureReads {
        guard let of = source.of else { return self }
        return shared.byAsker.withLock { byAsker in
            if let known = byAsker[asker] { return known }
            // Users come and go.
            if byAsker.count >= ReadingLimits.askersMax { byAsker.removeAll() }
            let reads = FeatureReads(of(asker), like: self)
            byAsker[asker] = reads
            return reads
        }
    }

    /// Derived values that were null since PostgreSQL would raise an error.
    package var derivedErrors: Int { shared.derivedErrorCount.load(ordering: .relaxed) }

    func noteDerivedErrors(_ count: Int) { shared.derivedErrorCount.wrappingAdd(count, ordering: .relaxed) }

    /// Where rows come from: the server's ``Serving``, or a stand-in for it.
    package struct Source: Sendable {
        package var catalog: @Sendable () -> Catalog
        /// The position up to which everything has been applied.
        package var position: @Sendable () -> Int64
        /// As ``Serving/changeCount``.
        package var changeCount: @Sendable () -> UInt64?
        /// µs of PostgreSQL's clock.
        package var now: @Sendable () -> Int64
        package var whenReached:
            @Sendable (_ position: Int64, _ timeoutMs: Int, _ finish: @escaping @Sendable (Serving.Reached) -> Void)
                -> Void
        package var fetch:
            @Sendable (
                _ view: ServedView, _ keys: [Column],
                _ finish: @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
            ) -> Void
        /// For each entity its newest row of history up to a time, in the state that a position names.
        package var fetchHistory:
            @Sendable (
                _ view: ServedView, _ keys: [Column], _ time: Int64, _ position: Int64,
                _ finish: @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
            ) -> Void

        package init(
            catalog: @escaping @Sendable () -> Catalog,
            position: @escaping @Sendable () -> Int64,
            changeCount: @escaping @Sendable () -> UInt64? = { 0 },
            now: @escaping @Sendable () -> Int64,
            whenReached: @escaping @Sendable (Int64, Int, @escaping @Sendable (Serving.Reached) -> Void) -> Void,
            fetch:
                @escaping @Sendable (
                    ServedView, [Column], @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
                ) -> Void,
            fetchHistory:
                @escaping @Sendable (
                    ServedView, [Column], Int64, Int64,
                    @escaping @Sendable (Result<ViewMemory, ServingError>) -> Void
                ) -> Void = { $4(.failure(.unavailable(reason: "there is no history here"))) }
        ) {
            self.catalog = catalog
            self.position = position
            self.changeCount = changeCount
            self.now = now
            self.whenReached = whenReached
            self.fetch = fetch
            self.fetchHistory = fetchHistory
        }

        /// The same for one asker; `nil` = there are no turns.
        var of: (@Sendable (_ asker: String) -> Source)?

        package init(_ serving: Serving) {
            self.init(serving, of: "")
            of = { Source(serving, of: $0) }
        }

        private init(_ serving: Serving, of asker: String) {
            self.init(
                catalog: { serving.catalog },
                position: { serving.position },
                changeCount: { serving.changeCount },
                now: { serving.now() },
                whenReached: { serving.whenReached($0, timeoutMs: $1, finish: $2) },
                fetch: { serving.fetch($0, keys: $1, of: asker, finish: $2) },
                fetchHistory: { serving.fetch($0, keys: $1, at: $2, position: $3, of: asker, finish: $4) }
            )
        }
    }

    /// Plans of one catalog's views and services, made when they are first asked for.
    private struct Prepared {
        var catalog: Catalog?
        var views: [ObjectIdentifier: RowPlan] = [:]
        var services: [ObjectIdentifier: RowPlan] = [:]
        var selections: [Selection: RowPlan] = [:]

        mutating func use(_ other: Catalog) {
            if catalog === other { return }
            self = Prepared(catalog: other)
        }
    }

    private struct Selection: Hashable {
        let view: ObjectIdentifier
        let columns: [Int]
    }

    /// - Parameters:
    ///   - view: of `catalog`.
    ///   - columns: places in the view's layout; `nil` = all features of the view.
    package func plan(_ view: ServedView, columns: [Int]?, in catalog: Catalog) -> RowPlan {
        shared.prepared.withLock { prepared in
            prepared.use(catalog)
            guard let columns else {
                if let plan = prepared.views[ObjectIdentifier(view)] { return plan }
                let plan = RowPlan(view)
                prepared.views[ObjectIdentifier(view)] = plan
                return plan
            }
            let selection = Selection(view: ObjectIdentifier(view), columns: columns)
            if let plan = prepared.selections[selection] { return plan }
            if prepared.selections.count == ReadingLimits.selectionsMax { prepared.selections.removeAll() }
            let plan = RowPlan(view, columns: columns)
            prepared.selections[selection] = plan
            return plan
        }
    }

    /// - Parameter service: of `catalog`.
    package func plan(_ service: ServicePlan, in catalog: Catalog) -> RowPlan {
        shared.prepared.withLock { prepared in
            prepared.use(catalog)
            if let plan = prepared.services[ObjectIdentifier(service)] { return plan }
            let plan = RowPlan(service)
            prepared.services[ObjectIdentifier(service)] = plan
            return plan
        }
    }
}

extension RowPlan {
    /// Features of one view, named as they are there, by the rules that it has now.
    package convenience init(_ view: ServedView, columns: [Int]? = nil) {
        let columns = columns ?? view.layout.columns.indices.filter { !view.layout.columns[$0].isRetired }
        let asService = columns.map { place in
            let column = view.layout.columns[place]
            return ServiceColumn(
                view: view.name,
                keys: view.definition.identityMapping,
                feature: column.feature,
                type: column.type
            )
        }
        self.init(
            columns.map { (view.layout.columns[$0].feature, 0, view.layout, $0, 0) },
            ttls: [view.ttlUs],
            fingerprint: ServiceDefinition.schemaFingerprint(of: asService),
            rules: ServiceRules(view.definition)
        )
    }

    convenience init(_ service: ServicePlan) {
        var layouts = service.roles.map(\.view.layout)
        if let computed = service.computed { layouts.append(computed.layout) }
        self.init(
            service.columns.map { ($0.name, $0.role, layouts[$0.role], $0.source, $0.origin ?? $0.role) },
            ttls: service.roles.map(\.ttlUs),
            fingerprint: service.fingerprint,
            rules: service.rules
        )
    }
}
