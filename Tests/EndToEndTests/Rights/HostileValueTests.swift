import Features
import Foundation
import Postgres
import Store
import TestSupport
import Testing

/// The same texts as keys, values, sources, files and words of requests, end to end.
@Suite struct HostileValueTests {
    private static let yaml = """
        entities:
          thing: { key: thing_id, type: string }
        views:
          texts: { entities: [thing], missing: 'null', features: { s: string, l: list(string) } }
        services:
          all: [texts.s, texts.l]
        """

    /// A server with RESP and HTTP over a store in which a table must stay.
    private final class Place {
        let store: ServedStore
        let served: ServedAsof
        let client: RespClient
        let http: Int

        init(_ yaml: String = HostileValueTests.yaml) throws {
            store = try ServedStore(yaml)
            try store.session().execute("CREATE TABLE public.canary AS SELECT 1 AS id")
            served = try store.serve(["--http", "127.0.0.1:0"])
            http = try served.httpPort()
            client = try served.client()
            _ = try client.run("HELLO", "3")
        }

        func ask(_ words: String...) throws -> Reply {
            guard client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
            return try client.reply()
        }

        /// The server lives, the table is there, and no shell made a file.
        func expectUnharmed(_ relations: Int64? = nil) throws {
            #expect(try ask("PING") == .simple("PONG"))
            #expect(try store.number("SELECT id FROM public.canary") == 1)
            #expect(!FileManager.default.fileExists(atPath: store.scratch.path + "/canary"))
            if let relations { #expect(try self.relations == relations) }
        }

        /// But for partitions, which times of requests may need, and what they have of their own.
        var relations: Int64 {
            get throws {
                try store.number("SELECT count(*) FROM pg_class WHERE NOT relispartition AND relkind NOT IN ('t', 'i')")
            }
        }
    }

    private static func json(_ text: String) -> String { Value.string(text).json }
    /// Bytes as the characters of their numbers, as replies have them.
    private static func bytes(_ text: String) -> Reply {
        .bulk(String(String.UnicodeScalarView(text.utf8.map { Unicode.Scalar($0) })))
    }
    /// What PostgreSQL can store.
    private static let storable = HostileText.all.map(\.text).filter {
        !$0.unicodeScalars.contains("\0") && !$0.isEmpty
    }
    /// A key has at most 2,000 bytes; a longer text is a value only.
    private static func key(_ text: String) -> String { text.utf8.count <= 2_000 ? text : "long\(text.utf8.count)" }

    @Test func `any text is a key and a value over RESP, HTTP, files and psql, and NUL is refused everywhere`() throws {
        let place = try Place()
        let before = try place.relations
        for text in Self.storable {
            let written = try place.ask("FS.SET", "texts", Self.key(text), "2026-01-01T00:00:00Z", "s", text)
            #expect(written.integer != nil, "\(text.debugDescription): \(written)")
            let read = try place.ask("FS.GET", "texts", Self.key(text))
            #expect(read["s"] == Self.bytes(text), "\(text.debugDescription): \(read)")
            let answer = try HTTPProbe.ask(
                place.http,
                "POST",
                "/v1/serve/all",
                body: "{\"keys\":{\"thing_id\":[\(Self.json(Self.key(text)))]}}"
            )
            // As text: Foundation's reader of JSON drops a mark of byte order.
            #expect(answer.body.contains("\"rows\":[[\(Self.json(text)),null]]"), "\(text.debugDescription): \(answer)")
        }
        // PostgreSQL has them as they are.
        let session = try place.store.session()
        let rows = try session.query("SELECT thing_id, s FROM history.texts")
        let stored = Set((0..<rows.count).map { row in (0...1).map { Array((rows.text(row, $0) ?? "").utf8) } })
        #expect(stored == Set(Self.storable.map { [Array(Self.key($0).utf8), Array($0.utf8)] }))
        #expect(rows.count == Self.storable.count)
        let long = try place.ask("FS.SET", "texts", String(repeating: "x", count: 2_001), "*", "s", "x")
        #expect(long.text?.contains("2000 are allowed") == true, "\(long)")
        for words in [
            ["FS.SET", "texts", "a\u{0}b", "*", "s", "x"], ["FS.SET", "texts", "a", "*", "s", "a\u{0}b"],
            ["FS.SET", "te\u{0}xts", "a", "*", "s", "x"], ["FS.WRITE", "texts,thing_id=a\u{0}b s=\"x\""],
            ["FS.WRITE", "texts,thing_id=a s=\"\u{0}\""],
        ] {
            guard place.client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
            let reply = try place.client.reply()
            #expect(reply.isError, "\(words): \(reply)")
        }
        try place.expectUnharmed(before)
        #expect(place.served.stop().status == 0)
    }

