import Features
import PointInTime
import TestSupport
import Testing

@testable import Online
@testable import Serving
@testable import Store

/// In how many holds of the lock commits are applied, while event loops wait for it.
@Suite struct AppliedStepTests {
    /// A server without threads, at position 0.
    private static func still(_ store: TestStore) throws -> (Serving, ServedView) {
        let serving = Serving(conninfo: store.conninfo, options: .keepingEvents)
        let view = try EventMemoryTests.view(store)
        view.events[0].beginLoading(floor: .min)
        #expect(view.events[0].loaded(at: 0))
        _ = EventMemory.becomeReady(view.events, rowsMax: 0)
        serving.replaceCatalog(Catalog(store.registry, views: [view], versions: []))
        return (serving, view)
    }

    private static func commit(_ serving: Serving, _ view: ServedView, _ position: Int64, rows: Int64) {
        let ids = position * 1_000_000..<position * 1_000_000 + rows
        let made = TestStore.viewRows(EventMemoryTests.rows(ids), view.stored)
        serving.apply(
            [(view.stored, made)],
            events: [view.stored.id: made],
            state: LedgerState(position: position, uid: "\(position)", committedAt: position)
        )
    }

    @Test func `own commits that waited are applied in holds that are short`() throws {
        let (serving, view) = try Self.still(try TestStore(EventMemoryTests.yaml))
        let rows = ServingLimits.rowsTogetherMax / 4
        // Each counts twice: its newest rows, and all of its events. Two of them are as many as a hold may have.
        for position in (2...9 as ClosedRange<Int64>).reversed() { Self.commit(serving, view, position, rows: rows) }
        #expect(serving.position == 0 && view.events[0].figures.events == 0)
        let before = try #require(serving.changeCount)
        Self.commit(serving, view, 1, rows: rows)
        let after = try #require(serving.changeCount)
        #expect(serving.position == 9 && Int64(view.events[0].figures.events) == 9 * rows)
        #expect(view.events[0].figures.position == 9)
        // A hold adds two.
        #expect((after - before) / 2 == 5)
    }

    @Test func `a commit of very many rows is applied beside the lock, while the position says that it is under way`()
        throws
    {
        let (serving, view) = try Self.still(try TestStore(EventMemoryTests.yaml))
        let before = try #require(serving.changeCount)
        Self.commit(serving, view, 1, rows: ServingLimits.rowsTogetherMax + 1)
        let after = try #require(serving.changeCount)
        // One hold for the position, and a partial change.
        #expect((after - before) / 2 == 2 && serving.position == 1)
        #expect(Int64(view.events[0].figures.events) == ServingLimits.rowsTogetherMax + 1)
    }

    @Test func `who reads several views together waits for what is applied in pieces, and not for ever`() throws {
        let (serving, view) = try Self.still(try TestStore(EventMemoryTests.yaml))
        serving.beginPartialChange()
        let start = ContinuousClock.now
        #expect(serving.readTogether { serving.position } == 0)
        #expect(start.duration(to: .now) >= .milliseconds(ServingLimits.partialChangeWaitMs))
        serving.endPartialChange()
        Self.commit(serving, view, 1, rows: 1)
        #expect(serving.readTogether { serving.position } == 1)
    }

    @Test func `what the follower has goes before own commits that follow on it`() throws {
        let store = try TestStore(EventMemoryTests.yaml)
        let (serving, view) = try Self.still(store)
        for position in [4, 3, 6] as [Int64] { Self.commit(serving, view, position, rows: 2) }
        let made = (1...3 as ClosedRange<Int64>).map { position in
            let ids = position * 1_000_000..<position * 1_000_000 + 2
            return EventRows(
                TestStore.viewRows(EventMemoryTests.rows(ids), view.stored),
                of: view,
                position: position
            )
        }
        let state = LedgerState(position: 3, uid: "3", committedAt: 3)
        serving.followed(to: state, events: [try #require(EventRows.ordered(made))], moved: [:])
        #expect(serving.position == 4 && view.events[0].figures.position == 4)
        #expect(view.events[0].figures.events == 8)
    }
}
