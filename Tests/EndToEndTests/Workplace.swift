import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// A folder and a store of a test's own, in which the built `asof` is run as a user would.
final class Workplace {
    let scratch: Scratch
    /// The store's database, reached directly.
    let conninfo: String
    let session: Session

    /// One view `stats` of entity `user`, with the features given.
    static func yaml(_ features: String = "id: int64", partition: String = "day") -> String {
        """
        entities:
          user: { key: user_id, type: int64 }
        views:
          stats: { entities: [user], partition: \(partition), features: { \(features) } }
        """
    }

    /// Makes the store and applies the definitions.
    init(_ yaml: String = Workplace.yaml(), cluster: ThrowawayCluster? = nil) throws {
        scratch = try Scratch()
        conninfo = try (cluster ?? ThrowawayCluster.shared()).database()
        session = try Session(conninfo: conninfo)
        _ = try Migrator.migrate(session)
        _ = try scratch.write("features.yaml", yaml)
        try asof(["apply", "--yes"])
    }

    /// Runs `asof` to its end.
    ///
    /// - Parameters:
    ///   - status: how it is expected to end; `nil` = the caller looks.
    ///   - other: another way to the store than ``conninfo``.
    @discardableResult
    func asof(
        _ arguments: [String],
        expecting status: Int32? = 0,
        through other: String? = nil,
        input: String = "",
        shell: String? = nil
    ) throws -> AsofBinary.Output {
        let output = try AsofBinary.run(
            arguments + ["-d", other ?? conninfo],
            in: scratch.path,
            input: input,
            shell: shell
        )
        if let status {
            #expect(output.status == status, "asof \(arguments.joined(separator: " ")): \(output.error)\(output.out)")
        }
        return output
    }

    func start(_ arguments: [String]) throws -> AsofBinary.Running {
        try AsofBinary.start(arguments + ["-d", conninfo], in: scratch.path)
    }

    /// The first value of a statement's result, as text.
    func ask(_ sql: String) throws -> String { try session.execute(sql).last?.text(0, 0) ?? "" }

    func count() throws -> Int { Int(try ask("SELECT count(*) FROM history.stats")) ?? -1 }

    /// Waits until no other session is in this database.
    func waitUntilAlone() throws -> Bool {
        try Patience.wait {
            try ask(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ) == "0"
        }
    }

    static let base = "2024-01-01T00:00:00Z"

    /// Rows of `stats` with ids in a range: 50 keys, an event time each, ten hours apart in a day partition.
    static func csv(_ ids: Range<Int>, header: Bool = true, change: Int? = nil) -> String {
        var text = header ? "user_id,event_time,id\n" : ""
        for id in ids {
            let (day, second) = (1 + id / 8_640 % 28, id % 8_640 * 10)
            let time = [second / 3_600, second / 60 % 60, second % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
            text += "\(id % 50),2024-01-\(day < 10 ? "0" : "")\(day)T\(time.joined(separator: ":"))Z,"
            text += "\(id == change ? -1 : id)\n"
        }
        return text
    }

    /// Names in the folder that a command did not clean up.
    func temporaryFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.path).filter { $0.hasSuffix(".tmp") }
    }

    /// What history has of `csv(0..<count)`: every row once, in the file's words; and the store in order.
    func expectStored(_ count: Int, _ comment: String = "") throws {
        let found = try ask(
            "SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || min(id) || ' ' || max(id) FROM history.stats"
        )
        #expect(found == "\(count) \(count) 0 \(count - 1)", "\(comment)")
        #expect(try ask("SELECT count(*) FROM history.stats WHERE user_id <> id % 50") == "0", "\(comment)")
        try asof(["check"])
    }
}

extension AsofBinary.Output {
    /// The digest that an export with `--json` printed.
    func contentDigest() throws -> String {
        let object = try JSONSerialization.jsonObject(with: Data(out.utf8)) as? [String: Any]
        return try #require(object?["content_digest"] as? String, "\(out)\(error)")
    }
}
