import Features
import Foundation
import PointInTime
import Synchronization
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store
@testable import Windows

/// Memories of events beside a server: whoever holds what while they are filled and let go.
@Suite struct EventMemoryTests {
    static let yaml = """
        entities: { user: { key: user_id, type: int64 } }
        views:
          clicks: { entities: [user], events: { id: click }, features: { click: int64, x: float64 } }
          recent: { entities: [user], windows: { of: clicks, features: { n: count over lifetime, s: sum(x) over lifetime } } }
        """

    /// A view of events with an empty memory, as a catalog would have it.
    static func view(_ store: TestStore) throws -> ServedView {
        let stored = try store.view("clicks")
        let layout = RowLayout(
            keys: stored.storageKeys,
            features: stored.definition.features,
            isByPosition: stored.eventFeature != nil
        )
        let needed = NeededWindows(over: stored, store.registry, [])
        return ServedView(stored, layout: layout, memory: nil, events: needed.memories())
    }

    static func rows(_ ids: some Sequence<Int64>, x: Double = 1) -> [HistoryRow] {
        ids.map { HistoryRow([.int64($0 % 3)], at: 1_000 + $0, [.int64($0), .float64(x)]) }
    }

    static func apply(_ rows: [HistoryRow], _ position: Int64, to view: ServedView) {
        EventRows(TestStore.viewRows(rows, view.stored), of: view, position: position).apply(to: position)
    }

    @Test func `a memory is not made ready while much waits to be taken`() throws {
        let view = try Self.view(try TestStore(Self.yaml))
        let memory = view.events[0]
        memory.beginLoading(floor: .min)
        #expect(memory.loaded(at: 0))
        Self.apply(Self.rows(0..<300), 1, to: view)
        guard case .behind = EventMemory.becomeReady([memory], rowsMax: 256) else {
            Issue.record("300 rows were taken where 256 may be")
            return
        }
        #expect(!memory.isReady && memory.figures.events == 0)
        #expect(memory.takeQueue() == .rows(300))
        Self.apply(Self.rows(300..<310), 2, to: view)
        guard case .ready = EventMemory.becomeReady([memory], rowsMax: 256) else {
            Issue.record("10 rows were not taken")
            return
        }
        #expect(memory.isReady && memory.figures.events == 310 && memory.figures.position == 2)
    }

