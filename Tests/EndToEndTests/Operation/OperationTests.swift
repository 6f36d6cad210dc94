import Foundation
import TestSupport
import Testing

/// `asof status` and `asof doctor`.
@Suite struct OperationTests {
    private let scratch: Scratch
    private let database: [String]

    init() throws {
        scratch = try Scratch()
        database = ["-d", try ThrowawayCluster.shared().database()]
        try asof(["init"])
    }

    @discardableResult
    private func asof(_ arguments: [String], status: Int32 = 0) throws -> AsofBinary.Output {
        let output = try AsofBinary.run(arguments + database, in: scratch.path)
        #expect(output.status == status, "\(arguments): \(output.out)\(output.error)")
        return output
    }

    private func apply(_ keys: String) throws {
        _ = try scratch.write(
            "features.yaml",
            """
            entities: { user: { key: user_id, type: int64 } }
            views:
              fresh: { entities: [user], \(keys)features: { n: int64 } }
              quiet: { entities: [user], features: { n: int64 } }
            """
        )
        try asof(["apply", "--yes"])
    }

    private func ingest(_ view: String, _ rows: [(user: Int, time: Date)]) throws {
        let lines = rows.map { "\($0.user),\($0.time.formatted(.iso8601)),1" }
        let name = "\(UUID().uuidString).csv"
        _ = try scratch.write(name, "user_id,t,n\n" + lines.joined(separator: "\n") + "\n")
        try asof(["ingest", view, name])
    }

    private func statusObjects(status: Int32 = 0) throws -> [[String: Any]] {
        try asof(["status", "--json"], status: status).out.split(separator: "\n").map { line in
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
        }
    }

    @Test func `status shows rows, newest event, age, lag, sizes and the last batch`() throws {
        try apply("")
        let hour = Date(timeIntervalSinceNow: -3_600)
        try ingest("fresh", [(1, hour), (2, Date(timeIntervalSinceNow: -40 * 86_400))])
        try ingest("fresh", [(1, Date(timeIntervalSinceNow: -50 * 86_400))])
        let objects = try statusObjects()
        #expect(objects.count == 3)
        #expect(objects[0]["position"] as? Int == 3)
        #expect(objects[0]["commits_per_day"] as? Double == 3)
        let fresh = objects[1]
        #expect(fresh["view"] as? String == "fresh" && fresh["rows"] as? Int == 3)
        #expect(fresh["newest_event_time"] as? String == hour.formatted(.iso8601))
        let age = try #require(fresh["age_s"] as? Double)
        let lag = try #require(fresh["lag_s"] as? Double)
        // The newest event came an hour late, with the first batch.
        #expect(lag >= 3_600 && lag < age && age < 3_900, "\(fresh)")
        #expect(fresh["last_position"] as? Int == 3 && fresh["last_rows"] as? Int == 1)
        #expect(fresh["partitions"] as? Int ?? 0 >= 2 && fresh["history_bytes"] as? Int ?? 0 > 0)
        #expect(fresh["online_bytes"] as? Int ?? 0 > 0)
        let quiet = objects[2]
        #expect(quiet["rows"] as? Int == 0 && quiet["age_s"] is NSNull && quiet["last_position"] is NSNull)
        let text = try asof(["status"]).out
        #expect(text.contains("3 data ") && text.contains("1h 0m"), "\(text)")
    }

    @Test func `a newest event that was removed is not the newest`() throws {
        try apply("")
        let (hour, month) = (Date(timeIntervalSinceNow: -3_600), Date(timeIntervalSinceNow: -40 * 86_400))
        try ingest("fresh", [(1, hour), (2, month)])
        try asof(["forget", "user", "1", "--yes"])
        #expect(try statusObjects()[1]["newest_event_time"] as? String == month.formatted(.iso8601))
        #expect(try statusObjects()[1]["rows"] as? Int == 1)
        try asof(["forget", "user", "2", "--yes"])
        #expect(try statusObjects()[1]["newest_event_time"] is NSNull)
    }

    @Test func `a view older than its max_age, or empty, is an error that names it`() throws {
        try apply("max_age: 2h, ")
        #expect(try asof(["status"], status: 1).error.contains("view 'fresh' has no rows; its max_age is 2h"))
        try ingest("fresh", [(1, Date(timeIntervalSinceNow: -3 * 3_600))])
        let stale = try asof(["status"], status: 1)
        #expect(stale.error.contains("view 'fresh' is 3h 0m old; its max_age is 2h"), "\(stale.error)")
        #expect(!stale.error.contains("quiet"))
        #expect(try statusObjects(status: 1)[1]["stale"] as? Bool == true)
        try ingest("fresh", [(1, Date(timeIntervalSinceNow: -3_600))])
        #expect(try statusObjects()[1]["stale"] as? Bool == false)
    }

    @Test func `doctor exits 1 only where something is broken`() throws {
        try apply("")
        let healthy = try asof(["doctor"]).out
        #expect(healthy.contains("ok       server           PostgreSQL"), "\(healthy)")
        #expect(healthy.contains("warning  settings         fsync = off"), "\(healthy)")
        let name = database[1].split(separator: " ").first { $0.hasPrefix("dbname=") }?.dropFirst(7) ?? ""
        try ThrowawayCluster.shared().execute("DROP INDEX history._v1_key", database: String(name))
        let broken = try asof(["doctor"], status: 1).out
        #expect(broken.contains("BROKEN   fresh            the index history.\"_v1_key\" is missing"), "\(broken)")
        #expect(broken.contains("-> CREATE INDEX"))
        #expect(try asof(["doctor", "--json"], status: 1).out.contains("\"severity\":\"broken\""))
    }
}
