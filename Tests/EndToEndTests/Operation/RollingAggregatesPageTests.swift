import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// docs/how-to/rolling-aggregates.md does what it says.
@Suite struct RollingAggregatesPageTests {
    private static func block(_ start: String) throws -> String {
        let page = try String(
            contentsOf: Cases.repository.appendingPathComponent("docs/how-to/rolling-aggregates.md"),
            encoding: .utf8
        )
        let blocks = page.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        return String(try #require(blocks.first { $0.hasPrefix(start) }).dropFirst(start.count))
    }

    @Test func `a row a day has what the seven days before that midnight had, and a late order corrects it`() throws {
        let place = try Workplace(try Self.block("yaml\n"))
        try place.session.execute(
            """
            CREATE TABLE public.orders (id bigint, user_id bigint, placed_at timestamptz, amount numeric);
            INSERT INTO public.orders VALUES (1, 1, '2026-01-01 10:00+00', 10), (2, 1, '2026-01-03 00:00+00', 20.5),
                (3, 2, '2026-01-05 23:59:59.999999+00', 7)
            """
        )
        let from = ["materialize", "orders_7d", "--from", "2026-01-01T00:00:00Z", "--to"]
        try place.asof(from + ["2026-01-12T00:00:00Z"])
        func rows(_ user: Int) throws -> String {
            try place.ask(
                """
                SELECT string_agg(to_char(_event_time, 'DD') || ' ' || orders || ' ' || amount, ', ' ORDER BY _event_time, _batch)
                FROM history.orders_7d WHERE user_id = \(user)
                """
            )
        }
        // An order of midnight is of the day that begins then.
        #expect(
            try rows(1)
                == "02 1 10, 03 1 10, 04 2 30.5, 05 2 30.5, 06 2 30.5, 07 2 30.5, 08 2 30.5, 09 1 20.5, 10 1 20.5"
        )
        #expect(try rows(2) == "06 1 7, 07 1 7, 08 1 7, 09 1 7, 10 1 7, 11 1 7")
        try place.asof(from + ["2026-01-12T00:00:00Z"])
        #expect(try place.ask("SELECT count(*) FROM history.orders_7d") == "15")
        try place.session.execute("INSERT INTO public.orders VALUES (4, 2, '2026-01-09 12:00+00', 1)")
        try place.asof(["materialize", "orders_7d", "--to", "2026-01-12T00:00:00Z"])
        let corrected = try rows(2)
        #expect(corrected.hasSuffix("10 1 7, 10 2 8, 11 1 7, 11 2 8"), "\(corrected)")
    }
}