    @Test func `any text comes in by files and line protocol, and leaves by exports, to the byte`() throws {
        let place = try Place()
        let texts = Self.storable
        var (lines, spine) = ("", "")
        for (index, text) in texts.enumerated() {
            lines +=
                "{\"thing_id\":\(Self.json(Self.key(text))),\"event_time\":\"2026-01-01T00:00:00Z\",\"s\":\(Self.json(text)),\"l\":[\(Self.json(text)),\"\(index)\"]}\n"
            spine += "{\"thing_id\":\(Self.json(Self.key(text))),\"at\":\"2026-02-01T00:00:00Z\",\"n\":\(index)}\n"
        }
        _ = try place.store.scratch.write("rows.jsonl", lines)
        _ = try place.store.scratch.write("spine.jsonl", spine)
        let ingested = try place.store.asof(["ingest", "texts", "rows.jsonl"])
        #expect(ingested.status == 0, "\(ingested.error)")
        for format in ["jsonl", "csv", "parquet"] {
            let out = "out.\(format)"
            let exported = try place.store.asof([
                "export", "--spine", "spine.jsonl", "--label-time", "at", "--features", "texts.*", "--out", out,
            ])
            #expect(exported.status == 0, "\(exported.error)")
            let verified = try place.store.asof(["verify", out])
            #expect(verified.status == 0, "\(verified.error)")
        }
        let made = try String(contentsOfFile: place.store.scratch.path + "/out.jsonl", encoding: .utf8)
        // Scalars, since a line may end within a text that a character spans.
        let rows = made.utf8.split(separator: UInt8(ascii: "\n"))
        #expect(rows.count == texts.count)
        for (row, text) in zip(rows, texts) {
            let object = try JSONSerialization.jsonObject(with: Data(row)) as? [String: Any]
            #expect(
                (object?["texts__s"] as? String).map { Array($0.utf8) } == Array(text.withoutMark.utf8),
                "\(text.debugDescription)"
            )
            #expect((object?["texts__l"] as? [String])?.first.map { Array($0.utf8) } == Array(text.withoutMark.utf8))
        }
        // Line protocol knows quoted strings; a key is a tag, which has no line ends.
        var count = 0
        for (index, text) in texts.enumerated() where text.utf8.count < 1_000 {
            let quoted = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            let reply = try place.ask("FS.WRITE", "texts,thing_id=line\(index) s=\"\(quoted)\" 1767225600000000000")
            #expect(reply["accepted"] == .integer(1), "\(text.debugDescription): \(reply)")
            #expect(
                try place.ask("FS.GET", "texts", "line\(index)")["s"] == Self.bytes(text),
                "\(text.debugDescription)"
            )
            count += 1
        }
        #expect(count > 100)
        try place.expectUnharmed()
    }

    @Test func `any text in the place of a name is answered, by RESP and HTTP, and pages show it as text`() throws {
        let place = try Place()
        let before = try place.relations
        for text in HostileText.all.map(\.text) where text != "all" {
            let label = text.prefix(60).debugDescription
            for words in [
                ["FS.GET", text, "1"], ["FS.MGET", text, "1", "1"], ["FS.SERVE", text, "KEYS", "0", "ROWS", "1"],
                ["FS.SET", text, "1", "*", "s", "x"], ["FS.SET", "texts", "1", "*", text, "x"], ["FS.VIEW", text],
                ["FS.SERVICE", text], ["FS.GET", "texts", "1", "FEATURES", "1", text], ["FS.ASOF", text, "1", "*"],
                ["ML.MODEL", text], ["ML.PREDICT", text, "KEYS", "0", "ROWS", "1"], ["ML.ALIAS", text, text, "1"],
                ["FS.SET", "texts", "1", text, "s", "x"], ["FS.SERVE", "all", "KEYS", "1", text, "ROWS", "1", "x"],
            ] {
                guard place.client.send(RespClient.request(words)) else { throw Trouble("the connection was lost") }
                let reply = try place.client.reply()
                // '*' and numbers are times.
                let isTime = words[0] == "FS.SET" && words[3] == text && ["*", "1", "-1", "now"].contains(text)
                #expect(reply.isError || isTime, "\(label) \(words[0]): \(reply)")
                let message = reply.text ?? ""
                #expect(
                    message.utf8.count < 2_000 && message.unicodeScalars.allSatisfy { $0.value >= 32 },
                    "\(label): \(message)"
                )
                #expect(!message.contains("syntax error"), "\(label): \(message)")
            }
            let encoded = text.utf8.map { byte in "%" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }
                .joined()
            // A path of slashes is that of the list.
            guard encoded.utf8.count < 6_000, !text.isEmpty, text != "//" else { continue }
            for path in [
                "/v1/views/\(encoded)", "/v1/services/\(encoded)", "/views/\(encoded)", "/models/\(encoded)",
                "/views?q=\(encoded)",
            ] {
                let answer = try HTTPProbe.ask(place.http, "GET", path)
                #expect(
                    (400..<500).contains(answer.status) || path.contains("?q=") && answer.status == 200,
                    "\(label) \(path.prefix(20)): \(answer.status)"
                )
                guard answer.headers["content-type"]?.hasPrefix("text/html") == true else {
                    #expect(answer.headers["x-content-type-options"] == "nosniff", "\(label): \(answer.headers)")
                    continue
                }
                let body = answer.body
                #expect(
                    !body.contains("<script>alert") && !body.contains("<img src") && !body.contains("syntax error"),
                    "\(label): \(body)"
                )
            }
        }
        try place.expectUnharmed(before)
        let output = place.served.stop()
        #expect(output.status == 0)
        #expect(
            output.error.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control },
            "\(output.error)"
        )
    }

    @Test func `files and sources have any name, and audit and log show it on one line`() throws {
        let place = try Place()
        let names = HostileText.all.filter(\.isFileName).map(\.text)
        try #require(names.count >= 100)
        let folder = place.store.scratch.path
        _ = try place.store.scratch.write("spine.csv", "thing_id,at\nk1,2026-02-01T00:00:00Z\n")
        var inputs: [String] = []
        for (index, name) in names.enumerated() {
            // A name as an argument that could be an option, or standard input.
            let path = "./in\(name)"
            try Data("thing_id,event_time,s\nk\(index),2026-01-01T00:00:00Z,x\n".utf8).write(
                to: URL(fileURLWithPath: folder + "/in" + name)
            )
            inputs.append(path)
        }
        let ingested = try place.store.asof(["ingest", "texts"] + inputs + ["--format", "csv"])
        #expect(ingested.status == 0, "\(ingested.error)")
        #expect(try place.store.number("SELECT count(*) FROM history.texts") == names.count)
        #expect(try place.store.number("SELECT count(DISTINCT name) FROM asof.sources") == names.count)
        let store = place.store
        let failures = SideBySide.run(2, seconds: 500) { part in
            for (index, name) in names.enumerated() where index % 2 == part {
                let out = "./out\(name)"
                let exported = try store.asof([
                    "export", "--spine", "spine.csv", "--label-time", "at", "--features", "texts.*", "--format", "csv",
                    "--out", out,
                ])
                #expect(exported.status == 0, "\(name.debugDescription): \(exported.error)")
                #expect(FileManager.default.fileExists(atPath: folder + "/out" + name), "\(name.debugDescription)")
            }
        }
        #expect(failures.isEmpty, "\(failures)")
        let json = try place.store.asof(["audit", "--json", "--limit", "10000"])
        var subjects: Set<[UInt8]> = []
        for line in json.out.utf8.split(separator: UInt8(ascii: "\n")) {
            let entry = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
            if entry["action"] as? String == "export" {
                subjects.insert(Array((entry["subject"] as? String ?? "").utf8))
            }
        }
        #expect(subjects == Set(names.map { Array("out\($0)".utf8) }))
        // Nobody forges a line of what people read.
        let entries = try place.store.number("SELECT count(*) FROM asof.audit")
        for (arguments, lines) in [
            (["audit", "--limit", "10000"], Int(entries) + 1), (["log", "--limit", "10000"], nil),
        ] as [([String], Int?)] {
            let text = try place.store.asof(arguments).out
            #expect(
                text.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control },
                "\(arguments)"
            )
            if let lines { #expect(text.utf8.split(separator: UInt8(ascii: "\n")).count == lines, "\(arguments)") }
        }
        try place.expectUnharmed()
    }
}

extension String {
    /// As Foundation's reader of JSON gives it.
    fileprivate var withoutMark: String { replacing("\u{FEFF}", with: "") }
}
