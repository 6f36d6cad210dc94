import Dispatch
import Features
import Foundation
import PointInTime
import Synchronization
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

    @Test func `nobody reads several views together while something is applied in pieces, nor is it while they read`()
        throws
    {
        let (serving, view) = try Self.still(try TestStore(EventMemoryTests.yaml))
        serving.beginPartialChange()
        let isReadBetween = serving.readTogether { Issue.record("no position is whole") }
        #expect(!isReadBetween)
        serving.endPartialChange()
        let isApplied = DispatchSemaphore(value: 0)
        let isRead = serving.readTogether {
            Thread.detachNewThread {
                Self.commit(serving, view, 1, rows: ServingLimits.rowsTogetherMax + 1)
                isApplied.signal()
            }
            #expect(isApplied.wait(timeout: .now() + .milliseconds(300)) == .timedOut)
            #expect(serving.position == 0 && view.events[0].figures.events == 0)
        }
        #expect(isRead && isApplied.wait(timeout: .now() + .seconds(60)) == .success)
        let isReadBehind = serving.readTogether { #expect(serving.position == 1) }
        #expect(isReadBehind)
    }

    @Test(arguments: [true, false])
    func `a commit of very many events is applied in pieces, between which others have their turn`(isOwn: Bool) throws {
        let (serving, view) = try Self.still(try TestStore(EventMemoryTests.yaml))
        let rows = 8 * ServingLimits.rowsTogetherMax
        let isApplied = DispatchSemaphore(value: 0)
        let followed = EventRows(
            TestStore.viewRows(EventMemoryTests.rows(1_000_000..<1_000_000 + (isOwn ? 0 : rows)), view.stored),
            of: view,
            position: 1
        )
        Thread.detachNewThread {
            if isOwn {
                Self.commit(serving, view, 1, rows: rows)
            } else {
                let state = LedgerState(position: 1, uid: "1", committedAt: 1)
                serving.followed(to: state, events: [followed], moved: [:])
            }
            isApplied.signal()
        }
        var seen: Set<Int64> = []
        let isSeen = Patience.wait(seconds: 60) {
            let (events, position) = serving.applied.withLock { applied in
                (Int64(view.events[0].figures.events), applied.reached.position)
            }
            if position == 0, events > 0, seen.insert(events).inserted, seen.count == 1 {
                // What follows on it waits for it, and takes nobody's time.
                Self.commit(serving, view, 2, rows: 3)
                #expect(serving.changeCount == nil)
            }
            return serving.position > 0
        }
        #expect(isSeen)
        #expect(isApplied.wait(timeout: .now() + .seconds(60)) == .success)
        #expect(seen.contains { $0 < rows }, "\(seen)")
        #expect(serving.position == 2 && serving.changeCount != nil && view.events[0].figures.position == 2)
        #expect(Int64(view.events[0].figures.events) == rows + 3)
    }

    @Test(arguments: 1...4)
    func `a commit that its server and the follower apply at once has the last row of each event`(round: Int) throws {
        let (serving, view) = try Self.still(try TestStore(EventMemoryTests.yaml))
        let ids = 0..<2 * ServingLimits.rowsTogetherMax
        let state = LedgerState(position: 1, uid: "1", committedAt: 1)
        let last = TestStore.viewRows(EventMemoryTests.rows(ids, x: 2), view.stored)
        // As it was submitted, and as history has it.
        let all = TestStore.viewRows(
            EventMemoryTests.rows(ids, x: 1) + EventMemoryTests.rows(ids, x: 2),
            view.stored
        )
        let followed = EventRows(last, of: view, position: 1)
        let done = DispatchGroup()
        done.enter()
        Thread.detachNewThread {
            serving.apply([(view.stored, last)], events: [view.stored.id: all], state: state)
            done.leave()
        }
        if round > 1 { #expect(Patience.wait { view.events[0].figures.events > round * 4_000 }) }
        serving.followed(to: state, events: [followed], moved: [:])
        #expect(done.wait(timeout: .now() + .seconds(60)) == .success)
        #expect(serving.position == 1 && serving.changeCount != nil)
        let values = (0...2 as ClosedRange<Int64>).flatMap { EventMemoryTests.sums(view.events[0], $0) }
        #expect(values.count == ids.count && values.allSatisfy { $0.hasSuffix("float64(2.0)") }, "\(values.prefix(3))")
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
