import Foundation
import Postgres
import Store
import TestSupport
import Testing

@Suite struct MaterializeTests {
    /// Definitions of batch views of one feature each.
    private static func yaml(_ views: [(name: String, sql: String)]) -> String {
        var text = "entities:\n  user: { key: user_id, type: int64 }\nviews:\n"
        for view in views {
            text += "  \(view.name):\n    entities: [user]\n    features: { clicks: int64 }\n"
            text += "    source: { sql: '\(view.sql)' }\n"
        }
        return text
    }

    private static let raw =
        "SELECT user_id, event_time, clicks FROM public.raw WHERE event_time >= :from AND event_time < :to"
    private static let stats = yaml([("stats", raw)])

    private struct Place {
        let scratch: Scratch
        let conninfo: String
        let session: Session

        init(_ yaml: String) throws {
            scratch = try Scratch()
            conninfo = try ThrowawayCluster.shared().database()
            session = try Session(conninfo: conninfo)
            _ = try scratch.write("features.yaml", yaml)
            #expect(try asof("init").status == 0)
            let applied = try asof("apply", "--yes")
            #expect(applied.status == 0, "\(applied.error)")
        }

        func asof(_ arguments: String...) throws -> AsofBinary.Output {
            try AsofBinary.run(arguments + ["-d", conninfo], in: scratch.path)
        }

        func start(_ arguments: String...) throws -> AsofBinary.Running {
            try AsofBinary.start(arguments + ["-d", conninfo], in: scratch.path)
        }

        /// Every row of a table, hashed.
        func content(_ table: String) throws -> String? {
            try session.query(
                """
                SELECT md5(string_agg(format('%s %s %s', user_id, extract(epoch FROM _event_time), clicks), ','
                    ORDER BY user_id, _event_time)) FROM \(table)
                """
            ).text(0, 0)
        }
    }

    private static func fill(_ session: Session, rows: Int) throws {
        try session.execute(
            """
            CREATE TABLE public.raw AS SELECT (i * 7919) % 500 AS user_id,
                '2025-01-01T00:00:00Z'::timestamptz + i * interval '1 minute' AS event_time, (i % 1000)::bigint AS clicks
            FROM generate_series(0, \(rows - 1)) i;
            ALTER TABLE public.raw ALTER user_id TYPE bigint; CREATE INDEX ON public.raw (event_time)
            """
        )
    }

