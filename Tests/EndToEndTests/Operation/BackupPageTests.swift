import EmbeddedPostgres
import Foundation
import Glibc
import TestSupport
import Testing

/// docs/how-to/backup-upgrade.md, each block as it stands there, on a store with rows, a training set and segments.
///
/// `localhost` and `db.internal` are a PostgreSQL of the tests'; the newer versions of Asof and of PostgreSQL are the same ones.
@Suite struct BackupPageTests {
    /// A folder with an embedded store, whose PostgreSQL is ended with it, and a PostgreSQL beside it.
    private final class Place {
        let bash: DocumentedShell
        let other: ThrowawayCluster
        private(set) var clusters: [EmbeddedCluster] = []

        init() throws {
            bash = try DocumentedShell(conninfo: nil)
            other = try ThrowawayCluster.start()
            _ = try bash.scratch.write("features.yaml", Workplace.yaml("clicks: int64"))
            let header = "user_id,event_time,clicks\n"
            _ = try bash.scratch.write("day1.csv", header + "1,2026-01-01T00:00:00Z,10\n2,2026-01-01T00:00:00Z,20\n")
            _ = try bash.scratch.write("day2.csv", header + "1,2026-01-02T00:00:00Z,11\n")
            _ = try bash.scratch.write(
                "spine.csv",
                "user_id,label_time\n1,2026-01-03T00:00:00Z\n2,2026-01-03T00:00:00Z\n"
            )
            try shell("asof init && asof apply --yes && asof ingest stats day1.csv")
            try shell("asof export --features 'stats.*' --spine spine.csv --label-time label_time --out train.parquet")
            try keepCluster()
        }

        /// That of `asof-data`, to be ended with the test.
        func keepCluster() throws { clusters.append(try #require(try EmbeddedCluster.find(from: bash.scratch.path))) }

        /// A database of the PostgreSQL beside the store.
        func uri(_ database: String) -> String {
            "postgresql://asof@/\(database)?host=\(other.folder)&port=\(ServerProcess.port)"
        }

        /// Runs commands, by the programs of the PostgreSQL beside the store, until one fails.
        @discardableResult
        func shell(
            _ commands: String,
            environment: [String: String] = [:],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws -> String {
            let programs = URL(fileURLWithPath: other.binaries.path("initdb")).deletingLastPathComponent().path
            let (status, text) = try bash.run("PATH=$PATH:\(programs)\n" + commands, environment: environment)
            #expect(status == 0, "\(commands): \(text)", sourceLocation: sourceLocation)
            return text
        }

        deinit {
            for cluster in clusters { try? cluster.stop(waiting: 5) }
            other.stop()
        }
    }

    /// The block of the page that begins so.
    private func block(_ start: String) throws -> String {
        let page = try DocumentPage("docs/how-to/backup-upgrade.md")
        return try #require(page.blocks.first { $0.text.hasPrefix(start) }, "no block begins with \(start)").text
    }

    /// Whether a store has what was in it when it was backed up: the set can be made again, bit for bit, and clicks are those.
    private func expectStore(
        _ place: Place,
        _ database: String = "",
        clicks: String = "10",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let option = database.isEmpty ? "" : " -d '\(database)'"
        try place.shell("asof check" + option, sourceLocation: sourceLocation)
        try place.shell("asof verify train.parquet" + option, sourceLocation: sourceLocation)
        let found = try place.shell("asof get stats 1 --json" + option, sourceLocation: sourceLocation)
        #expect(found.contains("\"stats__clicks\":\(clicks)"), "\(found)", sourceLocation: sourceLocation)
    }

    @Test func `a backup is restored beside the store, and what came later can be given again`() throws {
        let place = try Place()
        try place.shell(try block("pg_dump -Fc -d \"$(asof uri)\" -f store.dump  "))
        try place.shell("asof ingest stats day2.csv")
        let restored = try block("createdb restored").replacingOccurrences(
            of: "postgresql://localhost/restored",
            with: "'\(place.uri("restored"))'"
        )
        try place.shell(
            restored,
            environment: ["PGHOST": place.other.folder, "PGPORT": "\(ServerProcess.port)", "PGUSER": "asof"]
        )
        try expectStore(place, place.uri("restored"))
        try place.shell("asof ingest stats day1.csv day2.csv -d '\(place.uri("restored"))'")
        try expectStore(place, place.uri("restored"), clicks: "11")
        // The store itself goes on as it was.
        try expectStore(place, clicks: "11")
    }

    @Test func `the store's PostgreSQL is replaced by a dump, after the upgrade of Asof has made one`() throws {
        let place = try Place()
        try place.shell(try block("pg_dump -Fc -d \"$(asof uri)\" -f before.dump"))
        try place.shell(try block("pg_dump -Fc -d \"$(asof uri)\" -f store.dump\nmv"))
        try place.keepCluster()
        try expectStore(place)
        #expect(FileManager.default.fileExists(atPath: place.bash.scratch.path + "/asof-data.old"))
        try place.shell("asof ingest stats day2.csv")
        try expectStore(place, clicks: "11")
    }

    @Test func `a store moves to a PostgreSQL of one's own and is the same one there`() throws {
        let place = try Place()
        let id = "SELECT id::text FROM asof.store"
        let before = try place.shell("psql -At \"$(asof uri)\" -c '\(id)'")
        let block = try block("pg_dump -Fc --no-owner")
        for named in ["-h db.internal", "postgresql://db.internal/features", "/var/lib/asof/segments"] {
            try #require(block.contains(named), "the page does not say \(named) any more")
        }
        let moved =
            block
            .replacingOccurrences(of: "postgresql://db.internal/features", with: "'\(place.uri("features"))'")
            .replacingOccurrences(
                of: "-h db.internal",
                with: "-h \(place.other.folder) -p \(ServerProcess.port) -U asof"
            )
            .replacingOccurrences(of: "/var/lib/asof/segments", with: "segments")
        try place.shell(moved)
        try expectStore(place, place.uri("features"))
        #expect(try place.shell("psql -At '\(place.uri("features"))' -c '\(id)'") == before)
        try place.shell(
            "asof export --features 'stats.*' --spine spine.csv --label-time label_time --out again.parquet --segments segments -d '\(place.uri("features"))'"
        )
        #expect(try place.shell("cmp train.parquet again.parquet") == "")
    }
}
