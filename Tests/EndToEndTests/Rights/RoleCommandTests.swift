import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Every command of the program, run by the role of PostgreSQL that needs the least for it, whose settings are not the usual
/// ones; and refused to those that have less.
@Suite struct RoleCommandTests {
    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          flight: { key: flight_id, type: int64 }
        views:
          stats: { entities: [user], missing: 'null', features: { age: int64, ctr: float64 } }
          clicks: { entities: [user], events: { id: click }, features: { click: int64, price: float64 } }
          recent: { entities: [user], windows: { of: clicks, features: { n: count over 1d } } }
          sums:
            entities: [user]
            features: { total: int64 }
            source: { sql: 'SELECT user_id, event_time, total FROM public.raw WHERE event_time >= :from AND event_time < :to' }
          picks: { entities: [user], scores: { model: old } }
          arrivals: { entities: [flight], missing: 'null', features: { late: bool, prediction_time: timestamp, carrier: string } }
        services:
          shop: [stats.*, recent.n, { request: amount, type: float64 }]
          plain: [stats.age]
          flights: [{ request: carrier, type: string }]
        models:
          buys: { service: shop, task: binary, label: bought, algorithm: logistic, log: 100% }
          old: { service: plain, task: binary, label: bought, algorithm: logistic }
          late:
            service: flights
            algorithm: { ftrl: { alpha: 0.2, l2: 1 } }
            objective: logistic
            encode: { request__carrier: hash(64) }
            collisions: 40%
            labels: { view: arrivals, value: late, at: prediction_time }
            publish: { every: 1us }
        streams:
          orders: { kafka: { brokers: none, topic: orders }, into: stats, map: { user_id: value.user }, event_time: value.ts unit ms }
        """

    /// What people set for roles, and what somebody hostile would.
    private static let settings = [
        "search_path = 'evil', 'pg_catalog', 'public'", "statement_timeout = '5s'", "lock_timeout = '3s'",
        "default_transaction_read_only = on", "default_transaction_isolation = 'serializable'",
        "DateStyle = 'German'", "TimeZone = 'Asia/Kathmandu'", "IntervalStyle = 'iso_8601'",
        "extra_float_digits = -15", "bytea_output = 'escape'", "client_encoding = 'LATIN1'",
        "standard_conforming_strings = off", "row_security = off",
    ]

    private static let evil = """
        CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;
        CREATE TABLE evil.batches (position bigint); CREATE TABLE evil.stats (); CREATE TABLE evil.views (name text);
        CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT '1900-01-01'::timestamptz$$;
        CREATE FUNCTION evil.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
        CREATE TABLE public.raw AS SELECT i % 5 AS user_id, '2026-01-01T00:00:00Z'::timestamptz + i * interval '1 hour'
            AS event_time, i::bigint AS total FROM generate_series(1, 40) i;
        GRANT SELECT ON public.raw TO PUBLIC;
        """

    private static func write(_ scratch: Scratch) throws {
        var random = SeededRandom(seed: 17)
        _ = try scratch.write("features.yaml", yaml)
        _ = try scratch.write("word", "geheim\n")
        chmod(scratch.path + "/word", 0o600)
        var (rows, clicks) = ("user_id,event_time,age,ctr\n", "user_id,event_time,click,price\n")
        var (spine, flights) = ("user_id,at,amount,bought\n", "flight_id,at,late,prediction_time,carrier\n")
        for number in 0..<400 {
            let (user, day) = (random.int(0...19), random.int(1...6))
            rows += "\(user),2026-01-0\(day)T00:00:00Z,\(20 + user),0.\(random.int(1...99))\n"
            clicks += "\(user),2026-01-0\(day)T0\(random.int(0...9)):00:00Z,\(number),\(random.int(1...50))\n"
            let bought = random.int(0...99) < (user % 2 == 1 ? 80 : 15) ? 1 : 0
            spine += "\(user),2026-01-07T\(random.int(10...23)):00:00Z,\(random.int(0...90)),\(bought)\n"
            let late = random.int(0...9) < 3
            flights += "\(number),2026-01-0\(day)T12:00:00Z,\(late),2026-01-0\(day)T10:00:00Z,C\(random.int(0...4))\n"
        }
        // A month of its own, for which the owner has made no partition.
        rows += "1,2025-03-01T00:00:00Z,30,0.5\n"
        for (name, text) in [
            ("rows.csv", rows), ("clicks.csv", clicks), ("spine.csv", spine), ("flights.csv", flights),
            ("arrivals.csv", flights.replacing("flight_id,at,", with: "flight_id,event_time,")),
        ] { _ = try scratch.write(name, text) }
    }

    @Test func `every command of the program has a row that says whose it is`() throws {
        struct Dump: Decodable {
            struct Command: Decodable {
                var commandName: String
                var subcommands: [Command]?

                func leaves(_ before: [String] = []) -> [String] {
                    guard let subcommands, !subcommands.isEmpty else {
                        return [(before + [commandName]).joined(separator: " ")]
                    }
                    return subcommands.flatMap { $0.leaves(before + [commandName]) }
                }
            }
            var command: Command
        }
        let dump = try AsofBinary.run(["--experimental-dump-help"], in: "/tmp")
        let tree = try JSONDecoder().decode(Dump.self, from: Data(dump.out.utf8)).command
        // Those that asof starts itself, with what it has.
        let own = ["_supervise", "_fit"]
        let commands = Set((tree.subcommands ?? []).flatMap { $0.leaves() })
            .filter { $0.split(separator: " ").last != "help" && !own.contains($0) }
        try #require(commands.count > 40)
        let named = Set(RoleCommand.all.map(\.name))
        #expect(commands.subtracting(named).sorted() == [], "add a row that says which role needs it least")
        #expect(named.subtracting(commands).sorted() == [], "there is no such command")
    }

    enum Way: CaseIterable { case direct, pgbouncer }

    @Test(
        "each command runs as the least role, whatever its settings are, and is refused to less",
        .enabled(if: PgBouncer.path != nil, "scripts/setup pgbouncer"),
        arguments: Way.allCases
    )
    func leastRoles(way: Way) throws {
        let cluster = try ThrowawayCluster.start()
        let base = try cluster.database()
        let admin = try Session(conninfo: base)
        try admin.execute(Self.evil)
        let scratch = try Scratch()
        try Self.write(scratch)
        var roles: [RoleCommand.Role: StoreRole] = [:]
        for role in RoleCommand.Role.allCases {
            roles[role] = try StoreRole(role.rawValue, base, settings: Self.settings)
        }
        let owner = try #require(roles[.owner])
        try StoreRole.grant(admin, owner.name, "owner")
        // Three at once are what a command takes at most (materialize).
        let pooler =
            try way == .pgbouncer
            ? PgBouncer(try #require(PgBouncer.path), before: cluster, users: roles.values.map(\.name), sessions: 3)
            : nil
        let database = try #require(try admin.query("SELECT current_database()::text").text(0, 0))
        func conninfo(_ role: RoleCommand.Role) throws -> String {
            let name = try #require(roles[role]?.name)
            return StoreRole.conninfo(pooler?.conninfo(database: database) ?? base, as: name)
        }
        func run(_ words: [String], _ role: RoleCommand.Role?, input: String = "") throws -> AsofBinary.Output {
            let place = try role.map { ["-d", try conninfo($0)] } ?? []
            return try AsofBinary.run(words + place, in: scratch.path, input: input)
        }
        func run(_ rows: [RoleCommand], place: String = "") throws {
            for row in rows {
                let words = row.words.map { $0 == "PLACE" ? place : $0 }
                switch row.how {
                case .shown: continue
                case .needsNoStore:
                    // Where there would be one, nobody may connect.
                    let more = row.name == "uri" ? ["-d", "host=/nowhere"] : []
                    let output = try run(words + more, nil, input: row.input)
                    #expect(output.status == 0, "\(row.name): \(output.out)\(output.error)")
                case .runs:
                    for lesser in row.lesser where way == .direct {
                        let refused = try run(words, lesser, input: row.input)
                        #expect(
                            refused.status != 0 && refused.error.contains("permission denied"),
                            "\(lesser) \(row.words): \(refused)"
                        )
                    }
                    let output = try run(words, row.role, input: row.input)
                    #expect(output.status == 0, "\(row.role) \(row.words): \(output.out)\(output.error)")
                    if row.name == "init" {
                        for role in [RoleCommand.Role.reader, .writer, .trainer] {
                            let session = try Session(conninfo: owner.conninfo)
                            try session.execute("SET default_transaction_read_only = off")
                            try StoreRole.grant(session, try #require(roles[role]?.name), role.rawValue)
                        }
                    }
                }
            }
        }
        try run(RoleCommand.before)
        let served = try ServedAsof(["-d", conninfo(.writer)], in: scratch.path)
        let client = try served.client()
        #expect(try client.run("HELLO", "3", "AUTH", "ada", "geheim")["server"]?.text == "asof")
        #expect(
            try Patience.wait(seconds: 60) { try client.run("INFO", "persistence").text?.contains("loading:0") == true }
        )
        #expect(try client.run("FS.SET", "stats", "1", "2025-09-01T00:00:00Z", "age", "7").integer != nil)
        let predicted = try client.line("ML.PREDICT buys KEYS 2 user_id amount ROWS 1 1 3")
        #expect(!predicted.isError, "\(predicted)")
        #expect(
            Patience.wait(seconds: 30) {
                (try? admin.query("SELECT count(*) FROM asof.predictions").int64(0, 0)) == 1
            }
        )
        try run(RoleCommand.after, place: "127.0.0.1:\(served.port)")
        #expect(served.stop().status == 0)
        // Everything belongs to the owner, whoever asked for it.
        let others = try admin.query(
            """
            SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('asof', 'history', 'online') AND pg_get_userbyid(c.relowner) <> $1
            """,
            [.text(owner.name)]
        )
        #expect(others.int64(0, 0) == 0)
    }

    @Test func `time-outs of a role end nothing that waits its turn`() throws {
        let store = try ServedStore()
        let admin = try store.session()
        let settings = [
            "statement_timeout = '2s'", "lock_timeout = '1s'", "idle_in_transaction_session_timeout = '1s'",
        ]
        let writer = try StoreRole("writer", store.conninfo, settings: settings)
        try StoreRole.grant(admin, writer.name, "writer")
        try admin.execute("BEGIN; LOCK TABLE history.stats IN EXCLUSIVE MODE")
        let running = try AsofBinary.start(
            ["ingest", "stats", "rows.csv", "-d", writer.conninfo],
            in: try {
                _ = try store.scratch.write("rows.csv", "user_id,event_time,clicks\n1,2026-01-01T00:00:00Z,1\n")
                return store.scratch.path
            }()
        )
        let watch = try store.session()
        let isBlocked =
            "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND cardinality(pg_blocking_pids(pid)) > 0"
        #expect(
            try Patience.wait(seconds: 60) { try watch.query(isBlocked, [.text(writer.name)]).int64(0, 0) == 1 }
        )
        Patience.pass(microseconds: 3_000_000, "longer than the role's time-outs")
        try admin.execute("COMMIT")
        running.process.waitUntilExit()
        let output = running.output()
        #expect(output.status == 0, "\(output.error)")
        #expect(try store.number("SELECT count(*) FROM history.stats") == 1)
    }
}
