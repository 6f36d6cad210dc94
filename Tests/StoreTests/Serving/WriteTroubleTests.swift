import Postgres
import Store
import Synchronization
import TestSupport
import Testing

@testable import Serving

/// PostgreSQL is there and stores nothing: a full disk, a moved folder, a frozen backend.
@Suite struct WriteTroubleTests {
    private final class Events: Sendable {
        private let events = Mutex<[ServingEvent]>([])
        func add(_ event: ServingEvent) { events.withLock { $0.append(event) } }
        func count(_ text: String) -> Int { events.withLock { $0.count { $0.message.contains(text) } } }
    }

    /// Has whatever writes to the ledger fail, and counts how often it is tried.
    private static func breakLedger(_ session: Session, state: String) throws {
        try session.execute(
            """
            CREATE SEQUENCE public.attempts;
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM nextval('public.attempts');
                RAISE EXCEPTION 'the value 4711 has no room' USING ERRCODE = '\(state)';
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON asof.batches FOR EACH ROW EXECUTE FUNCTION public.refuse();
            CREATE TRIGGER refuse BEFORE INSERT ON asof.batch_details FOR EACH ROW EXECUTE FUNCTION public.refuse()
            """
        )
    }

    private static func attempts(_ session: Session) throws -> Int64 {
        try session.query("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.attempts").int64(0, 0) ?? 0
    }

    @Test(
        "what stores nothing is told as long as it does, once in the log, and ends without a write",
        arguments: ["53100", "58P01", "57014"]
    )
    func tells(state: String) throws {
        let store = try TestStore(WriterFixture.yaml)
        let events = Events()
        var options = GroupWriter.Options()
        options.log = { events.add($0) }
        let fixture = try WriterFixture(store, lanes: 1, options: options)
        defer { fixture.writer.stop() }
        let session = try Session(conninfo: store.conninfo)
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(1, at: 10, 1)])).position != nil)
        #expect(fixture.writer.outage ?? fixture.writer.trouble == nil)

        try Self.breakLedger(session, state: state)
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(2, at: 10, 1)])).failure != nil)
        // Nobody writes any more, and it is found out again and again.
        let before = try Self.attempts(session)
        #expect(before >= 1)
        #expect(try Patience.wait { try Self.attempts(session) >= before + 3 })
        let reason = try #require(fixture.writer.outage ?? fixture.writer.trouble)
        #expect(!reason.contains("4711"))
        #expect(state == "57014" ? reason.contains("took too long") : reason.contains(state), "\(reason)")
        #expect(events.count("writes cannot be stored: " + reason) == 1)
        #expect(events.count("writes can be stored again") == 0)

        try session.execute("DROP TRIGGER refuse ON asof.batches; DROP TRIGGER refuse ON asof.batch_details")
        #expect(Patience.wait { fixture.writer.outage == nil && fixture.writer.trouble == nil })
        #expect(Patience.wait { events.count("writes can be stored again") == 1 })
        #expect(events.count("writes cannot be stored") == 1)
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(3, at: 10, 1)])).position != nil)
        // What was tried has left nothing.
        #expect(try session.query("SELECT count(*) FROM asof.batch_details WHERE view = -1").int64(0, 0) == 0)
    }

    @Test func `why PostgreSQL refuses connections is told without names`() throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let store = try TestStore(WriterFixture.yaml, cluster: cluster)
        try cluster.execute("CREATE ROLE keeper SUPERUSER LOGIN")
        let events = Events()
        var options = GroupWriter.Options()
        options.log = { events.add($0) }
        let fixture = try WriterFixture(store, lanes: 1, settings: "user=keeper", options: options)
        defer { fixture.writer.stop() }
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(1, at: 10, 1)])).position != nil)
        try cluster.execute("ALTER ROLE keeper NOLOGIN")
        try cluster.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keeper'")
        _ = fixture.put(fixture.write("stats", [WriterFixture.row(2, at: 10, 1)]))
        let reason = "PostgreSQL cannot be reached: FATAL: role \"…\" is not permitted to log in"
        #expect(Patience.wait { fixture.writer.outage == reason }, "\(fixture.writer.outage ?? "no outage")")
        #expect(events.count("writes cannot be stored: " + reason) == 1)
        try cluster.execute("ALTER ROLE keeper LOGIN")
        #expect(Patience.wait { fixture.writer.outage == nil })
        #expect(fixture.put(fixture.write("stats", [WriterFixture.row(3, at: 10, 1)])).position != nil)
    }
}
