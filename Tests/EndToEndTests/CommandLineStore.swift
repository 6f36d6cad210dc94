import Columnar
import Features
import Foundation
import PointInTime
import Postgres
import Store
import TestSupport
import Testing

/// A store and a folder of a suite's own, in which the built `asof` runs as a user runs it.
final class CommandLineStore: Sendable {
    let conninfo: String
    let scratch: Scratch

    /// Views that have every type, key and partitioning between them.
    static let definitions = """
        entities:
          user:    { key: user_id, type: int64 }
          person:  { key: login,   type: string }
          airport: { key: origin,  type: string }
          goal:    { key: dest,    type: string }
        views:
          stats:
            description: What a user did lately. The nightly job counts it, from the log of all clicks, for each user who was there.
            entities: [user]
            features: { clicks: int64, ctr: float64, name: string }
          rich:
            entities: [user]
            missing: null
            features: { b: bool, i: int32, l: int64, f: float32, d: float64, s: string, x: bytes, t: timestamp, v: vector(3), li: list(int64), ls: list(string) }
          logins:
            entities: [person]
            features: { n: int64 }
          daily:
            entities: [user]
            partition: day
            features: { n: int64 }
          routes:
            entities: [airport, goal]
            features: { delay: float64 }
        services:
          ranking: [stats.clicks, stats.ctr]
        """

    init(_ yaml: String = definitions) throws {
        conninfo = try ThrowawayCluster.shared().database()
        scratch = try Scratch()
        _ = try scratch.write("features.yaml", yaml)
        try succeed(["init"])
        try succeed(["apply", "--yes"])
    }

    var folder: String { scratch.path }

    /// Runs a command on the store.
    func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String = ""
    ) throws -> AsofBinary.Output {
        try AsofBinary.run(arguments + ["-d", conninfo], in: folder, environment: environment, input: input)
    }

    /// Runs a command that must exit 0 and say nothing on standard error.
    @discardableResult
    func succeed(
        _ arguments: [String],
        input: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws
        -> String
    {
        let output = try run(arguments, input: input)
        #expect(output.status == 0, "\(arguments)\n\(output.out)\(output.error)", sourceLocation: sourceLocation)
        #expect(output.error.isEmpty, "\(arguments)\n\(output.error)", sourceLocation: sourceLocation)
        return output.out
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
    }

    func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

    func read(_ name: String) throws -> String { try String(contentsOfFile: folder + "/" + name, encoding: .utf8) }

    /// First value of a query on the store's database, as text.
    func value(_ sql: String) throws -> String {
        try Session(conninfo: conninfo).execute(sql).last?.text(0, 0) ?? ""
    }

    /// Everything a command could leave behind: ledger, checkpoints, partitions, rows, and the folder's files.
    func state() throws -> String {
        let tables = ["stats", "rich", "logins", "daily", "routes"].flatMap { ["history.\($0)", "online.\($0)"] }
        let counted = ["asof.batches", "asof.sources", "asof.partitions", "asof.views", "asof.training_sets"] + tables
        let counts = counted.map { "'\($0)=' || (SELECT count(*) FROM \($0))" }.joined(separator: " || ' ' || ")
        let sources = "(SELECT coalesce(string_agg(source || ':' || rows, ' ' ORDER BY source), '') FROM asof.sources)"
        let rows = try value("SELECT \(counts) || ' ' || \(sources)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
            let content = FileManager.default.contents(atPath: folder + "/" + name)
            return "\(name)#\(content?.count ?? -1)#\(content?.hashValue ?? 0)"
        }
        return rows + "\n" + files.joined(separator: "\n")
    }
}

/// A Parquet file's bytes.
func parquet(_ columns: [(name: String, type: FeatureType, values: [Value])]) throws -> [UInt8] {
    try tableFile(columns, .parquet)
}

/// A file's bytes.
func tableFile(
    _ columns: [(name: String, type: FeatureType, values: [Value])],
    _ format: FileFormat
) throws -> [UInt8] {
    let scratch = try Scratch()
    let path = scratch.path + "/table"
    let writer = try TableWriter(
        path: path,
        format: format,
        columns: columns.map { (name: $0.name, type: $0.type) }
    )
    let batch = ColumnBatch(
        names: columns.map(\.name),
        columns: columns.map { Column(type: $0.type, $0.values) },
        rowCount: columns.first?.values.count ?? 0
    )
    if batch.rowCount > 0 { try writer.write(batch) }
    try writer.finish()
    return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}
