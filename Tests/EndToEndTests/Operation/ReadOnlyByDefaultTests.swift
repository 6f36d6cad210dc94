import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// A database, role or connection whose transactions only read: nothing of ours takes that away.
@Suite struct ReadOnlyByDefaultTests {
    private static let message =
        "default_transaction_read_only is on for this role, database, server or connection string"

    @Test(arguments: ["database", "PGOPTIONS", "connection string"])
    func `writes are refused with the reason and the way out, and reading goes on`(place: String) throws {
        let store = try ServedStore()
        _ = try store.scratch.write("a.csv", "user_id,t,n\n1,2026-01-01,1\n")
        _ = try store.scratch.write("spine.csv", "user_id,at\n1,2026-02-01\n")
        #expect(try store.asof(["ingest", "marks", "a.csv", "--event-time", "t"]).status == 0)
        let head = try store.head()
        var (conninfo, environment) = (store.conninfo, [String: String]())
        switch place {
        case "database":
            try store.session().execute(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$"
            )
        case "PGOPTIONS": environment["PGOPTIONS"] = "-c default_transaction_read_only=on"
        default: conninfo += " options='-c default_transaction_read_only=on'"
        }
        func asof(_ arguments: String...) throws -> AsofBinary.Output {
            try AsofBinary.run(arguments + ["-d", conninfo], in: store.scratch.path, environment: environment)
        }
        _ = try store.scratch.write("features.yaml", ServedStore.yaml + "\n  more: [marks.n]\n")
        _ = try store.scratch.write("b.csv", "user_id,t,n\n1,2026-01-03,1\n")
        for command in [
            try asof("ingest", "marks", "b.csv", "--event-time", "t"), try asof("apply", "--yes"),
            try asof("forget", "user", "1", "--yes"), try asof("rebuild-online", "marks"),
        ] {
            #expect(command.status == 1 && command.error.contains(Self.message), "\(command)")
            #expect(command.error.contains("ALTER ROLE … RESET default_transaction_read_only"), "\(command)")
        }
        #expect(try asof("get", "marks", "1").out.contains("2026-01-01"))
        #expect(try asof("check").status == 0)
        let export = try asof(
            "export",
            "--spine",
            "spine.csv",
            "--label-time",
            "at",
            "--features",
            "marks.n",
            "--out",
            "o.csv"
        )
        #expect(export.status == 0, "\(export)")
        #expect(try asof("verify", "o.csv").status == 0)
        let server = try ServedAsof(["-d", conninfo], in: store.scratch.path, environment: environment)
        let client = try server.client()
        var reply = try client.line("FS.SET marks 1 2026-01-02 n 5")
        #expect(
            try Patience.wait(seconds: 60) {
                reply = try client.line("FS.SET marks 1 2026-01-02 n 5")
                return !"\(reply)".contains("LOADING")
            }
        )
        #expect("\(reply)".contains("FSUNAVAILABLE") && "\(reply)".contains("read-only"), "\(reply)")
        _ = server.stop()
        #expect(try Ledger(try Session(conninfo: store.conninfo)).head().position == head)
    }
}
