import Features
import PointInTime
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// A server's memories over a test store, and what the online tables say.
final class ServingFixture {
    let serving: Serving
    let events = Events()

    final class Events: Sendable {
        private let list = Mutex<[ServingEvent]>([])
        func add(_ event: ServingEvent) { list.withLock { $0.append(event) } }
        var all: [ServingEvent] { list.withLock { $0 } }
    }

    /// - Parameter isLoaded: waits until everything is loaded.
    init(_ conninfo: String, options: ServingOptions = ServingOptions(), isLoaded waits: Bool = true) throws {
        var options = options
        let events = events
        options.log = { events.add($0) }
        serving = Serving(conninfo: conninfo, options: options)
        serving.start()
        guard waits else { return }
        let isLoaded = Patience.wait { [serving] in !serving.state.isLoading }
        try #require(isLoaded, "\(events.all)")
    }

    deinit { serving.stop() }

    /// Waits until everything that is committed now has been applied.
    func catchUp(_ session: Session) throws {
        let head = try Ledger(session).head()
        #expect(
            Patience.wait { self.serving.state.reached == head },
            "\(serving.state) \(events.all)"
        )
    }

    func view(_ name: String) throws -> ServedView { try serving.catalog.view(named: name) }

    /// All rows of a view in memory by key, boxed, each with its event time and whether it is a tombstone.
    static func rows(_ memory: ViewMemory) -> [ViewMemoryTests.Keys: ViewMemoryTests.Twin.Row] {
        memory.withReader { reader in
            var rows: [ViewMemoryTests.Keys: ViewMemoryTests.Twin.Row] = [:]
            for number in 0..<reader.rowLimit {
                guard let row = reader.row(number: number) else { continue }
                rows[ViewMemoryTests.Keys(row.keys(reader.layout))] = ViewMemoryTests.boxed(row, reader.layout)
            }
            return rows
        }
    }

    /// All rows of a view's online table, boxed, read without anything that the server uses.
    static func onlineRows(
        _ view: ServedView,
        _ session: Session
    ) throws -> [ViewMemoryTests.Keys: ViewMemoryTests.Twin.Row] {
        let stored = view.stored
        let features = view.layout.columns.map { SQLText.identifier($0.feature) }
        let list = ([stored.keyList(), "_event_time", "_deleted"] + features).joined(separator: ", ")
        let read = try session.query("SELECT \(list) FROM \(stored.onlineTable)")
        var rows: [ViewMemoryTests.Keys: ViewMemoryTests.Twin.Row] = [:]
        let reader = ResultColumn(rows: read, rowOf: (0..<read.count).map { Int32($0) })
        let none = [Bool](repeating: false, count: read.count)
        let keys = try stored.storageKeys.enumerated().map { index, key in
            try reader.read(index, as: key.type.featureType, isNull: none)
        }
        let columns = try view.layout.columns.enumerated().map { index, column in
            try reader.read(keys.count + 2 + index, as: column.type, isNull: none)
        }
        for row in 0..<read.count {
            rows[ViewMemoryTests.Keys(keys.map { $0.value(row) })] = ViewMemoryTests.Twin.Row(
                eventTime: read.timestamp(row, keys.count) ?? 0,
                position: 0,
                isDeleted: read.bool(row, keys.count + 1) ?? false,
                features: columns.map { $0.value(row) }
            )
        }
        return rows
    }

    /// Expects that every resident view holds exactly what its online table does.
    func expectOnline(_ session: Session, _ comment: Comment? = nil) throws {
        for view in serving.catalog.all.values {
            guard let memory = view.memory else { continue }
            let online = try Self.onlineRows(view, session)
            let held = Self.rows(memory)
            #expect(Set(online.keys) == Set(held.keys), "\(view.name): keys; \(comment?.rawValue ?? "")")
            for (keys, row) in online {
                guard let got = held[keys] else { continue }
                let isSame =
                    got.eventTime == row.eventTime && got.isDeleted == row.isDeleted
                    && got.features.map(\.identity) == row.features.map(\.identity)
                #expect(isSame, "\(view.name) \(keys.values): \(got) instead of \(row); \(comment?.rawValue ?? "")")
            }
            #expect(memory.figures.rows == online.count)
            #expect(memory.figures.tombstones == online.values.count { $0.isDeleted })
        }
    }
}
