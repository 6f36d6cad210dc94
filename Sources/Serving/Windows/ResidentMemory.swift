import Online

/// What the memories of a catalog take, as far as bounds count it: hidden views, too, and no events that are being loaded, which
/// have a bound of their own.
struct ResidentMemory {
    /// Of latest values.
    private(set) var latestBytes = 0
    /// Of events that windows are computed of.
    private(set) var eventBytes = 0
    private(set) var events = 0

    /// - Complexity: O(views).
    init(of catalog: Catalog) {
        for view in catalog.all.values {
            latestBytes += view.memory?.figures.bytes ?? 0
            for memory in view.events where memory.isReady {
                let figures = memory.figures
                eventBytes += figures.bytes
                events += figures.events
            }
        }
    }

    /// What events that are not there yet may take.
    struct Room: Sendable {
        let bytes: Int
        let events: Int
    }

    /// What is left; below 0 where bounds have been passed.
    func room(_ options: ServingOptions) -> Room {
        let beside = options.memoryBytesMax.map { $0 - latestBytes - eventBytes } ?? .max
        let own = options.eventBytesMax.map { $0 - eventBytes } ?? .max
        return Room(bytes: min(beside, own), events: options.eventsMax - events)
    }
}

extension ServingOptions {
    /// The bound that events in memory meet first.
    var eventLimit: EventLimit? {
        if let memoryBytesMax { return EventLimit(bytes: memoryBytesMax, isGiven: true) }
        return eventBytesMax.map { EventLimit(bytes: $0, isGiven: false) }
    }
}

/// A bound of memory that events meet.
struct EventLimit {
    let bytes: Int
    /// By --memory.
    let isGiven: Bool

    var text: String {
        isGiven
            ? "the \(bytes >> 20) MiB of --memory"
            : "the \(bytes >> 20) MiB that events may take without --memory"
    }
}

extension Catalog {
    /// Lets go of events that another catalog, which has taken this one's place, does not have. Nobody waits for that; and whoever
    /// still reads this one asks history.
    func leaveEvents(but other: Catalog) {
        let kept = Set(other.all.values.flatMap(\.events).map(ObjectIdentifier.init))
        // What is being loaded is let go by who loads it.
        for memory in all.values.flatMap(\.events) where !kept.contains(ObjectIdentifier(memory)) && memory.isReady {
            memory.leave(.waiting)
        }
    }
}
