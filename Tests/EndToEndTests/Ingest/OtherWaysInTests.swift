import Foundation
import Store
import TestSupport
import Testing
import TrainingSets

/// Exports by a role that may only read, from a standby, through a pooler: the same content as directly.
@Suite struct OtherWaysInTests {
    /// More spine rows than one statement takes, on several entities and days.
    private static let spineRows = TrainingSetLimits.probeRowsMax + 1_500

    private static func workplace(_ cluster: ThrowawayCluster? = nil) throws -> Workplace {
        let work = try Workplace(Workplace.yaml("id: int64, x: float64"), cluster: cluster)
        _ = try work.scratch.write("data.csv", Workplace.csv(0..<3_000))
        try work.asof(["ingest", "stats", "data.csv", "--missing", "null", "--batch-rows", "500"])
        var spine = "user_id,t,label\n"
        for row in 0..<spineRows {
            let (hour, minute) = (row / 60 % 24, row % 60)
            spine +=
                "\(row * 7 % 60),2024-01-01T\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute):00Z,\(row)\n"
        }
        _ = try work.scratch.write("spine.csv", spine)
        return work
    }

    private static let export = [
        "export", "--spine", "spine.csv", "--features", "stats.*", "--label-time", "t", "--out", "out.csv", "--json",
    ]

    private static func digest(_ work: Workplace, through other: String? = nil) throws -> String {
        try work.asof(export, through: other).contentDigest()
    }

    @Test func `a role with the documented grants exports, reads and verifies, and writes nothing`() throws {
        let work = try Self.workplace()
        let direct = try Self.digest(work)
        // Roles belong to the server, which other tests use, too.
        let role = "reader_\(UInt32.random(in: 0...(.max)))"
        try work.session.execute("CREATE ROLE \(role) LOGIN")
        try work.session.execute(try AsofBinary.run(["grant-sql", role, "reader"], in: work.scratch.path).out)
        defer { _ = try? work.session.execute("DROP OWNED BY \(role); DROP ROLE \(role)") }
        let reader = work.conninfo.replacing("user=asof", with: "user=\(role)")
        #expect(try Self.digest(work, through: reader) == direct)
        #expect(try work.ask("SELECT count(*) FROM asof.training_sets") == "1")
        for arguments in [["verify", "out.csv.manifest.json"], ["get", "stats", "7"], ["log"], ["views"], ["check"]] {
            try work.asof(arguments, through: reader)
        }
        // A view made later can be read, too.
        _ = try work.scratch.write(
            "features.yaml",
            Workplace.yaml("id: int64, x: float64") + "\n  late: { entities: [user], features: { y: int64 } }\n"
        )
        try work.asof(["apply", "--yes"])
        try work.asof(
            ["ingest", "late", "-", "--format", "csv"],
            input: "user_id,event_time,y\n7,2024-01-01T00:00:00Z,5\n"
        )
        #expect(try work.asof(["get", "late", "7"], through: reader).out.contains("5"))
        let head = try work.ask("SELECT max(position) FROM asof.batches")
        let denied = try work.asof(
            ["ingest", "late", "-", "--format", "csv"],
            expecting: 1,
            through: reader,
            input: "user_id,event_time,y\n8,2024-01-01T00:00:00Z,5\n"
        )
        #expect(denied.error.contains("permission denied"), "\(denied.error)")
        #expect(try work.ask("SELECT max(position) FROM asof.batches") == head)
        // The other documented grant lets it record what it exports.
        try work.session.execute("GRANT INSERT ON asof.training_sets TO \(role)")
        #expect(try Self.digest(work, through: reader) == direct)
        #expect(try work.ask("SELECT count(*) FROM asof.training_sets") == "2")
    }

    @Test func `a hot standby gives the same export, and refuses writes in words`() throws {
        let primary = try ThrowawayCluster.start()
        defer { primary.stop() }
        let work = try Self.workplace(primary)
        let direct = try Self.digest(work)
        let standby = try primary.standby()
        defer { standby.stop() }
        #expect(try primary.waitForReplay(by: standby))
        let other = work.conninfo.replacing(primary.folder, with: standby.folder)
        #expect(try Self.digest(work, through: other) == direct)
        for arguments in [["verify", "out.csv.manifest.json"], ["get", "stats", "7"], ["log"], ["check"]] {
            try work.asof(arguments, through: other)
        }
        let refused = try work.asof(
            ["ingest", "stats", "data.csv", "--missing", "null", "--again"],
            expecting: 1,
            through: other
        )
        #expect(refused.error.contains("recovery") || refused.error.contains("standby"), "\(refused.error)")
        // What the primary commits comes, and is exported at a position of the primary.
        try work.asof(
            ["ingest", "stats", "-", "--format", "csv", "--missing", "null"],
            input: Workplace.csv(3_000..<3_100)
        )
        #expect(try primary.waitForReplay(by: standby))
        #expect(try Self.digest(work, through: other) == Self.digest(work))
    }

    @Test(.enabled(if: PgBouncer.path != nil, "\(PgBouncer.notice)"))
    func `a transaction-pooling proxy changes nothing for any command`() throws {
        let cluster = try ThrowawayCluster.start()
        defer { cluster.stop() }
        let work = try Self.workplace(cluster)
        let direct = try Self.digest(work)
        let path = try #require(PgBouncer.path)
        let pooler = try PgBouncer(path, before: cluster)
        let database = try work.ask("SELECT current_database()")
        let other = pooler.conninfo(database: database)
        #expect(try Self.digest(work, through: other) == direct)
        _ = try work.scratch.write("more.csv", Workplace.csv(3_000..<6_000))
        let ingest = ["ingest", "stats", "more.csv", "--missing", "null", "--batch-rows", "100"]
        // More clients than server sessions.
        let folder = work.scratch.path
        let results = SideBySide.run(4) { _ in
            let output = try AsofBinary.run(ingest + ["-d", other], in: folder)
            #expect(output.status == 0 || output.error.contains("another ingest of source"), "\(output.error)")
        }
        #expect(results.isEmpty, "\(results)")
        try work.asof(ingest, through: other)
        try work.expectStored(6_000)
        _ = try work.scratch.write("features.yaml", Workplace.yaml("id: int64, x: float64, y: string"))
        try work.asof(["apply", "--yes"], through: other)
        try work.asof(["migrate"], through: other)
        let got = try work.asof(["get", "stats", "7", "--json"], through: other)
        #expect(got.out == (try work.asof(["get", "stats", "7", "--json"]).out))
        for arguments in [["verify", "out.csv.manifest.json"], ["log"], ["views"], ["check"]] {
            try work.asof(arguments, through: other)
        }
        let sql = "SELECT 7::bigint AS user_id, timestamptz '2024-01-02' AS t FROM generate_series(1, 20000)"
        try work.asof(
            ["export", "--spine-sql", sql, "--features", "stats.id", "--label-time", "t", "--out", "sql.csv"],
            through: other
        )
    }
}
