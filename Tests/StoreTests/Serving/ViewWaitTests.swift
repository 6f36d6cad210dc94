import Features
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Serving
@testable import Store

/// Those who wait for rows of a view are told when that view has moved, and not before.
@Suite struct ViewWaitTests {
    private final class Log: Sendable {
        let outcomes = Mutex<[String]>([])
        func add(_ text: String) { outcomes.withLock { $0.append(text) } }
        var all: [String] { outcomes.withLock { $0.sorted() } }
    }

    @Test func `only those wake whose view has moved to their position`() {
        let (waits, log) = (PositionWaits(), Log())
        waits.advance(to: 5, .any)
        for (view, position) in [(1, 6), (1, 8), (2, 6), (3, 5)] as [(Int32, Int64)] {
            _ = waits.wait(for: position, of: view, timeoutMs: 60_000) { log.add("\(view) at \(position) \($0)") }
        }
        // Up to 5 nobody knows what has moved.
        #expect(log.all == ["3 at 5 reached"])
        waits.advance(to: 6, .views([4: 6]))
        #expect(log.all == ["3 at 5 reached"])
        waits.advance(to: 7, .views([1: 7]))
        #expect(log.all == ["1 at 6 reached", "3 at 5 reached"])
        waits.advance(to: 8, .views([:]))
        #expect(log.all == ["1 at 6 reached", "3 at 5 reached"])
        waits.advance(to: 9, .any)
        #expect(log.all == ["1 at 6 reached", "1 at 8 reached", "2 at 6 reached", "3 at 5 reached"])
    }

    @Test func `a move that came before the wait is not missed`() {
        let (waits, log) = (PositionWaits(), Log())
        waits.advance(to: 5, .any)
        waits.advance(to: 9, .views([1: 8, 2: 9]))
        let early = waits.wait(for: 8, of: 1, timeoutMs: 60_000) { log.add("8 \($0)") }
        let late = waits.wait(for: 9, of: 1, timeoutMs: 60_000) { log.add("9 \($0)") }
        #expect(log.all == ["8 reached"])
        #expect(early == 0 && late != 0)
        waits.cancel(late)
        #expect(log.all == ["8 reached", "9 stopped"])
    }

    @Test func `deadlines and the end hold for those who wait for views, too`() {
        let (waits, log) = (PositionWaits(), Log())
        waits.start()
        _ = waits.wait(for: 5, of: 1, timeoutMs: 10) { log.add("short \($0)") }
        #expect(Patience.wait { log.all == ["short timedOut"] })
        _ = waits.wait(for: 5, of: 1, timeoutMs: 60_000) { log.add("long \($0)") }
        waits.stop()
        #expect(log.all == ["long stopped", "short timedOut"])
    }

    @Test func `a thousand who wait for a view are not looked at while others move`() {
        let (waits, log) = (PositionWaits(), Log())
        waits.advance(to: 1, .any)
        for number in 0..<1_000 { _ = waits.wait(for: 2, of: 1, timeoutMs: 600_000) { log.add("\(number) \($0)") } }
        let start = ContinuousClock.now
        for position in 2..<50_002 as Range<Int64> { waits.advance(to: position, .views([2: position])) }
        let elapsed = ContinuousClock.now - start
        #expect(log.all.isEmpty)
        // 1,000 × 50,000 looks would take far longer, in any build.
        #expect(elapsed < .seconds(15), "\(elapsed)")
        waits.advance(to: 50_002, .views([1: 50_002]))
        #expect(log.all.count == 1_000)
    }

    @Test(arguments: [false, true])
    func `a server tells of commits of others and of its own, view by view`(isOwn: Bool) throws {
        let store = try TestStore(FollowingTests.yaml)
        let fixture = try ServingFixture(store.conninfo)
        let log = Log()
        let next = try store.head().position + 1
        let (stats, weather) = (try store.view("stats"), try store.view("weather"))
        _ = fixture.serving.whenMoved(stats, next, timeoutMs: 60_000) { log.add("stats \($0)") }
        _ = fixture.serving.whenMoved(weather, next, timeoutMs: 60_000) { log.add("weather \($0)") }
        try store.ingest("stats", FollowingTests.rows(0..<3, at: 1, 1))
        if isOwn {
            let rows = TestStore.viewRows(FollowingTests.rows(0..<3, at: 1, 1), stats)
            fixture.serving.apply([(stats, rows)], state: try store.head())
        }
        #expect(Patience.wait { log.all == ["stats reached"] })
        try fixture.catchUp(store.session)
        #expect(log.all == ["stats reached"])
        // A batch too large to be applied at once.
        try store.ingest(
            "weather",
            (0..<12_000).map { HistoryRow([.string("p"), .int64($0)], at: 1, [.float64(1), .listString([])]) }
        )
        #expect(Patience.wait { log.all == ["stats reached", "weather reached"] })
    }
}