    @Test func `a run killed twenty times and run again equals a run that was not killed`() throws {
        let whole = try Place(Self.stats)
        try Self.fill(whole.session, rows: 20_000)
        let window = ["--from", "2025-01-01T00:00:00Z", "--to", "2025-01-15T00:00:00Z", "--chunk", "12h", "--quiet"]
        func run(_ place: Place) throws -> AsofBinary.Running {
            try AsofBinary.start(["materialize", "stats", "-d", place.conninfo] + window, in: place.scratch.path)
        }
        let start = ContinuousClock.now
        let unbroken = try run(whole)
        unbroken.waitUntilExit()
        #expect(unbroken.output().status == 0)
        let lasts = start.duration(to: .now)

        let broken = try Place(Self.stats)
        try Self.fill(broken.session, rows: 20_000)
        let seed = UInt64.random(in: 0 ... .max)
        var state = seed
        for _ in 0..<20 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let running = try run(broken)
            let moment = lasts / .microseconds(1) * Double(state >> 40) / Double(1 << 24)
            Patience.pass(microseconds: Int(moment), "killed at any moment")
            kill(running.process.processIdentifier, SIGKILL)
            running.waitUntilExit()
            _ = running.output()
        }
        // The server may still be at the killed run's statement; the lock is free when it is not.
        let last = try run(broken)
        last.waitUntilExit()
        let output = last.output()
        #expect(output.status == 0, "seed \(seed): \(output.error)")
        for table in ["history.stats", "online.stats"] {
            #expect(try broken.content(table) == whole.content(table), "seed \(seed): \(table)")
        }
        #expect(try broken.asof("check").status == 0)
        #expect(try whole.session.query("SELECT count(*) FROM history.stats").int64(0, 0) == 20_000)
    }

    @Test func `all views run in the order of their dependencies, and circles are named`() throws {
        let last = (
            name: "a_last",
            sql: "SELECT user_id, _event_time, clicks + 1 AS clicks FROM public.between "
                + "WHERE _event_time >= :from AND _event_time < :to"
        )
        let place = try Place(Self.yaml([("z_source", Self.raw)]))
        try Self.fill(place.session, rows: 100)
        try place.session.execute("CREATE VIEW public.between AS SELECT * FROM history.z_source")
        _ = try place.scratch.write("features.yaml", Self.yaml([last, ("z_source", Self.raw)]))
        #expect(try place.asof("apply", "--yes").status == 0)
        let run = try place.asof("materialize", "--all", "--json")
        #expect(run.status == 0, "\(run.error)")
        let lines = run.out.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(
            lines.first?.hasPrefix(#"{"view":"z_source""#) == true && lines.last?.contains(#""stored":100"#) == true
        )

        let circle =
            "SELECT r.user_id, event_time, r.clicks FROM public.raw r LEFT JOIN online.a_last a USING (user_id) "
            + "WHERE event_time >= :from AND event_time < :to"
        _ = try place.scratch.write("features.yaml", Self.yaml([last, ("z_source", circle)]))
        #expect(try place.asof("apply", "--yes").status == 0)
        let refused = try place.asof("materialize", "--all")
        #expect(refused.status == 1)
        #expect(refused.error.contains("a_last reads z_source reads a_last"))
    }

    @Test func `what reads a failed view is left out, the others run`() throws {
        let broken = Self.raw.replacingOccurrences(of: ", clicks", with: ", 1 / (clicks - clicks) AS clicks")
        let after =
            "SELECT user_id, _event_time, clicks FROM history.broken WHERE _event_time >= :from AND _event_time < :to"
        let place = try Place(Self.yaml([("stats", Self.raw)]))
        try Self.fill(place.session, rows: 100)
        for views in [[("broken", broken)], [("broken", broken), ("after", after)]] {
            _ = try place.scratch.write("features.yaml", Self.yaml(views + [("stats", Self.raw)]))
            #expect(try place.asof("apply", "--yes").status == 0)
        }
        let run = try place.asof("materialize", "--all")
        #expect(run.status == 1)
        #expect(run.error.contains("division by zero"))
        #expect(run.error.contains("view 'after' was left out: it reads 'broken'"))
        #expect(run.out.contains("stats: ") && run.out.contains("100 new"))
    }

    @Test func `a dry run counts and stores nothing; the real one says what it did; the next has nothing new`() throws {
        let place = try Place(Self.stats)
        try Self.fill(place.session, rows: 3_000)
        let dry = try place.asof(
            "materialize",
            "stats",
            "--dry-run",
            "--from",
            "2025-01-01",
            "--to",
            "2025-01-03T06:00:00Z",
            "--chunk",
            "1d"
        )
        #expect(
            dry.out == """
                stats: 2025-01-01T00:00:00Z to 2025-01-02T00:00:00Z: 1,440 rows
                stats: 2025-01-02T00:00:00Z to 2025-01-03T00:00:00Z: 1,440 rows
                stats: 2025-01-03T00:00:00Z to 2025-01-03T06:00:00Z: 120 rows
                stats: 2025-01-01T00:00:00Z to 2025-01-03T06:00:00Z, 3 chunks: 3,000 rows; nothing was stored

                """
        )
        #expect(try place.content("history.stats") == nil)
        let real = try place.asof("materialize", "stats")
        #expect(real.status == 0 && real.out.contains("3,000 rows, 3,000 new"), "\(real.error)")
        #expect(try place.asof("materialize", "stats").out.contains("0 rows, 0 new"))
        #expect(try place.asof("rebuild-online", "--all").out.contains("stats: 500 entities, all were right"))
        #expect(try place.asof("materialize").status == 2)
        #expect(try place.asof("materialize", "stats", "--chunk", "0d").status == 2)
        #expect(try place.asof("check").status == 0)
    }
}
