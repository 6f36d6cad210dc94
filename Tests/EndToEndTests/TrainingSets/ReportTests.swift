import Foundation
import TestSupport
import Testing

@Suite struct ReportTests {
    private let scratch: Scratch
    private let database: [String]

    init() throws {
        scratch = try Scratch()
        database = ["-d", try ThrowawayCluster.shared().database()]
        _ = try scratch.write(
            "features.yaml",
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              stats: { entities: [user], ttl: 10d, features: { n: int64, flat: int64, gone: string, x: float64 } }
              empty: { entities: [user], features: { n: int64 } }
            """
        )
        let rows = (1...10).map { "\($0),2024-01-0\($0 < 5 ? 1 : 9)T00:00:00Z,\($0),7,,\($0 == 10 ? "NaN" : "0.5")" }
        _ = try scratch.write("rows.csv", "user_id,t,n,flat,gone,x\n" + rows.joined(separator: "\n") + "\n")
        let spine = (1...10).map { "\($0),2024-01-12T06:00:00Z" }
        _ = try scratch.write("spine.csv", "user_id,at\n" + spine.joined(separator: "\n") + "\n")
        for command in [
            ["init"], ["apply", "--yes"], ["ingest", "stats", "rows.csv"],
            [
                "export", "--spine", "spine.csv", "--features", "stats.*,empty.*", "--label-time", "at", "--out",
                "o.csv",
            ],
        ] {
            let output = try AsofBinary.run(command + database, in: scratch.path)
            #expect(output.status == 0, "\(command): \(output.error)")
        }
    }

    private func report() throws -> String {
        let output = try AsofBinary.run(["report", "o.csv.manifest.json"], in: scratch.path)
        #expect(output.status == 0, "\(output.error)")
        return output.out
    }

    @Test func `a report needs no store, and says what a person should see before training`() throws {
        let lines = try report().split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines[0].hasPrefix("o.csv: 10 rows of stats.*,empty.*, position 2, exported 20"))
        #expect(lines.contains("stats 60.0 0.0 40.0 3d 6h 3d 6h 3d 6h 3d 6h"))
        #expect(lines.contains("empty 0.0 100.0 0.0 - - - -"))
        #expect(lines.contains("stats__n int64 40.0 0 0 5 5.05 5.25 6.25 7.5 8.75 9.75 9.95 10 7.5"), "\(lines)")
        #expect(lines.contains("stats__gone string 100.0 0 0 - - - - - - - - - -"))
        for warning in [
            "40 % of view 'stats' had expired (ttl 10d)", "no row found a value in view 'empty'",
            "stats__flat has the same value in every row that has one", "stats__gone is null in every row",
            "stats__x has NaN in 1 row",
        ] {
            #expect(lines.contains { $0.hasPrefix("WARNING: " + warning) }, "\(warning): \(lines)")
        }
        // Four of ten are null: no warning of more than half.
        #expect(!lines.contains { $0.hasPrefix("WARNING: stats__n") })
    }

    @Test func `a manifest of an older asof has view counts only`() throws {
        let path = scratch.path + "/o.csv.manifest.json"
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        var object = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        #expect(object.removeValue(forKey: "quality") != nil)
        try JSONSerialization.data(withJSONObject: object).write(to: URL(fileURLWithPath: path))
        let text = try report()
        #expect(text.contains("60.0") && text.contains("an older asof made it"), "\(text)")
        #expect(try AsofBinary.run(["verify", "o.csv.manifest.json"] + database, in: scratch.path).status == 0)
        #expect(try AsofBinary.run(["report", "none.json"], in: scratch.path).status == 1)
    }
}
