import Online
import Store

/// When loads of events that did not succeed are tried again: after twice as long each time, since each begins from the start.
struct LoadPauses {
    private struct Pause {
        /// Whose load failed; another memory of the view has no pause.
        let memory: ObjectIdentifier?
        let lengthUs: Int64
        let untilUs: Int64
    }

    static let firstUs: Int64 = 2_000_000
    static let longestUs: Int64 = 128_000_000

    /// By ids of views.
    private var pauses: [Int32: Pause] = [:]

    /// - Parameter now: as ``MonotonicClock`` counts.
    func isDue(_ view: ServedView, at now: Int64) -> Bool {
        guard let pause = pauses[view.stored.id], pause.memory == Self.memory(view) else { return true }
        return pause.untilUs <= now
    }

    /// A load did not succeed.
    mutating func failed(_ view: ServedView, at now: Int64) {
        var length = Self.firstUs
        if let known = pauses[view.stored.id], known.memory == Self.memory(view) {
            length = min(2 * known.lengthUs, Self.longestUs)
        }
        pauses[view.stored.id] = Pause(memory: Self.memory(view), lengthUs: length, untilUs: now + length)
    }

    mutating func ended(_ view: ServedView) { pauses[view.stored.id] = nil }

    private static func memory(_ view: ServedView) -> ObjectIdentifier? { view.events.first.map(ObjectIdentifier.init) }
}
