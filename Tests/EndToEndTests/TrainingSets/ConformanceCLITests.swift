import Features
import Foundation
import PointInTime
import TestSupport
import Testing

/// Cases of other systems through the built command: CSV in, CSV out.
@Suite struct ConformanceCLITests {
    static let ids: Set<String> = [
        "clickhouse-00927", "questdb-lt-join", "kdb-aj", "kdb-ajf-not-filled", "feathr-daily",
        "duckdb-ts-left-null-inf",
        "duckdb-null-key-plain", "duckdb-holdings-prices", "pandas-trades-quotes-strict-10ms",
        "pandas-multiby-heterogeneous",
    ]

    static let sample = ConformanceCase.all.filter { ids.contains($0.id) }

    private func csv(_ names: [String], _ rows: [[Value]]) -> String {
        ([names.joined(separator: ",")] + rows.map { row in row.map(field).joined(separator: ",") }).joined(
            separator: "\n"
        )
            + "\n"
    }

    private func field(_ value: Value) -> String {
        switch value {
        case .string(let text) where text.isEmpty || text.contains { "\",\n\r".contains($0) }:
            "\"" + text.replacing("\"", with: "\"\"") + "\""
        default: value.text
        }
    }

    @Test(arguments: sample)
    func `a join of files gives what other systems give`(conformance: ConformanceCase) throws {
        let scratch = try Scratch()
        let database = ["-d", try ThrowawayCluster.shared().database()]
        func asof(_ arguments: [String]) throws {
            let output = try AsofBinary.run(arguments + database, in: scratch.path)
            #expect(output.status == 0, "\(arguments): \(output.error)")
        }
        _ = try scratch.write("features.yaml", conformance.yaml)
        try asof(["init"])
        try asof(["apply", "features.yaml", "--yes"])
        for view in conformance.views {
            let rows = try conformance.history(view).map { row in
                row.keys + [.timestamp(Timestamp(microseconds: row.eventTime))] + row.features
            }
            _ = try scratch.write("history.csv", csv(view.keys.map { $0[1] } + ["event_time"] + view.features, rows))
            try asof(["ingest", view.name, "history.csv", "--event-time", "event_time"])
        }
        let spine = try conformance.spineBatch()
        let expected = try conformance.expected()
        let rows = (0..<spine.rowCount).map { row in spine.columns.map { $0.value(row) } }
        _ = try scratch.write("spine.csv", csv(spine.names, rows))
        try asof([
            "export", "--spine", "spine.csv", "--features", "asked", "--label-time", conformance.spine.time, "--out",
            "out.csv",
        ])
        let made = try String(contentsOfFile: scratch.path + "/out.csv", encoding: .utf8)
        #expect(made == csv(spine.names + conformance.expectedColumns, zip(rows, expected).map { $0 + $1 }))
        try asof(["verify", "out.csv.manifest.json"])
    }

    @Test(arguments: ["infinity", "-infinity"])
    func `an infinite time is refused, with its row, in history and spine`(time: String) throws {
        let scratch = try Scratch()
        let database = ["-d", try ThrowawayCluster.shared().database()]
        func asof(_ arguments: [String]) throws -> AsofBinary.Output {
            try AsofBinary.run(arguments + database, in: scratch.path)
        }
        _ = try scratch.write("features.yaml", "views:\n  v: { entities: [], features: { n: int64 } }\n")
        #expect(try asof(["init"]).status == 0)
        #expect(try asof(["apply", "features.yaml", "--yes"]).status == 0)
        _ = try scratch.write("history.csv", "t,n\n2020-01-01T00:00:00Z,1\n\(time),2\n")
        let ingested = try asof(["ingest", "v", "history.csv", "--event-time", "t"])
        #expect(ingested.status == 1)
        #expect(ingested.error.contains("row 2") && ingested.error.contains("infinite"), "\(ingested.error)")
        _ = try scratch.write("spine.csv", "t\n2020-01-01T00:00:00Z\n\(time)\n")
        let exported = try asof([
            "export", "--spine", "spine.csv", "--features", "v.n", "--label-time", "t", "--out", "out.csv",
        ])
        #expect(exported.status == 1)
        #expect(exported.error.contains("row 2") && exported.error.contains("infinite"), "\(exported.error)")
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/out.csv"))
    }
}
