import Store

/// What memories of events are made by.
struct EventSources {
    /// `nil` where no memory of it is good any more.
    let old: Catalog?
    let registry: Registry
    let versions: [Registry.StoredService]
    /// Ids of views whose events must be loaded anew.
    let stale: Set<Int32>

    init(old: Catalog?, _ registry: Registry, _ versions: [Registry.StoredService], _ stale: Set<Int32>) {
        self.old = old
        self.registry = registry
        self.versions = versions
        self.stale = stale
    }
}

/// The events that windows need.
extension CatalogLoad {
    /// Gives views of events their memories: those of before where they are good, else empty ones, which the ``EventLoader``
    /// loads beside.
    func prepareEvents(_ served: inout [ServedView], _ sources: EventSources) {
        guard options.keepsEvents else { return }
        for (place, view) in served.enumerated() {
            let id = view.stored.id
            guard view.stored.eventFeature != nil, !view.isDenied, options.resident.contains(view.name) else {
                continue
            }
            let needed = NeededWindows(
                over: view.stored.with(retiredOf: view.layout),
                sources.registry,
                sources.versions
            )
            if let old = sources.old, let known = old.all[id], !sources.stale.contains(id),
                known.layout == view.layout, needed.areMet(by: known.events),
                Self.hasSameColumns(known.stored, view.stored, old, sources.registry)
            {
                served[place] = view.with(memory: view.memory, events: known.events)
            } else {
                served[place] = view.with(memory: view.memory, events: needed.memories())
            }
        }
    }
}

extension ServingOptions.Residency {
    func contains(_ view: String) -> Bool {
        switch self {
        case .all: true
        case .none: false
        case .views(let names): names.contains(view)
        }
    }
}
