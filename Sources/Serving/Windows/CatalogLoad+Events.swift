import Features
import Online
import Postgres
import Store

/// Views that memory has no room for, by id.
struct EvictedViews {
    /// Their latest values.
    var rows: Set<Int32> = []
    /// Their events, of which windows are computed.
    var events: Set<Int32> = []
}

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
    /// Gives views of events their memories, those of before where they are good.
    /// - Parameters:
    ///   - position: of the transaction's snapshot.
    ///   - bytes: that latest values take.
    func loadEvents(
        _ served: inout [ServedView],
        _ sources: EventSources,
        at position: Int64,
        besides bytes: Int,
        _ evicted: inout EvictedViews
    ) throws(StoreError) {
        guard options.keepsEvents else { return }
        var taken = bytes
        var missing: [(place: Int, needed: NeededWindows)] = []
        for (place, view) in served.enumerated() {
            let id = view.stored.id
            guard view.stored.eventFeature != nil, !evicted.events.contains(id),
                options.resident.contains(view.name)
            else { continue }
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
                taken += known.events.reduce(0) { $0 + $1.figures.bytes }
            } else {
                missing.append((place, needed))
            }
        }
        guard !missing.isEmpty else { return }
        let (totals, now) = (try Ledger(session).totals(), try now())
        for (place, needed) in missing.sorted(by: {
            totals[served[$0.place].stored.id]?.rows ?? 0 < totals[served[$1.place].stored.id]?.rows ?? 0
        }) {
            let view = served[place]
            let newest = totals[view.stored.id]?.newest?.microseconds
            let memories = needed.memories { Follower.floor($0, now: now, newest: newest) }
            guard !memories.isEmpty else { continue }
            let load = EventLoad(
                session: session,
                view: view,
                memories: memories,
                position: position,
                bytesMax: options.memoryBytesMax.map { $0 - taken } ?? .max,
                isStopped: isStopped
            )
            guard try load.run() else {
                evicted.events.insert(view.stored.id)
                options.log(.windowsNotResident(view.name, limit: options.memoryBytesMax))
                continue
            }
            taken += memories.reduce(0) { $0 + $1.figures.bytes }
            served[place] = view.with(memory: view.memory, events: memories)
        }
    }

    private func now() throws(StoreError) -> Int64 {
        try session.query("SELECT clock_timestamp()").timestamp(0, 0) ?? 0
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

extension ServingEvent {
    static func windowsNotResident(_ view: String, limit: Int?) -> ServingEvent {
        let bound =
            limit.map { "do not fit the \($0 >> 20) MiB of --memory" }
            ?? "are more than \(ServingLimits.residentEventsMax)"
        return ServingEvent(
            level: .warning,
            message: """
                the events of view '\(view)' \(bound); its windows are computed of what PostgreSQL finds: give more memory, or \
                choose views with --resident
                """
        )
    }
}
