import Foundation
import TestSupport
import Testing

/// Files as other programs write them: what the built `asof` makes of them. Facts: `Tests/Cases/files_*.json`.
@Suite(.serialized) struct FileCaseTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        struct File: Decodable, Sendable {
            var name: String
            var text: String?
            var base64: String?
        }

        var name: String
        var files: [File]
        var command: [String]
        var status: Int32?
        /// Parts of standard error; none = it is empty.
        var says: [String]?
        /// The rows of each view's history: keys, event time and features as PostgreSQL's text, `∅` for null.
        var stores: [String: [String]]?
        /// What files have afterwards.
        var writes: [String: String]?

        var testDescription: String { name }
    }

    static let cases = Cases.read("files_", Case.self) { $0.name }

    private static let yaml = """
        entities:
          user: { key: user_id, type: int64 }
          item: { key: item_id, type: string }
        views:
          st: { entities: [user], features: { a: int64, b: float64, s: string } }
          p: { entities: [user], features: { a: int64 } }
          iv: { entities: [item], features: { x: float64 } }
          li: { entities: [user], missing: null, features: { v: vector(3), n: list(int64), t: list(string) } }
          sc: { entities: [user], missing: null, features: { i: int32, f: float32, ok: bool, t: timestamp } }
        """

    nonisolated(unsafe) private static let work = Result { try Workplace(yaml) }

    @Test(arguments: cases)
    func `a file is read as its program meant it, or refused by what is wrong`(item: Case) throws {
        let work = try Self.work.get()
        for view in ["st", "p", "iv", "li", "sc"] {
            _ = try work.ask("TRUNCATE history.\(view), online.\(view)")
        }
        _ = try work.ask("DELETE FROM asof.sources")
        for file in item.files {
            let bytes = try file.text.map { Data($0.utf8) } ?? #require(Data(base64Encoded: file.base64 ?? ""))
            let url = URL(fileURLWithPath: work.scratch.path).appendingPathComponent(file.name)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try bytes.write(to: url)
        }
        defer {
            for file in item.files {
                try? FileManager.default.removeItem(
                    atPath: work.scratch.path + "/" + file.name.split(separator: "/")[0]
                )
            }
        }
        let output = try work.asof(item.command, expecting: item.status ?? 0)
        for part in item.says ?? [] { #expect(output.error.contains(part), "\(output.error)") }
        if item.says == nil { #expect(output.error.isEmpty, "\(output.error)") }
        for (view, rows) in item.stores ?? [:] { #expect(try Self.rows(view, work) == rows) }
        for (name, text) in item.writes ?? [:] {
            let written = try String(contentsOfFile: work.scratch.path + "/" + name, encoding: .utf8)
            #expect(written == text)
        }
    }

    private static func rows(_ view: String, _ work: Workplace) throws -> [String] {
        let columns = try work.ask(
            """
            SELECT string_agg(format('coalesce(%I::text, ''∅'')', column_name), ' || ''|'' || ' ORDER BY ordinal_position)
            FROM information_schema.columns
            WHERE table_schema = 'history' AND table_name = '\(view)' AND column_name NOT IN ('_known_at', '_batch', '_deleted')
            """
        )
        let rows = try work.ask(
            "SELECT string_agg(r, E'\\n' ORDER BY r) FROM (SELECT \(columns) r FROM history.\(view)) x"
        )
        return rows.isEmpty ? [] : rows.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}
