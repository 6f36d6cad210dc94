import Features
import Postgres
import TestSupport
import Testing

@testable import Store
@testable import TrainingSets

/// What the choice of an engine knows of pages that are not at hand.
@Suite struct PageCostTests {
    @Test func `look-ups touch no more pages than there are, nor more than two each`() {
        let cost = PageCost(tablePages: 300_000, indexPages: 100_000)
        var last = 0.0
        for lookups in [1.0, 10, 1_000, 100_000, 1e6, 1e9] {
            let pages = cost.pagesTouched(byLookups: lookups)
            #expect(pages > last && pages <= 400_000 && pages <= 2 * lookups)
            last = pages
        }
        #expect(cost.pagesTouched(byLookups: 100) > 199)
        #expect(PageCost(tablePages: 0, indexPages: 0).pagesTouched(byLookups: 5) == 0)
    }

    @Test(arguments: ["month", "none"])
    func `a sample tells what a page takes, also for a role that may read the view and nothing else`(
        partition: String
    ) throws {
        let store = try TestStore(
            """
            entities: { u: { key: u, type: int64 } }
            views: { v: { entities: [u], partition: \(partition), features: { n: int64 } } }
            """
        )
        let view = try store.view("v")
        #expect(try PageCost(view, store.session, pagesMin: 1) == nil)
        let month: Int64 = 2_678_400_000_000
        try store.ingest("v", (0..<4_000).map { HistoryRow([.int64($0)], at: $0 % 3 * month, [.int64($0)]) })
        #expect(try PageCost(view, store.session) == nil)
        try store.session.execute(
            """
            CREATE ROLE page_reader_\(partition); GRANT USAGE ON SCHEMA asof, history TO page_reader_\(partition);
            GRANT SELECT ON history.v, asof.partitions TO page_reader_\(partition); SET ROLE page_reader_\(partition)
            """
        )
        defer {
            _ = try? store.session.execute(
                "RESET ROLE; DROP OWNED BY page_reader_\(partition); DROP ROLE page_reader_\(partition)"
            )
        }
        let cost = try #require(try PageCost(view, store.session, pagesMin: 1))
        let seconds = try cost.secondsPerPage(view, store.session)
        #expect(seconds > 0 && seconds < 1)
    }
}
