import Foundation
import Store
import TestSupport
import Testing

/// `asof verify` says which rows are others, and has nothing to say of sets without rows.
@Suite struct VerifyRowsTests {
    private static func store(_ rows: Int) throws -> CommandLineStore {
        let store = try CommandLineStore()
        try store.write(
            "daily.csv",
            "user_id,event_time,n\n" + (0..<rows).map { "\($0),2026-01-01,\($0 * 10)\n" }.joined()
        )
        try store.succeed(["ingest", "daily", "daily.csv"])
        try store.write(
            "spine.csv",
            "user_id,at,note\n" + (0..<rows).map { "\($0),2026-02-01T00:00:00Z,\"n\n\($0)\"\n" }.joined()
        )
        return store
    }

    private static func export(
        _ store: CommandLineStore,
        _ out: String,
        _ spine: [String] = ["--spine", "spine.csv"]
    ) throws {
        try store.succeed(["export", "--label-time", "at", "--features", "daily.*,stats.*", "--out", out] + spine)
    }

    @Test(arguments: ["csv", "jsonl", "parquet", "arrow"])
    func `a set without rows is equal to itself`(format: String) throws {
        let store = try Self.store(3)
        try store.write("empty.csv", "user_id,at,note\n")
        let sql = "SELECT 1 AS user_id, now() AS at, 1.5::numeric AS n, NULL::uuid AS u WHERE false"
        for spine in [["--spine", "empty.csv"], ["--spine-sql", sql], ["--spine", "empty.csv", "--witness"]] {
            try Self.export(store, "out.\(format)", spine)
            try store.succeed(["verify", "out.\(format).manifest.json"])
        }
        guard format == "csv" || format == "jsonl" else { return }
        let line = format == "csv" ? #"1,2026-02-01T00:00:00Z,,10,,,,"# : #"{"user_id":1}"#
        try store.write("out.\(format)", try store.read("out.\(format)") + line + "\n")
        let output = try store.run(["verify", "out.\(format).manifest.json"])
        #expect(
            output.status == 1 && output.error.contains("row 1 (line \(format == "csv" ? 2 : 1))"),
            "\(output.error)"
        )
    }

    private static func edit(
        _ store: CommandLineStore,
        _ out: String,
        _ change: (inout [String]) -> Void
    ) throws -> String {
        let made = try store.read(out)
        // A note spans two lines of CSV.
        var lines = made.split(separator: "\n").map(String.init)
        var records = out.hasSuffix("csv") ? [lines.removeFirst()] : []
        if out.hasSuffix("csv") {
            for at in stride(from: 0, to: lines.count, by: 2) { records.append(lines[at] + "\n" + lines[at + 1]) }
        } else {
            records = [""] + lines
        }
        change(&records)
        try store.write(out, records.filter { !$0.isEmpty }.joined(separator: "\n") + "\n")
        let output = try store.run(["verify", "\(out).manifest.json"])
        try store.write(out, made)
        #expect(output.status == 1, "\(output.error)")
        return output.error
    }

    @Test func `rows that were added, removed, exchanged or changed are named`() throws {
        let store = try Self.store(8)
        try Self.export(store, "out.csv")
        try Self.export(store, "out.jsonl")
        func expect(_ csv: String, _ jsonl: String, _ change: (inout [String]) -> Void) throws {
            let errors = [try Self.edit(store, "out.csv", change), try Self.edit(store, "out.jsonl", change)]
            #expect(errors[0].contains("out.csv is different: \(csv)"), "\(errors[0])")
            #expect(errors[1].contains("out.jsonl is different: \(jsonl)"), "\(errors[1])")
        }
        let more = ": the file has 9 rows, the set 8"
        try expect("row 9 (line 18) was added\(more)", "row 9 (line 9) was added\(more)") { $0.append($0[1]) }
        try expect("row 3 (line 6) was added\(more)", "row 3 (line 3) was added\(more)") { $0.insert($0[8], at: 3) }
        try expect("rows 2 to 3 (from line 4 on) were added", "rows 2 to 3 (from line 2 on) were added") {
            $0.insert(contentsOf: [$0[7], $0[8]], at: 2)
        }
        let less = ": the file has 7 rows, the set 8"
        try expect("row 3 of the set is missing\(less)", "row 3 of the set is missing\(less)") { $0.remove(at: 3) }
        try expect("row 8 of the set is missing\(less)", "row 8 of the set is missing\(less)") { $0.removeLast() }
        try expect(
            "row 3 (line 6) and row 7 (line 14) are exchanged",
            "row 3 (line 3) and row 7 (line 7) are exchanged"
        ) { $0.swapAt(3, 7) }
        try expect(
            "rows 1 to 8 (from line 2 on) are in another order",
            "rows 1 to 8 (from line 1 on) are in another order"
        ) {
            $0 = [$0[0]] + $0[1...].reversed()
        }
        let spine = "the spine's columns are not those that were exported"
        try expect("row 2 (line 4): \(spine)", "row 2 (line 2): \(spine)") {
            $0[2] = $0[2].replacing("2026-02-01", with: "2026-02-02")
        }
        let garbage = try Self.edit(store, "out.csv") { $0.append("x,2026-02-01T00:00:00Z,,1,,,") }
        #expect(garbage.contains("row 9 (line 18), column 'user_id': expected int64, got 'x'"), "\(garbage)")
        let value = try Self.edit(store, "out.csv") { $0[4] = $0[4].replacing(",30,", with: ",31,") }
        #expect(value.contains("row 4, column 'daily__n': the file has 31, history gives 30"), "\(value)")
        try store.succeed(["verify", "out.csv.manifest.json"])
    }

    @Test func `rows of a large set are named as well as its marks tell`() throws {
        let store = try Self.store(10)
        let count = 9_000
        try store.write(
            "spine.csv",
            "user_id,at,i\n" + (0..<count).map { "\($0 % 10),2026-02-01T00:00:00Z,\($0)\n" }.joined()
        )
        try Self.export(store, "out.csv")
        let lines = try store.read("out.csv").split(separator: "\n").map(String.init)
        func error(_ change: (inout [String]) -> Void) throws -> String {
            var changed = lines
            change(&changed)
            try store.write("out.csv", changed.joined(separator: "\n") + "\n")
            let output = try store.run(["verify", "out.csv.manifest.json"])
            #expect(output.status == 1)
            return output.error
        }
        let added = try error { $0.insert($0[17].replacing(",16,", with: ",x,"), at: 5_003) }
        #expect(added.contains("expected int64"), "\(added)")
        let row = try error { $0.insert("3,2026-02-01T00:00:00Z,-7,30,,,", at: 5_003) }
        #expect(row.contains("row 5003 (line 5004) was added: the file has 9,001 rows, the set 9,000"), "\(row)")
        let missing = try error { $0.remove(at: 5_003) }
        #expect(missing.contains("rows 5001 to 5004 of the set, or some of them, are missing"), "\(missing)")
        // A manifest that was edited: its marks are those of the file, its count of rows is not.
        let manifest = try store.read("out.csv.manifest.json")
        for rows in ["8999", "\(Int.max)", "\(Int.min)"] {
            try store.write("out.csv.manifest.json", manifest.replacing("\"rows\" : 9000", with: "\"rows\" : \(rows)"))
            let edited = try error { _ in }
            #expect(edited.contains("the file has 9,000 rows, the set "), "\(rows): \(edited)")
        }
        try store.write("out.csv.manifest.json", manifest)
        let order = try error { $0.swapAt(10, 8_000) }
        #expect(order.contains("are in another order"), "\(order)")
    }

    /// Parquet has no such decimals, and export says so.
    @Test(arguments: ["csv", "jsonl", "arrow"])
    func `decimals with more digits behind the point than they have at all are verified`(format: String) throws {
        let store = try Self.store(3)
        let sql = "SELECT i AS user_id, now() AS at, (i * 0.00333)::numeric(3,5) AS d FROM generate_series(-3, 2) i"
        try Self.export(store, "out.\(format)", ["--spine-sql", sql])
        let manifest = try store.read("out.\(format).manifest.json")
        #expect(manifest.contains("decimal128(3,5)"), "\(manifest)")
        try store.succeed(["verify", "out.\(format).manifest.json"])
    }

    @Test(arguments: ["csv", "jsonl"])
    func `a column that the set has not is a difference`(format: String) throws {
        let store = try Self.store(3)
        try Self.export(store, "out.\(format)")
        let made = try store.read("out.\(format)")
        let changed =
            format == "csv"
            ? made.replacing("\nn\n", with: " ").replacing("user_id,", with: "extra,user_id,")
                .replacing("\n0,", with: "\n9,0,").replacing("\n1,", with: "\n9,1,").replacing("\n2,", with: "\n9,2,")
            : made.replacing("{\"user_id\":2,", with: "{\"extra\":9,\"user_id\":2,")
        #expect(changed != made)
        try store.write("out.\(format)", changed)
        let output = try store.run(["verify", "out.\(format).manifest.json"])
        #expect(output.status == 1)
        let expected =
            format == "csv"
            ? "the file has a column 'extra' that the set has not"
            : "row 3 (line 3), column 'extra': the set has no such column"
        #expect(output.error.contains(expected), "\(output.error)")
    }

    /// As written by asof before spines passed through; the store is made again with the identity that it had.
    @Test func `manifests and outputs from before are verified as they are`() throws {
        let fixture = Cases.repository.path + "/Tests/Fixtures/manifests-1"
        let store = try CommandLineStore(String(contentsOfFile: fixture + "/features.yaml", encoding: .utf8))
        for file in try FileManager.default.contentsOfDirectory(atPath: fixture) where file != "features.yaml" {
            try FileManager.default.copyItem(atPath: fixture + "/" + file, toPath: store.folder + "/" + file)
        }
        for view in ["stats", "weather"] { try store.succeed(["ingest", view, "\(view).csv", "--event-time", "t"]) }
        struct Manifest: Decodable {
            var store: Identity
            struct Identity: Decodable {
                var id, uid: String
                var position: Int
            }
        }
        let json = try store.read("v1.csv.manifest.json")
        #expect(!json.contains("rowMarks"))
        let identity = try JSONDecoder().decode(Manifest.self, from: Data(json.utf8)).store
        _ = try Session(conninfo: store.conninfo).execute(
            "UPDATE asof.store SET id = '\(identity.id)'; "
                + "UPDATE asof.batches SET uid = '\(identity.uid)' WHERE position = \(identity.position)"
        )
        for format in ["csv", "jsonl", "parquet", "arrow"] {
            try store.succeed(["verify", "v1.\(format).manifest.json"])
        }
        let made = try store.read("v1.csv")
        try store.write("v1.csv", made + made.split(separator: "\n")[1] + "\n")
        let added = try store.run(["verify", "v1.csv.manifest.json"])
        #expect(
            added.status == 1 && added.error.contains("row 6 (line 7) was added: the file has 6 rows, the set 5"),
            "\(added.error)"
        )
        // The same set by today's binary: decimals and dates are no texts and times any more, and version 2 says so.
        try store.succeed([
            "export", "--spine", "spine.parquet", "--label-time", "t", "--features", "both", "--witness", "--out",
            "v2.csv",
        ])
        #expect(try store.read("v2.csv").contains("\n1,Dür,2024-01-01T22:00:00,1.50,2024-01-01,1,true,1,0.5,"))
        try store.succeed(["verify", "v2.csv.manifest.json"])
    }
}
