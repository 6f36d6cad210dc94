import Features
import Foundation
import Materializing
import Postgres
import Store
import TestSupport
import Testing

/// A store with a batch view over `public.raw`, whose times are hours of 2025-01-01 UTC.
final class BatchViewStore {
    static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats:
            entities: [user]
            lateness: 2h
            features: { clicks: int64, name: string }
            source:
              sql: |
                SELECT user_id, event_time, clicks, name FROM raw
                WHERE event_time >= :from AND event_time < :to
        """

    let store: TestStore
    /// For statements beside the run.
    let other: Session

    init(_ yaml: String = BatchViewStore.yaml) throws {
        store = try TestStore(yaml)
        other = try Session(conninfo: store.conninfo)
        try other.execute(
            "CREATE TABLE public.raw (user_id bigint, event_time timestamptz, clicks bigint, name text);"
                + "CREATE INDEX ON public.raw (event_time)"
        )
    }

    static func hour(_ hour: Double) -> Timestamp {
        Timestamp(microseconds: 1_735_689_600_000_000 + Int64(hour * 3_600_000_000))
    }

    func add(_ user: Int, _ hour: Double, _ clicks: Int = 1) throws {
        try other.execute("INSERT INTO public.raw VALUES (\(user), '\(Self.hour(hour).text)', \(clicks), 'n\(clicks)')")
    }

    @discardableResult
    func run(
        from: Timestamp? = nil,
        to: Timestamp,
        chunk: String? = nil,
        session: Session? = nil
    ) throws -> Materialization.Summary {
        var options = MaterializationOptions()
        options.from = from
        options.to = to
        options.chunk = chunk.flatMap { Interval(text: $0) }
        let run = try Materialization(session ?? store.session, try store.view("stats"), options)
        while try run.runNext() != nil {}
        return run.summary
    }

    /// `user@hour=clicks` of every history row, in order.
    func history(_ table: String = "history.stats") throws -> [String] {
        let rows = try other.query(
            """
            SELECT format('%s@%s=%s', user_id, extract(epoch FROM _event_time - '2025-01-01T00:00:00Z')::float8 / 3600, clicks)
            FROM \(table) ORDER BY user_id, _event_time, clicks
            """
        )
        return (0..<rows.count).compactMap { rows.text($0, 0) }
    }

    func error(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return ""
    }
}

@Suite struct MaterializationTests {
    private static func hour(_ hour: Double) -> Timestamp { BatchViewStore.hour(hour) }

    @Test func `a window takes the row at its start and leaves the one at its end`() throws {
        let batch = try BatchViewStore()
        for hour in [0.999, 1, 1.5, 2] { try batch.add(1, hour, Int(hour * 10)) }
        let summary = try batch.run(from: Self.hour(1), to: Self.hour(2))
        #expect(try batch.history() == ["1@1=10", "1@1.5=15"])
        #expect(try batch.history("online.stats") == ["1@1.5=15"])
        #expect(summary.watermark == Self.hour(2))
        #expect(try batch.store.violations() == [])
        let line = try #require(try Ledger(batch.other).lines(view: try batch.store.view("stats"), limit: 1).first)
        #expect(line.kind == "materialize" && line.rows == 2 && line.position == summary.state?.position)
    }

    @Test func `the first run starts at the earliest event time, the next ones at the watermark less the lateness`()
        throws
    {
        let batch = try BatchViewStore()
        try batch.add(1, -100)
        try batch.add(1, 9)
        #expect(try batch.run(to: Self.hour(10)).stored == 2)
        try batch.add(2, 8.5, 7)  // within the lateness
        try batch.add(2, 8, 6)  // at its edge
        try batch.add(2, 7.9, 5)  // outside
        try batch.add(1, 10)
        let summary = try batch.run(to: Self.hour(11))
        #expect(summary.rows == 4 && summary.known == 1 && summary.stored == 3)
        #expect(try batch.history() == ["1@-100=1", "1@9=1", "1@10=1", "2@8=6", "2@8.5=7"])
        #expect(try batch.store.violations() == [])
    }

    @Test func `the same window twice adds nothing, and a corrected value adds its row`() throws {
        let batch = try BatchViewStore()
        for user in 1...50 { for hour in 0..<20 { try batch.add(user, Double(hour), user * hour) } }
        try batch.other.execute(
            "UPDATE public.raw SET name = NULL WHERE user_id = 7; UPDATE public.raw SET clicks = NULL WHERE user_id = 8"
        )
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(20), chunk: "5h").stored == 1_000)
        let head = try batch.store.head()
        let again = try batch.run(from: Self.hour(0), to: Self.hour(20), chunk: "3h")
        #expect(again.stored == 0 && again.known == 1_000 && again.state == nil)
        #expect(try batch.store.head() == head)
        try batch.other.execute(
            "UPDATE public.raw SET name = 'new' WHERE user_id = 7 AND event_time = '\(Self.hour(19).text)'"
        )
        let corrected = try batch.run(from: Self.hour(0), to: Self.hour(20))
        #expect(corrected.stored == 1 && corrected.known == 999)
        #expect(try batch.other.query("SELECT name FROM online.stats WHERE user_id = 7").text(0, 0) == "new")
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(20)).stored == 0)
        #expect(try batch.store.violations() == [])
    }

    @Test func `an empty window moves the watermark and takes no position`() throws {
        let batch = try BatchViewStore()
        let head = try batch.store.head()
        let summary = try batch.run(from: Self.hour(0), to: Self.hour(1_000))
        #expect(summary.stored == 0 && summary.watermark == Self.hour(1_000) && summary.chunks < 20)
        #expect(try batch.store.head() == head)
        let none = try BatchViewStore()
        #expect(try none.run(to: Self.hour(10)).watermark == nil)
    }

    @Test func `windows beside the watermark do not move it over event times that were not asked for`() throws {
        let batch = try BatchViewStore()
        try batch.run(from: Self.hour(0), to: Self.hour(10))
        #expect(try batch.run(from: Self.hour(2), to: Self.hour(5)).watermark == Self.hour(10))
        #expect(try batch.run(from: Self.hour(20), to: Self.hour(30)).watermark == Self.hour(10))
        #expect(try batch.run(from: Self.hour(9), to: Self.hour(12)).watermark == Self.hour(12))
    }

    @Test func `a chunk that fails leaves those before it, and the next run goes on with it`() throws {
        let batch = try BatchViewStore(
            BatchViewStore.yaml.replacingOccurrences(
                of: "event_time, clicks, name",
                with: "event_time,\n           100 / clicks AS clicks, name"
            )
        )
        for hour in 0..<10 { try batch.add(1, Double(hour), hour == 5 ? 0 : 1) }
        let error = batch.error { try batch.run(from: Self.hour(0), to: Self.hour(10), chunk: "1h") }
        #expect(
            error.contains(
                "the sql of view 'stats', chunk 2025-01-01T05:00:00Z to 2025-01-01T06:00:00Z: PostgreSQL: division by zero"
            )
        )
        #expect(try batch.history().count == 5)
        #expect(try Watermark(try batch.store.view("stats")).read(batch.other) == Self.hour(5))
        try batch.other.execute("UPDATE public.raw SET clicks = 1")
        let rest = try batch.run(to: Self.hour(10), chunk: "1h")
        #expect(rest.stored == 5 && rest.known == 2)
        #expect(try batch.store.violations() == [])
    }

    @Test func `late rows go into history and leave newer online rows`() throws {
        let batch = try BatchViewStore()
        try batch.store.ingest("stats", [HistoryRow([.int64(1)], at: Self.hour(5).microseconds, [.int64(50), .null])])
        try batch.add(1, 4, 40)
        try batch.add(2, 4, 41)
        let summary = try batch.run(from: Self.hour(0), to: Self.hour(6))
        #expect(summary.stored == 2 && summary.late == 1)
        #expect(try batch.history("online.stats") == ["1@5=50", "2@4=41"])
        #expect(try batch.store.violations() == [])
    }

    @Test func `a row that was corrected by an ingest since is compared with the correction`() throws {
        let batch = try BatchViewStore()
        try batch.add(1, 4, 40)
        try batch.run(from: Self.hour(0), to: Self.hour(6))
        try batch.store.ingest("stats", [HistoryRow([.int64(1)], at: Self.hour(4).microseconds, [.int64(99), .null])])
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(6)).stored == 1)
        #expect(try batch.history("online.stats") == ["1@4=40"])
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(6)).stored == 0)
    }

    @Test(arguments: [
        ("SELECT user_id, event_time, clicks, name, 1 AS more", "a column 'more', which is no key and no feature"),
        ("SELECT user_id, event_time, clicks", "gives no column for 'name'"),
        ("SELECT event_time, clicks, name", "gives no column for the key 'user_id'"),
        ("SELECT user_id, clicks, name", "gives no event time"),
        (
            "SELECT user_id, event_time, clicks::numeric AS clicks, name",
            "column 'clicks' is numeric, the feature 'clicks' is int64; write \"clicks\"::bigint"
        ),
        ("SELECT user_id, event_time::text, clicks, name", "column 'event_time' is text, the event time is timestamp"),
        ("SELECT user_id::text AS user_id, event_time, clicks, name", "the key 'user_id' is int64"),
        ("SELECT user_id, event_time, clicks, clicks, name", "two columns 'clicks'"),
        (
            "SELECT user_id, event_time, clicks, name, nothing",
            "column \"nothing\" does not exist\n  line 1, column 43: SELECT user_id, event_time, clicks, name, nothing"
        ),
        (
            "SELECT user_id, NULL::timestamptz AS event_time, clicks, name",
            "the row of user_id 1, event time null has no event time"
        ),
        ("SELECT NULL::bigint AS user_id, event_time, clicks, name", "has no key: user_id is null"),
        ("SELECT user_id, event_time + interval '1 day' AS event_time, clicks, name", "lies outside the window"),
        (
            "SELECT u AS user_id, event_time, clicks, name FROM (SELECT 1::bigint AS u, raw.* FROM raw, generate_series(1, 2)) raw, (SELECT 1) AS",
            "the row of user_id 1, event time 2025-01-01 00:00:00+00 comes more than once"
        ),
        (
            "WITH gone AS (DELETE FROM raw RETURNING 1) SELECT user_id, event_time, clicks, name",
            "must be at the top level"
        ),
        (
            "SELECT user_id, event_time, public.naughty(clicks) AS clicks, name",
            "cannot execute INSERT in a read-only transaction"
        ),
        (
            "SELECT user_id, event_time, public.naughtier(clicks) AS clicks, name",
            "cannot set transaction read-write mode inside a read-only transaction"
        ),
    ])
    func `SQL that does not fit is refused and writes nothing`(_ select: String, _ message: String) throws {
        let from = select.hasSuffix(" AS") ? " x" : " FROM raw"
        let yaml = BatchViewStore.yaml.replacingOccurrences(
            of: "SELECT user_id, event_time, clicks, name FROM raw",
            with: select + from
        )
        let batch = try BatchViewStore(yaml)
        for (name, prelude) in [
            ("naughty", ""), ("naughtier", "PERFORM set_config('transaction_read_only', 'off', true);"),
        ] {
            try batch.other.execute(
                """
                CREATE FUNCTION public.\(name)(a bigint) RETURNS bigint LANGUAGE plpgsql AS
                $$ BEGIN \(prelude) INSERT INTO public.raw (user_id) VALUES (1); RETURN a; END $$
                """
            )
        }
        try batch.add(1, 0)
        let head = try batch.store.head()
        let error = batch.error { try batch.run(from: Self.hour(0), to: Self.hour(1)) }
        #expect(error.contains(message))
        #expect(try batch.history() == [])
        #expect(try batch.store.head() == head)
        #expect(try batch.other.query("SELECT count(*) FROM public.raw").int64(0, 0) == 1)
        #expect(try Watermark(try batch.store.view("stats")).read(batch.other) == nil)
    }

    @Test func `the session's time zone and a hostile search path change nothing`() throws {
        let batch = try BatchViewStore()
        try batch.other.execute(
            """
            CREATE SCHEMA trap; CREATE TABLE trap.raw AS SELECT * FROM public.raw;
            CREATE FUNCTION trap.equal(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
            CREATE OPERATOR trap.= (FUNCTION = trap.equal, LEFTARG = bigint, RIGHTARG = bigint)
            """
        )
        try batch.add(1, 0, 3)
        let session = try Session(
            conninfo: batch.store.conninfo
                + " options='-c TimeZone=Asia/Tokyo -c DateStyle=German -c search_path=trap,pg_catalog'"
        )
        // The user's own path counts for the user's SQL: trap.raw is empty.
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(1), session: session).rows == 0)
        try batch.other.execute("INSERT INTO trap.raw SELECT * FROM public.raw")
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(1), session: session).stored == 1)
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(1), session: session).stored == 0)
        #expect(try batch.history() == ["1@0=3"])
        #expect(try batch.store.violations() == [])
    }

    @Test func `naive times and dates are UTC, narrower numbers are widened`() throws {
        let yaml = BatchViewStore.yaml.replacingOccurrences(
            of: "event_time, clicks, name FROM raw",
            with: "event_time::timestamp, clicks::int AS clicks, name::varchar(5) FROM raw"
        )
        let batch = try BatchViewStore(yaml)
        try batch.add(1, 0, 3)
        let session = try Session(conninfo: batch.store.conninfo + " options='-c TimeZone=America/New_York'")
        #expect(try batch.run(from: Self.hour(0), to: Self.hour(1), session: session).stored == 1)
        #expect(try batch.history() == ["1@0=3"])
    }

    @Test func `a role without rights is refused and nothing is written`() throws {
        let batch = try BatchViewStore()
        try batch.add(1, 0, 3)
        let role = "reader\(UInt32.random(in: 0 ... .max))"
        try batch.other.execute(
            """
            CREATE ROLE \(role) LOGIN; GRANT USAGE ON SCHEMA asof, history, online TO \(role);
            GRANT SELECT ON ALL TABLES IN SCHEMA asof, history, online TO \(role)
            """
        )
        let session = try Session(conninfo: batch.store.conninfo + " user=\(role)")
        let unread = batch.error { try batch.run(from: Self.hour(0), to: Self.hour(1), session: session) }
        #expect(unread.contains("permission denied for table raw"))
        try batch.other.execute("GRANT SELECT ON public.raw TO \(role)")
        let unwritten = batch.error { try batch.run(from: Self.hour(0), to: Self.hour(1), session: session) }
        #expect(unwritten.contains("permission denied for table"))
        var options = MaterializationOptions()
        (options.from, options.to, options.isDryRun) = (Self.hour(0), Self.hour(1), true)
        let dry = try Materialization(session, try batch.store.view("stats"), options)
        #expect(try dry.runNext()?.rows == 1)
        #expect(try batch.history() == [])
    }

    @Test func `of two runs the second learns who holds the view, or waits`() throws {
        let batch = try BatchViewStore()
        let view = try batch.store.view("stats")
        let conninfo = batch.store.conninfo
        let first = try MaterializationLock(view, conninfo: conninfo, waits: false)
        let error = batch.error { _ = try MaterializationLock(view, conninfo: conninfo, waits: false) }
        #expect(
            error.contains(
                "view 'stats' is being materialized by process \(ProcessInfo.processInfo.processIdentifier) on "
            )
        )
        #expect(error.contains("role asof"))
        let done = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            _ = try? MaterializationLock(view, conninfo: conninfo, waits: true)
            done.signal()
        }
        #expect(done.wait(timeout: .now() + 0.3) == .timedOut)
        first.release()
        #expect(done.wait(timeout: .now() + 10) == .success)
    }

    @Test func `a run that lost its lock does not add rows beside the one that has it`() throws {
        let batch = try BatchViewStore()
        for hour in 0..<4 { try batch.add(1, Double(hour)) }
        var options = MaterializationOptions()
        (options.from, options.to, options.chunk) = (Self.hour(0), Self.hour(4), Interval(text: "2h"))
        let slow = try Materialization(batch.store.session, try batch.store.view("stats"), options)
        _ = try slow.runNext()
        try batch.run(from: Self.hour(0), to: Self.hour(4), session: batch.other)
        let error = batch.error { _ = try slow.runNext() }
        #expect(error.contains("another run materializes view 'stats'"))
        #expect(try batch.history().count == 4)
    }
}
