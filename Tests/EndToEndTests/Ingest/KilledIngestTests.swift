import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// `asof ingest` ended from outside at any moment; a rerun makes it whole.
@Suite struct KilledIngestTests {
    @Test(arguments: [20_240_101] as [UInt64])
    func `an ingest that is killed thirty times loses no row and stores none twice`(seed: UInt64) throws {
        let work = try Workplace()
        let (rows, kills) = (9_000, 30)
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<rows))
        let arguments = ["ingest", "stats", "data.csv", "--batch-rows", "20", "--quiet"]
        var random = SeededRandom(seed: seed)
        var counts = [0]
        for kill in 0..<kills {
            let running = try work.start(arguments)
            // Some are killed while they start and connect, the others in or between the batches that follow their first.
            if !random.oneIn(5) {
                let before = counts[counts.count - 1]
                let isUnderWay = try Patience.wait { try work.count() > before || !running.process.isRunning }
                #expect(isUnderWay, "seed \(seed), kill \(kill)")
            }
            Patience.pass(microseconds: random.int(0...40_000), "killed at any moment")
            let number = kill % 5 == 3 ? SIGINT : kill % 5 == 4 ? SIGTERM : SIGKILL
            if running.process.isRunning { Foundation.kill(running.process.processIdentifier, number) }
            running.waitUntilExit()
            _ = running.output()
            counts.append(try work.count())
        }
        #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 <= $1 }, "seed \(seed): \(counts)")
        #expect(Set(counts).count > 5, "the kills came all before the work, seed \(seed): \(counts)")
        try work.asof(arguments)
        try work.expectStored(rows, "seed \(seed): \(counts)")
        let again = try work.asof(["ingest", "stats", "data.csv"])
        #expect(again.out.contains("nothing new"))
        try work.expectStored(rows)
        #expect(try work.ask("SELECT count(*) FROM asof.sources") == "1")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `an ingest that is stopped by a signal says what is stored and how to go on`(number: Int32) throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<250))
        // Standard input stays open behind the rows, as that of a producer that goes on.
        let running = try AsofBinary.start(
            [
                "ingest", "stats", "-", "--format", "csv", "--batch-rows", "100", "--source", "rows", "-d",
                work.conninfo,
            ],
            in: work.scratch.path,
            shell: #"mkfifo pipe; (cat data.csv; exec sleep 20) >pipe & exec "$0" "$@" <pipe"#
        )
        #expect(try Patience.wait { try work.count() == 200 })
        // The ledger's answer has come, and the reader waits again.
        let pid = running.process.processIdentifier
        let isWaiting = Patience.wait {
            let waits = ThreadWaits.of(process: pid)
            return waits.contains { $0.contains("pipe_read") } && !waits.contains { $0.contains("poll") || $0 == "0" }
        }
        #expect(isWaiting, "\(ThreadWaits.of(process: pid))")
        kill(pid, number)
        running.waitUntilExit()
        let output = running.output()
        #expect(output.status == 128 + number)
        let expected =
            "asof: it was cancelled\n200 rows of standard input are stored (position 3); the same command goes on after them\n"
        #expect(output.error == expected)
        let source = ["ingest", "stats", "data.csv", "--source", "rows"]
        #expect(try work.asof(source).out.contains("50 rows into view stats after 200 that were stored before"))
        try work.expectStored(250)
    }

    @Test func `a client that is killed while its COMMIT waits has committed, and a rerun stores nothing twice`() throws
    {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<300))
        let holder = try Session(conninfo: work.conninfo)
        try holder.begin(.write)
        try holder.lock(AdvisoryLock.ledger)
        let running = try work.start(["ingest", "stats", "data.csv", "--batch-rows", "100"])
        let isWaiting = try Patience.wait {
            try work.ask(
                """
                SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = \(AdvisoryLock.ledger)
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            ) == "1"
        }
        #expect(isWaiting)
        kill(running.process.processIdentifier, SIGKILL)
        running.waitUntilExit()
        #expect(running.output().status == -SIGKILL)
        #expect(try work.count() == 0)
        holder.connection.rollBack()
        #expect(try Patience.wait { try work.count() == 100 })
        let rerun = try work.asof(["ingest", "stats", "data.csv", "--batch-rows", "100"])
        #expect(rerun.out.contains("after 100 that were stored before"), "\(rerun.out)")
        try work.expectStored(300)
        // Definitions and three batches: nothing was committed twice.
        #expect(try work.ask("SELECT max(position) FROM asof.batches") == "4")
    }

    @Test func `a connection that is lost during COPY is a clear error, and a rerun completes`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<3_000))
        try work.asof(["ingest", "stats", "-", "--format", "csv", "--source", "first"], input: Workplace.csv(0..<1))
        try work.session.execute(
            """
            CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_catalog.pg_sleep(0.005); RETURN NEW; END';
            CREATE TRIGGER slow BEFORE INSERT ON history.stats FOR EACH ROW EXECUTE FUNCTION public.slow()
            """
        )
        let running = try work.start(["ingest", "stats", "data.csv", "--source", "second"])
        let ended = try Patience.wait {
            try work.ask(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()
                AND pid <> pg_backend_pid() AND query LIKE 'COPY history%' AND clock_timestamp() - query_start > interval '0.1 s'
                """
            ) == "1"
        }
        #expect(ended)
        running.waitUntilExit()
        let output = running.output()
        #expect(output.status == 1)
        #expect(output.error.contains("terminating connection"), "\(output.error)")
        #expect(
            output.error.contains("nothing of data.csv is stored yet; give the same command again"),
            "\(output.error)"
        )
        #expect(try work.count() == 1)
        try work.session.execute("DROP TRIGGER slow ON history.stats; TRUNCATE history.stats, online.stats")
        try work.session.execute("UPDATE asof.batches SET rows = 0 WHERE view <> 0")
        try work.asof(["ingest", "stats", "data.csv", "--source", "second"])
        try work.expectStored(3_000)
    }

    @Test func `two ingests of one file at once store it once`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<2_000))
        let arguments = ["ingest", "stats", "data.csv", "--batch-rows", "100"]
        let running = try [work.start(arguments), work.start(arguments), work.start(arguments)]
        for one in running {
            one.waitUntilExit()
            let output = one.output()
            // One that falls behind by more than a batch says so; a rerun finds everything stored.
            #expect(output.status == 0 || output.error.contains("another ingest of source"), "\(output.error)")
        }
        try work.asof(arguments)
        try work.expectStored(2_000)
        #expect(try work.ask("SELECT max(position) FROM asof.batches") == "21")
    }
}
