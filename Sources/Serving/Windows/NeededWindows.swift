import Features
import Online
import Store
import Windows

/// The windows that definitions and versions of services have over each view of events, by the number of keys.
struct NeededWindows {
    private var windows: [Int: [EventWindow]] = [:]
    private let events: StoredView

    /// - Parameters:
    ///   - events: with the retired features that versions ask for.
    init(over events: StoredView, _ registry: Registry, _ versions: [Registry.StoredService]) {
        self.events = events
        guard events.eventFeature != nil else { return }
        for definition in registry.definitions.views where definition.windows?.of == events.name {
            let columns = definition.features.map { definition.column($0, keys: definition.identityMapping) }
            for column in columns { add(column, definition.rules) }
        }
        for service in versions {
            for column in service.definition.lookups where column.window?.of == events.name {
                add(column, ViewRules())
            }
        }
    }

    /// What cannot be computed is not answered, from memory or otherwise.
    private mutating func add(_ column: FeatureColumn, _ rules: ViewRules) {
        guard let text = column.window?.text, !text.isEmpty, column.keys.count <= events.definition.keys.count else {
            return
        }
        var role = WindowRole(name: column.view, events: events, keyCount: column.keys.count, rules: rules)
        guard Self.groupsByKeys(role), (try? role.add(text, as: column)) != nil else { return }
        windows[max(1, column.keys.count), default: []] += role.windows
    }

    /// Windows of no key over events that have some are left to PostgreSQL.
    static func groupsByKeys(_ role: WindowRole) -> Bool { !role.keys.isEmpty || role.events.definition.isGlobal }

    /// Memories for them, empty.
    func memories() -> [EventMemory] {
        windows.keys.sorted().compactMap { keyCount in
            layout(keyCount).map { EventMemory($0, keys: Array(events.storageKeys.prefix(keyCount))) }
        }
    }

    /// - Returns: `nil` where an event has no room for all that windows use of it.
    private func layout(_ keyCount: Int) -> EventLayout? {
        guard let windows = windows[keyCount], let event = events.eventFeature else { return nil }
        let others = events.storageKeys.dropFirst(keyCount).map(\.type.featureType)
        return EventLayout(windows, keyCount: keyCount, identity: [event.type] + others) { [events] name in
            events.definition.feature(named: name)?.type
                ?? events.definition.keys.first { $0.name == name }?.type.featureType ?? .timestamp
        }
    }

    /// Whether memories are those that are needed.
    func areMet(by memories: [EventMemory]) -> Bool {
        let layouts = windows.keys.sorted().compactMap { layout($0) }
        return layouts == memories.map(\.layout)
    }
}
