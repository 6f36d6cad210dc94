import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// Commands that store something, on a server that takes no writes.
@Suite struct StandbyCommandTests {
    @Test func `a standby refuses what stores at once, and says where to go`() throws {
        let primary = try ThrowawayCluster.start()
        defer { primary.stop() }
        let work = try Workplace(cluster: primary)
        try work.asof(["ingest", "stats", "-", "--format", "csv"], input: Workplace.csv(0..<50))
        let standby = try primary.standby()
        defer { standby.stop() }
        #expect(try primary.waitForReplay(by: standby))
        let there = standby.conninfo(database: try work.ask("SELECT current_database()"))
        _ = try work.scratch.write("features.yaml", Workplace.yaml("id: int64, x: float64"))
        _ = try work.scratch.write("more.csv", Workplace.csv(50..<60))
        for command in [
            ["apply"], ["apply", "--yes"], ["ingest", "stats", "more.csv"], ["forget", "user", "1"],
            ["forget", "user", "1", "--yes"], ["rebuild-online", "stats"],
            ["drop-history", "stats", "--before", "2024-01-02", "--yes"],
        ] {
            let refused = try work.asof(command, expecting: 1, through: there, input: "y\n")
            #expect(refused.out.isEmpty, "\(command): \(refused.out)")
            #expect(
                refused.error.contains("this PostgreSQL is a standby, which takes no writes; nothing was done")
                    && refused.error.contains("target_session_attrs=read-write"),
                "\(command): \(refused.error)"
            )
        }
        for command in [["plan"], ["get", "stats", "7"], ["status"], ["forget", "user", "1", "--dry-run"]] {
            try work.asof(command, through: there)
        }
        #expect(try work.ask("SELECT max(position) FROM asof.batches") == "2")
    }

    @Test func `a role without rights is told the line that gives them`() throws {
        let work = try Workplace()
        let role = "r_\(UUID().uuidString.prefix(8).lowercased())"
        try work.session.execute("CREATE ROLE \(role) LOGIN")
        let there = "\(work.conninfo) user='\(role)'"
        _ = try work.scratch.write("more.csv", Workplace.csv(0..<10))
        for command in [["get", "stats", "1"], ["ingest", "stats", "more.csv"], ["views"], ["status"], ["plan"]] {
            let refused = try work.asof(command, expecting: 1, through: there)
            #expect(
                refused.error.contains("permission denied") && refused.error.contains("asof grant-sql \(role) reader"),
                "\(command): \(refused.error)"
            )
        }
        let grants = try AsofBinary.run(["grant-sql", role, "reader"], in: work.scratch.path).out
        try work.session.execute(grants)
        try work.asof(["get", "stats", "1"], through: there)
        let refused = try work.asof(["ingest", "stats", "more.csv"], expecting: 1, through: there)
        #expect(refused.error.contains("asof grant-sql \(role) reader | psql … (writer for"), "\(refused.error)")
    }
}
