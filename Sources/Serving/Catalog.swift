import Features
package import Store

/// What a server serves: views with their memories, services with their plans, at one version of the definitions.
///
/// Never changes: a server publishes a new one when the definitions change, all at once. An event loop takes it once a
/// command, so that a reply is of one version.
package final class Catalog: Sendable {
    /// The definitions version.
    package let version: Int64
    package let registry: Registry
    /// In force, by name.
    package let views: [ServedView]
    /// The version in force of each service that can be answered, by name.
    package let services: [ServicePlan]
    /// Views in force and hidden ones that old versions of services still ask, by id.
    let all: [Int32: ServedView]
    /// Every version of every service that was ever applied.
    let versions: [Registry.StoredService]

    /// The models that answer, with what their names stand for.
    package let models: ModelShelf

    /// Of views that the server's role may not read, and of windows over their events, by name: the view whose tables it is.
    package let denied: [String: String]
    private let viewsByName: NameTable<ServedView>
    /// Window views in force that can be computed, by name.
    package let windowViews: [ServedView]
    /// The same.
    private let windowsByName: NameTable<ServedView>
    private let plansByName: NameTable<Result<ServicePlan, StoreError>>

    /// - Parameters:
    ///   - views: see ``all``.
    ///   - versions: every version of every service that was ever applied.
    init(
        _ registry: Registry,
        views: [ServedView],
        versions: [Registry.StoredService],
        models: ModelShelf = .empty
    ) {
        self.models = models
        version = registry.version
        self.registry = registry
        self.versions = versions
        all = Dictionary(views.map { ($0.stored.id, $0) }) { first, _ in first }
        self.views = views.filter { !$0.isRetired && !$0.isDenied }.sorted { $0.name < $1.name }
        viewsByName = NameTable(self.views.map { ($0.name, $0) })
        let byName = Dictionary(views.filter { !$0.isDenied }.map { ($0.name, $0) }) { first, _ in first }
        let denied = Self.denied(views, registry.definitions)
        self.denied = denied
        windowViews = registry.definitions.views.compactMap { definition in
            guard let windows = definition.windows, let events = byName[windows.of] else { return nil }
            let columns = definition.features.map { definition.column($0, keys: definition.identityMapping) }
            return try? ServedView(windowsOf: events, columns, definition.rules)
        }.sorted { $0.name < $1.name }
        windowsByName = NameTable(windowViews.map { ($0.name, $0) })
        var plans: [(name: String, value: Result<ServicePlan, StoreError>)] = []
        var current: [ServicePlan] = []
        for service in versions {
            let plan = Self.plan(service, byName, denied)
            plans.append(("\(service.definition.name)@\(service.version)", plan))
            guard registry.service(named: service.definition.name)?.version == service.version else { continue }
            plans.append((service.definition.name, plan))
            if case .success(let plan) = plan { current.append(plan) }
        }
        plansByName = NameTable(plans)
        services = current.sorted { $0.name < $1.name }
    }

    private static func plan(
        _ service: Registry.StoredService,
        _ views: [String: ServedView],
        _ denied: [String: String]
    ) -> Result<ServicePlan, StoreError> {
        do throws(StoreError) {
            return .success(
                try ServicePlan(service) { name throws(StoreError) in
                    if let view = views[name] { return view }
                    if let view = denied[name] { throw .deniedView(view) }
                    throw .unknownView(name: name, hint: "; it was pruned")
                }
            )
        } catch {
            return .failure(error)
        }
    }

    /// - Returns: a view in force.
    package func view(named name: Span<UInt8>) -> ServedView? { viewsByName[name] }

    /// - Returns: a view in force, or one of windows over another's events.
    package func readableView(named name: Span<UInt8>) -> ServedView? { viewsByName[name] ?? windowsByName[name] }

    /// - Throws: ``StoreError/unknownView(name:hint:)``, which names no other view: whoever asked may not know of all.
    package func view(named name: String) throws(StoreError) -> ServedView {
        if let view = viewsByName[name] { return view }
        if let view = denied[name] { throw .deniedView(view) }
        throw .unknownView(name: name, hint: registry.absence(ofView: name) ?? "")
    }

    private static func denied(_ views: [ServedView], _ definitions: Definitions) -> [String: String] {
        var denied: [String: String] = [:]
        for view in views where view.isDenied { denied[view.name] = view.name }
        for view in definitions.views {
            if let of = view.windows?.of, denied[of] != nil { denied[view.name] = of }
        }
        return denied
    }

    /// A service's plan: `name` for the version in force, `name@version` for any.
    ///
    /// - Throws: ``StoreError/unknownService(name:hint:)``, which names no other service; what ``ServicePlan`` throws for a version that cannot be
    ///   answered any more.
    package func service(named name: Span<UInt8>) throws(StoreError) -> ServicePlan {
        if let plan = plansByName[name] { return try plan.get() }
        let text = name.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        let known = registry.definitions.services.map(\.name)
        if let at = text.firstIndex(of: "@"), known.contains(String(text[..<at])) {
            let newest = versions.filter { $0.definition.name == text[..<at] }.map(\.version).max() ?? 0
            throw .unknownService(name: text, hint: "; its newest version is \(newest)")
        }
        throw .unknownService(name: text, hint: registry.absence(ofService: text) ?? "")
    }
}

extension Catalog {
    /// Every version that a service ever had, the newest first.
    package func versions(ofService name: String) -> [Registry.StoredService] {
        versions.filter { $0.definition.name == name }.sorted { $0.version > $1.version }
    }

    /// Before the first load.
    static let empty = Catalog(.empty, views: [], versions: [])
}
