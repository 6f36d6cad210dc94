import Features
import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// `asof apply`, `plan` and `migrate` as commands.
@Suite struct ApplyCommandTests {
    @Test func `without a terminal and without --yes nothing is applied`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("features.yaml", Workplace.yaml("id: int64, x: float64"))
        let refused = try work.asof(["apply"], expecting: 1, input: "y\n")
        #expect(refused.error.contains("--yes"), "\(refused.error)")
        #expect(refused.out.contains("x"))
        #expect(try work.ask("SELECT max(version) FROM asof.definitions") == "1")
        let plan = try work.asof(["plan"])
        #expect(plan.out.contains("x"))
        try work.asof(["apply", "--yes"])
        #expect(try work.asof(["plan"]).out.contains("no changes"))
        // The same again is no change and takes no position.
        #expect(try work.asof(["apply"]).out.contains("no changes"))
        #expect(try work.ask("SELECT max(position) FROM asof.batches") == "2")
    }

    @Test func `refused changes are named, exit with 1, and apply nothing`() throws {
        let work = try Workplace()
        let more = "\n  other: { entities: [user], features: { z: int64 } }\n"
        _ = try work.scratch.write("features.yaml", Workplace.yaml("id: string") + more)
        for arguments in [["plan"], ["apply", "--yes"]] {
            let refused = try work.asof(arguments, expecting: 1)
            #expect(refused.out.contains("!"), "\(refused.out)")
        }
        #expect(try work.ask("SELECT count(*) FROM asof.views") == "1")
        #expect(try work.ask("SELECT max(version) FROM asof.definitions") == "1")
    }

    @Test func `what is applied is what was shown, also where somebody else applied meanwhile`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("mine.yaml", Workplace.yaml("id: int64, mine: float64"))
        _ = try work.scratch.write("theirs.yaml", Workplace.yaml("id: int64, theirs: float64"))
        // The plan is shown, and then apply waits for the lock that another apply holds.
        let other = try Session(conninfo: work.conninfo)
        try other.begin(.write)
        try other.lock(AdvisoryLock.definitions)
        let running = try work.start(["apply", "mine.yaml", "--yes"])
        let isWaiting = try work.session.isSomebodyBlocked(by: "advisory")
        #expect(isWaiting)
        let theirs = try Definitions.parse(yaml: Workplace.yaml("id: int64, theirs: float64"), file: "theirs.yaml")
        try other.execute(
            """
            INSERT INTO asof.definitions (version, project, document) SELECT version + 1, project, document
            FROM asof.definitions ORDER BY version DESC LIMIT 1
            """
        )
        try other.commit()
        running.waitUntilExit()
        let output = running.output()
        #expect(output.status == 0, "\(output.error)")
        #expect(
            output.out.contains("definitions have changed meanwhile (version 2); nothing was applied. The plan is now:")
        )
        #expect(output.out.components(separatedBy: "+ feature  stats.mine").count == 3, "\(output.out)")
        // Their feature is not retired without being shown.
        _ = try Registry.apply(theirs, work.session)
        let refused = try work.asof(["apply", "mine.yaml", "--yes"], expecting: 1)
        #expect(refused.out.contains("- feature  stats.theirs"), "\(refused.out)")
        #expect(refused.error.contains("1 change marked - would hide what others may use; say --allow-retire"))
        #expect(try work.asof(["plan", "theirs.yaml"]).out.contains("no changes"))
        try work.asof(["apply", "mine.yaml", "--yes", "--allow-retire"])
    }

    @Test(arguments: ["", "# nothing yet\n", "views: {}\n"])
    func `a file that defines nothing is refused`(text: String) throws {
        let work = try Workplace()
        _ = try work.scratch.write("empty.yaml", text)
        for command in [["plan", "empty.yaml"], ["apply", "empty.yaml", "--yes", "--allow-retire"]] {
            let refused = try work.asof(command, expecting: 1)
            #expect(refused.error.contains("empty.yaml"), "\(refused.error)")
        }
        #expect(try work.ask("SELECT count(*) FROM asof.views WHERE retired_at IS NULL") == "1")
    }

    @Test func `an ingest whose view changes meanwhile stops with a conflict, and the same command goes on`() throws {
        let work = try Workplace()
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<2_000))
        let view = try Registry.load(work.session).view(named: "stats")
        // The ingest waits for its first batch's view, which changes before it comes to it.
        let holder = try Session(conninfo: work.conninfo)
        try holder.begin(.write)
        try holder.lock(AdvisoryLock.view(view.id))
        let running = try work.start(["ingest", "stats", "data.csv", "--batch-rows", "500"])
        let isWaiting = try Patience.wait {
            try work.ask(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = \(AdvisoryLock.view(view.id))"
            ) == "1"
        }
        #expect(isWaiting)
        try holder.execute("UPDATE asof.views SET shape = shape + 1")
        try holder.commit()
        running.waitUntilExit()
        let output = running.output()
        #expect(output.status == 1)
        #expect(output.error.contains("changed meanwhile; run the command again"), "\(output.error)")
        #expect(try work.count() == 0)
        try work.asof(["ingest", "stats", "data.csv"])
        try work.expectStored(2_000)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `an apply that a signal ends says that nothing was applied`(number: Int32) throws {
        let work = try Workplace()
        _ = try work.scratch.write("features.yaml", Workplace.yaml("id: int64, x: float64"))
        let other = try Session(conninfo: work.conninfo)
        try other.begin(.write)
        try other.lock(AdvisoryLock.definitions)
        let running = try work.start(["apply", "--yes"])
        #expect(try work.session.isSomebodyBlocked(by: "advisory"))
        kill(running.process.processIdentifier, number)
        running.waitUntilExit()
        let output = running.output()
        #expect(output.status == 128 + number && output.error == "asof: it was cancelled\nnothing was applied\n")
        other.connection.rollBack()
        #expect(try work.ask("SELECT max(version) FROM asof.definitions") == "1")
    }

    @Test func `migrate does nothing twice, and names a migration that is not what was applied`() throws {
        let work = try Workplace()
        #expect(try work.asof(["migrate"]).out.contains("nothing to do"))
        #expect(try work.asof(["init"]).out.contains("there already"))
        try work.session.execute("UPDATE asof.migrations SET checksum = 'other' WHERE number = 1")
        let refused = try work.asof(["migrate"], expecting: 1)
        #expect(refused.error.contains("0001_store.sql"), "\(refused.error)")
    }

    @Test func `a newer schema is read but not written to`() throws {
        let work = try Workplace()
        try work.asof(["ingest", "stats", "-", "--format", "csv"], input: Workplace.csv(0..<50))
        try work.session.execute("INSERT INTO asof.migrations (number, name, checksum) VALUES (9999, 'later.sql', '')")
        #expect(try work.asof(["get", "stats.id", "7"]).out.contains("7"))
        for arguments in [["ingest", "stats", "-", "--format", "csv"], ["apply", "--yes"], ["migrate"]] {
            let refused = try work.asof(arguments, expecting: 1, input: Workplace.csv(0..<50))
            #expect(refused.error.contains("use a newer asof"), "\(refused.error)")
        }
        #expect(try work.count() == 50)
    }
}
