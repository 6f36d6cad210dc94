import Features
import Foundation
import TestSupport
import Testing
import TrainingSets

/// What lies in the future of every label, or after the pinned position, leaves no trace in an export; what lies in the
/// past of one does.
@Suite struct InvarianceTests {
    static let header = "user_id,t,known,deleted,n,note"

    /// A store with 60 rows of 2020 and a spine with labels until 2020-12-31.
    final class Fixture {
        let scratch: Scratch
        let database: [String]
        var random: SeededRandom
        private(set) var rows: [String] = []

        init(seed: UInt64) throws {
            random = SeededRandom(seed: seed)
            scratch = try Scratch()
            database = ["-d", try ThrowawayCluster.shared().database()]
            _ = try scratch.write(
                "features.yaml",
                """
                entities:
                  user: { key: user_id, type: int64 }
                views:
                  stats: { entities: [user], ttl: 90d, delay: 1h, features: { n: int64, note: string } }
                """
            )
            try run(["init"])
            try run(["apply", "features.yaml", "--yes"])
            rows = (0..<60).map { _ in row(month: random.int(1...12)) }
            try ingest(rows)
            // A scan takes these from files and what comes later from PostgreSQL.
            try run(["segments", "build"])
            var spine = "user_id,t\n"
            for _ in 0..<80 { spine += "\(random.int(1...6)),\(time(month: random.int(1...12)))\n" }
            _ = try scratch.write("spine.csv", spine)
        }

        func time(month: Int, year: Int = 2020) -> String {
            let parts = [month, random.int(1...28), random.int(0...23)].map { $0 < 10 ? "0\($0)" : "\($0)" }
            return "\(year)-\(parts[0])-\(parts[1])T\(parts[2]):00:00Z"
        }

        func row(month: Int, year: Int = 2020) -> String {
            let time = time(month: month, year: year)
            return
                "\(random.int(1...5)),\(time),\(time),\(random.oneIn(8)),\(random.int(0...999)),\(random.oneIn(4) ? "" : "n")"
        }

        func ingest(_ rows: [String]) throws {
            let name = "\(UUID().uuidString).csv"
            _ = try scratch.write(name, ([InvarianceTests.header] + rows).joined(separator: "\n") + "\n")
            let columns = ["--event-time", "t", "--known-at", "known", "--deleted", "deleted"]
            try run(["ingest", "stats", name, "--allow-future"] + columns)
        }

        @discardableResult
        func run(_ arguments: [String]) throws -> AsofBinary.Output {
            let output = try AsofBinary.run(arguments + database, in: scratch.path)
            #expect(output.status == 0, "\(arguments): \(output.error)")
            return output
        }

        /// The bytes of an export, and its content digest.
        func export(_ format: String, _ options: [String] = []) throws -> (data: Data, digest: String) {
            let out = "out-\(UUID().uuidString).\(format)"
            let engine = ["--engine", random.pick(["probe", "scan"])]
            try run(
                ["export", "--spine", "spine.csv", "--features", "stats.*", "--label-time", "t", "--out", out]
                    + engine + options
            )
            let json = try Data(contentsOf: URL(fileURLWithPath: "\(scratch.path)/\(out).manifest.json"))
            let manifest = try TrainingSetManifest(json: String(decoding: json, as: UTF8.self), path: out)
            return (try Data(contentsOf: URL(fileURLWithPath: "\(scratch.path)/\(out)")), manifest.contentDigest)
        }

        func position() throws -> String {
            let json = try run(["log", "--json"]).out
            let line = try #require(json.split(separator: "\n").first)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return "\(try #require(object["position"] as? Int))"
        }
    }

    @Test(arguments: 1...2 as ClosedRange<UInt64>, ["csv", "parquet"])
    func `rows after every label change no byte`(seed: UInt64, format: String) throws {
        let fixture = try Fixture(seed: seed)
        for options in [[], ["--known-at-label"], ["--witness"]] {
            let before = try fixture.export(format, options)
            var future = (0..<40).map { _ in fixture.row(month: fixture.random.int(1...12), year: 2021) }
            try fixture.ingest(future)
            // The same rows with other values, in another order: the future is scrambled.
            future.shuffle(using: &fixture.random)
            try fixture.ingest(future.map { $0 + "x" })
            let after = try fixture.export(format, options)
            #expect(after.data == before.data)
            #expect(after.digest == before.digest)
        }
    }

    @Test(arguments: 3...4 as ClosedRange<UInt64>, ["csv", "parquet"])
    func `rows after the pinned position change no byte`(seed: UInt64, format: String) throws {
        let fixture = try Fixture(seed: seed)
        let position = try fixture.position()
        let pinned = ["--position", position, "--witness"]
        let before = try fixture.export(format, ["--witness"])
        try fixture.ingest((0..<40).map { _ in fixture.row(month: fixture.random.int(1...12)) })
        try fixture.ingest(fixture.rows.shuffled(using: &fixture.random).map { $0 + "x" })
        let after = try fixture.export(format, pinned)
        #expect(after.data == before.data)
        #expect(after.digest == before.digest)
        let unpinned = try fixture.export(format, ["--witness"])
        #expect(unpinned.data != before.data)
    }

    @Test(arguments: ["csv", "parquet"])
    func `a corrected winner changes bytes and digest`(format: String) throws {
        let fixture = try Fixture(seed: 5)
        let csv = String(decoding: try fixture.export("csv", ["--witness"]).data, as: UTF8.self)
        // A matched row: user, label, n, note, event time, position.
        let line = try #require(csv.split(separator: "\n").dropFirst().first { $0.split(separator: ",").count == 6 })
        let fields = line.split(separator: ",").map(String.init)
        let before = try fixture.export(format)
        try fixture.ingest(["\(fields[0]),\(fields[4]),\(fields[4]),false,123456,corrected"])
        let after = try fixture.export(format)
        #expect(after.data != before.data)
        #expect(after.digest != before.digest)
        // Corrected back, only the position is another.
        try fixture.ingest(["\(fields[0]),\(fields[4]),\(fields[4]),false,\(fields[2]),\(fields[3])"])
        let restored = try fixture.export(format)
        #expect(restored.data == before.data)
        #expect(restored.digest == before.digest)
    }
}
