/// A queue in which askers take turns: the next one is of whoever has waited longest since its last, each one's own in order.
struct TakenTurns<Item> {
    private var queues: [String: ArraySlice<Item>] = [:]
    /// Askers who have something in the queue, whose turn is next first.
    private var order: [String] = []
    private(set) var count = 0

    func count(of asker: String) -> Int { queues[asker]?.count ?? 0 }

    mutating func append(_ item: Item, of asker: String) {
        if queues[asker] == nil { order.append(asker) }
        queues[asker, default: []].append(item)
        count += 1
    }

    /// - Parameter isAdmitted: whether an asker may have its turn now; those who may not keep their places.
    /// - Complexity: O(askers).
    mutating func next(where isAdmitted: (String) -> Bool) -> Item? {
        guard let place = order.firstIndex(where: isAdmitted) else { return nil }
        let asker = order.remove(at: place)
        guard let item = queues[asker]?.popFirst() else { return nil }
        count -= 1
        if queues[asker]?.isEmpty == true { queues[asker] = nil } else { order.append(asker) }
        return item
    }

    mutating func takeAll() -> [Item] {
        defer { self = TakenTurns() }
        return order.flatMap { queues[$0] ?? [] }
    }
}