    @Test(arguments: ["let go", "loaded anew", "too large"])
    func `readers do not wait for what is freed`(way: String) throws {
        let view = try Self.view(try TestStore(Self.yaml))
        var layout = view.events[0].layout
        if way == "too large" { layout.bytesMax = -1 }
        let memory = EventMemory(layout, keys: view.events[0].keyLayout.keys)
        memory.beginLoading(floor: .min)
        #expect(memory.loaded(at: 0))
        guard case .ready = EventMemory.becomeReady([memory], rowsMax: 1) else {
            Issue.record("nothing was to be taken")
            return
        }
        let rows = EventRows(TestStore.viewRows(Self.rows(0..<9), view.stored), of: view, position: 1)
        let (batch, keys) = rows.batch(for: memory)
        if way != "too large" { memory.apply(batch, keys: keys, positions: rows.positions, to: 1) }
        let count = Mutex(0)
        memory.isAboutToFree = {
            // A thread of its own, since this one may have the lock.
            let isRead = DispatchSemaphore(value: 0)
            Thread.detachNewThread { [memory] in
                EventMemory.withReading([memory]) { _ = isRead.signal() }
            }
            #expect(isRead.wait(timeout: .now() + .seconds(10)) == .success, "readers wait while \(way)")
            count.withLock { $0 += 1 }
        }
        switch way {
        case "let go": memory.leave(.waiting)
        case "loaded anew": memory.beginLoading(floor: .min)
        default: memory.apply(batch, keys: keys, positions: rows.positions, to: 1)
        }
        memory.isAboutToFree = {}
        #expect(count.withLock { $0 } == 1 && memory.figures.events == 0)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `rows applied in pieces, with commits between them, come to what they do at once`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let store = try TestStore(Self.yaml)
        let (pieces, whole) = (try Self.view(store), try Self.view(store))
        for view in [pieces, whole] {
            view.events[0].beginLoading(floor: .min)
            #expect(view.events[0].loaded(at: 0))
            if seed % 4 > 0 { _ = EventMemory.becomeReady(view.events, rowsMax: 0) }
        }
        var position: Int64 = 0
        for _ in 0..<12 {
            // Some positions, of some rows each, that correct and delete one another.
            var commits: [(position: Int64, rows: [HistoryRow])] = []
            for _ in 0..<random.int(1...5) {
                position += Int64(random.int(1...2))
                let rows = (0..<random.int(1...9)).map { _ in
                    let id = Int64(random.int(0...12))
                    return HistoryRow(
                        [.int64(id % 3)],
                        at: 1_000 + id,
                        isDeleted: random.oneIn(4),
                        [.int64(id), .float64(Double(random.int(0...99)))]
                    )
                }
                // History has one row of an event and commit.
                let last = Dictionary(rows.map { ($0.eventTime, $0) }) { $1 }
                commits.append((position, last.values.sorted { $0.eventTime < $1.eventTime }))
            }
            var all: EventRows?
            for commit in commits {
                let rows = EventRows(
                    TestStore.viewRows(commit.rows, pieces.stored),
                    of: pieces,
                    position: commit.position
                )
                all = EventRows.ordered((all.map { [$0] } ?? []) + [rows])
            }
            for commit in commits { Self.apply(commit.rows, commit.position, to: whole) }
            let memory = pieces.events[0]
            var (holds, own) = (0, commits[...])
            try #require(all).apply(to: position, rowsMax: random.int(1...6)) { body in
                body()
                holds += 1
                // This server's own commits come as they are due: the next one of those that are being followed.
                while random.oneIn(3), let next = own.popFirst() { Self.apply(next.rows, next.position, to: pieces) }
            }
            #expect(holds >= 1)
            if seed % 4 == 0 { _ = [memory, whole.events[0]].map { $0.takeQueue() } }
            #expect(memory.figures.position == whole.events[0].figures.position, "seed \(seed)")
            #expect(memory.figures.events == whole.events[0].figures.events, "seed \(seed)")
            for user in 0...2 as ClosedRange<Int64> {
                let (got, expected) = (Self.sums(memory, user), Self.sums(whole.events[0], user))
                #expect(got == expected, "seed \(seed), position \(position)")
            }
        }
    }

    /// Times and values of a key's events.
    static func sums(_ memory: EventMemory, _ user: Int64) -> [String] {
        let place = memory.place(user)
        guard place >= 0 else { return [] }
        let events = memory.events[place]
        let blocks = events.groups.indices.flatMap { group in
            events.groups[group].blocks.indices.map { (group: group, block: $0) }
        }
        let spots = (blocks.isEmpty ? [(0, 0)] : blocks).flatMap { group, block in
            (0..<events.block(group, block).count).map { EventSpot(group, block, $0) }
        }
        let places = spots.map { EventPlace(key: Int32(place), spot: $0) }
        let values = memory.events.column(memory.layout.columns[0], places, memory.layout)
        return spots.enumerated().map { row, spot in
            let block = events.block(Int(spot.group), Int(spot.block))
            return "\(block.time(Int(spot.row), memory.layout)): \(values.value(row))"
        }
    }

    @Test func `a piece of a position says that the position is not there yet`() throws {
        let view = try Self.view(try TestStore(Self.yaml))
        let memory = view.events[0]
        memory.beginLoading(floor: .min)
        #expect(memory.loaded(at: 0))
        _ = EventMemory.becomeReady([memory], rowsMax: 0)
        let rows = [4, 7].map { position in
            EventRows(TestStore.viewRows(Self.rows(0..<5), view.stored), of: view, position: position)
        }
        var seen: [Int64] = []
        try #require(EventRows.ordered(rows)).apply(to: 9, rowsMax: 4) { body in
            body()
            seen.append(memory.figures.position)
        }
        // Rows 0…4 are of position 4, 5…9 of 7.
        #expect(seen == [3, 6, 9])
    }
}
