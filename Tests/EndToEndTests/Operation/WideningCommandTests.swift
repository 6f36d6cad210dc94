import Foundation
import TestSupport
import Testing

/// Types and names that change under everything that holds them: the built binary, a server that goes on, sets, segments.
@Suite struct WideningCommandTests {
    private static func yaml(_ features: String) -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], features: { \(features) } }
        services:
          svc: [stats.*]
        """
    }

    @Test func `a store is widened and renamed while a server answers, and what was made before stays what it was`()
        throws
    {
        let place = try Workplace(Self.yaml("n: int32, x: float32, old: string"))
        _ = try place.scratch.write(
            "rows.csv",
            "user_id,event_time,n,x,old\n1,2024-01-01T00:00:00Z,7,0.1,a\n2,2024-02-01T00:00:00Z,8,0.5,b\n"
        )
        _ = try place.scratch.write(
            "spine.csv",
            "user_id,t\n1,2024-03-01T00:00:00Z\n2,2024-03-01T00:00:00Z\n3,2024-03-01T00:00:00Z\n"
        )
        try place.asof(["ingest", "stats", "rows.csv"])
        try place.asof(["segments", "build", "--segments", "seg"])
        let export = ["export", "--spine", "spine.csv", "--label-time", "t", "--features"]
        try place.asof(export + ["svc", "--out", "before.parquet"])
        try place.asof(export + ["stats.n,stats.old", "--out", "list.csv"])

        let server = try ServedAsof(["-d", place.conninfo], in: place.scratch.path)
        defer { server.stop() }
        let client = try server.client()
        func ask(_ words: String...) throws -> String {
            _ = client.send(words.joined(separator: " ") + "\r\n")
            let reply = try client.reply()
            if case .error(let message) = reply { return message }
            return "\(reply)"
        }
        let isLoaded = try Patience.wait {
            try ask("FS.SERVE", "svc", "KEYS", "1", "user_id", "ROWS", "1", "1").contains("0.1")
        }
        #expect(isLoaded)
        let before = try ask("FS.SERVE", "svc", "KEYS", "1", "user_id", "ROWS", "3", "1", "2", "9")

        _ = try place.scratch.write(
            "features.yaml",
            Self.yaml("n: int64, x: float64, new: { type: string, was: old }")
        )
        let plan = try place.asof(["plan"]).out
        #expect(plan.contains("~ feature  stats.n    int32 -> int64, with its history"), "\(plan)")
        #expect(plan.contains("~ feature  stats.new  was 'old', which it is called no more"), "\(plan)")
        #expect(plan.contains("view stats: n int32 -> int64, x float32 -> float64"), "\(plan)")
        #expect(plan.contains("new version 2"), "\(plan)")
        let json = try place.asof(["plan", "--format", "json"]).out
        #expect(json.contains("\"rewritten\" : [") && json.contains("\"rows\" : 2"), "\(json)")
        try place.asof(["apply", "--yes"])
        try place.asof(["ingest", "stats", "rows.csv", "--map", "old=new", "--again"])
        _ = try place.scratch.write(
            "more.csv",
            "user_id,event_time,n,x,new\n3,2024-02-01T00:00:00Z,3000000000,0.25,c\n"
        )
        try place.asof(["ingest", "stats", "more.csv"])

        let isThere = try Patience.wait {
            try ask("FS.SERVE", "svc", "KEYS", "1", "user_id", "ROWS", "1", "3").contains("3000000000")
        }
        #expect(isThere)
        #expect(try ask("FS.SERVE", "svc@1", "KEYS", "1", "user_id", "ROWS", "3", "1", "2", "9") == before)
        let refused = try ask("FS.SERVE", "svc@1", "KEYS", "1", "user_id", "ROWS", "1", "3")
        #expect(refused.contains("FSVALUE row 1: column 'stats__n'"), "\(refused)")
        let hinted = try ask("FS.GET", "stats", "1", "FEATURES", "1", "old")
        #expect(hinted.contains("FSNOFEATURE") && hinted.contains("it is called 'new' now"), "\(hinted)")

        for manifest in ["before.parquet", "list.csv"] {
            try place.asof(["verify", manifest + ".manifest.json"])
        }
        func read(_ name: String) throws -> String {
            try String(contentsOfFile: place.scratch.path + "/" + name, encoding: .utf8)
        }
        for engine in ["probe", "scan"] {
            try place.asof(export + ["svc", "--out", "\(engine).csv", "--engine", engine, "--segments", "seg"])
        }
        #expect(try read("probe.csv") == read("scan.csv"))
        let got = try place.asof(["get", "svc@1", "user_id=1"]).out
        #expect(got.contains("stats__old") && got.contains("0.1"), "\(got)")
        let large = try place.asof(["get", "svc@1", "user_id=3"], expecting: 1).error
        #expect(large.contains("column 'stats__n': its value 3000000000 is no int32"), "\(large)")
        let gone = try place.asof(["get", "stats.old", "user_id=1"], expecting: 1).error
        #expect(gone.contains("the view 'stats' has no feature 'old'; it is called 'new' now"), "\(gone)")
        let described = try place.asof(["describe", "stats"]).out
        #expect(described.contains(/new +string +old/), "\(described)")
        try place.asof(["check"])

        // Applied again, with and without what it says of the past, nothing changes.
        #expect(try place.asof(["apply", "--yes"]).out.contains("no changes"))
        _ = try place.scratch.write("features.yaml", Self.yaml("n: int64, x: float64, new: string"))
        #expect(try place.asof(["apply", "--yes"]).out.contains("no changes"))
    }
}
