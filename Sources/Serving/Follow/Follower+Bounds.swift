import Online
import Store

/// What memory has no room for goes.
extension Follower {
    /// Where views have outgrown the memory they may take, the largest one is read from PostgreSQL from now on.
    func evictIfNeeded() {
        let catalog = serving.catalog
        let taken = ResidentMemory(of: catalog)
        let room = taken.room(options)
        guard room.bytes < 0 || room.events < 0 else { return }
        // Windows are computed without, and latest values are read more often. What is being loaded is let go by who loads it.
        let events = catalog.all.values.flatMap { view in view.events.map { (view, $0, $0.figures) } }.filter(
            \.1.isReady
        )
        if room.events < 0, let most = events.max(by: { $0.2.events < $1.2.events }) {
            evict(most.0, most.1, .events(count: most.2.events))
        } else if let largest = events.max(by: { $0.2.bytes < $1.2.bytes }) {
            evict(largest.0, largest.1, .memory(bytes: largest.2.bytes))
        } else {
            evictLatest(catalog)
        }
    }

    private func evict(_ view: ServedView, _ memory: EventMemory, _ absence: EventMemory.Absence) {
        memory.leave(absence)
        options.log(.windowsNotResident(view.name, absence, limit: options.eventLimit))
    }

    private func evictLatest(_ catalog: Catalog) {
        let sizes = catalog.all.values.compactMap { view in view.memory.map { (view, $0.figures.bytes) } }
        guard let limit = options.memoryBytesMax, let largest = sizes.max(by: { $0.1 < $1.1 })?.0 else { return }
        evicted.insert(largest.stored.id)
        options.log(.notResident(largest.name, limit: limit))
        let views = catalog.all.values.map { $0 === largest ? $0.with(memory: nil, events: $0.events) : $0 }
        let made = Catalog(catalog.registry, views: views, versions: catalog.versions, models: catalog.models)
        // Under the lock nothing is freed: the caller's catalog has what goes.
        serving.changeTogether { serving.replaceCatalog(made) }
        withExtendedLifetime(catalog) {}
    }
}
