import Synchronization

/// The connections of a server.
package final class ClientRegistry: Sendable {
    private let records = Mutex<[Int64: ClientRecord]>([:])
    private let lastID = Atomic<Int64>(0)

    package init() {}

    package func nextID() -> Int64 { lastID.add(1, ordering: .relaxed).newValue }
    package func add(_ record: ClientRecord) { records.withLock { $0[record.id] = record } }
    package func remove(_ id: Int64) { records.withLock { _ = $0.removeValue(forKey: id) } }
    package var count: Int { records.withLock { $0.count } }

    /// By id.
    package func all() -> [ClientRecord] { records.withLock { Array($0.values) }.sorted { $0.id < $1.id } }
}
